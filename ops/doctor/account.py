"""What the AWS account says: whose it is, what it may still make, and where the nodes' type is offered."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra import preflight
from infra.aws import cidr, instances, kept, offerings, standing
from infra.aws.patience import PATIENCE
from infra.settings import Settings
from ops import peaks, quotas
from ops.doctor.address import check_address
from ops.doctor.budget import check_budget
from ops.doctor.database import check_database
from ops.doctor.endpoints import check_endpoints
from ops.doctor.finding import Finding, attempt, broken, ok, refused, warning
from ordering.errors import UserError

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.literals import InstanceTypeType

# infra.aws.cluster gives the control plane the first two zones; EKS has none in these (EKS user guide, "Subnet
# requirements for clusters").
WITHOUT_EKS = frozenset(("use1-az3", "usw1-az2", "cac1-az3"))


def check_account(region: str, config: Mapping[str, str], settings: Settings | None) -> list[Finding]:
    """Credentials and account first; with settings of a stack that makes a cluster, what it needs of the account.

    `config` is the stack's whole configuration, of which `aws:allowedAccountIds` says where it belongs.
    """
    findings = attempt("credentials", lambda: check_caller(region, config))
    if findings[0].state == "broken" or settings is None:
        return findings
    checks = (("quotas", check_quotas), ("zones", check_zones), ("endpoints", check_endpoints))
    of_a_cluster = checks if settings.cluster.mode == "create" else ()
    if of_a_cluster:
        findings += attempt("access", lambda: check_access(settings))
        findings += attempt("address", lambda: check_address(settings))
        findings += attempt("database", lambda: check_database(settings))
    return findings + [
        finding
        for check, find in (*of_a_cluster, ("budget", check_budget), ("kept", check_kept))
        for finding in _asked(check, find, settings)
    ]


def check_caller(region: str, config: Mapping[str, str]) -> Iterator[Finding]:
    """Whose credentials these are, and whether the stack is for that account."""
    caller = preflight.check_aws(region)
    yield ok("credentials", caller.arn)
    allowed = [str(account) for account in json.loads(config.get("aws:allowedAccountIds", "[]"))]
    if not allowed:
        pin = f"pin it: pulumi config set --path 'aws:allowedAccountIds[0]' {caller.account}"
        yield ok("account", f"{caller.account}, and the stack allows any", pin)
    elif caller.account in allowed:
        yield ok("account", caller.account)
    else:
        yield broken(
            "account",
            f"the credentials are of {caller.account}, and the stack belongs to {', '.join(allowed)}",
            "set AWS_PROFILE to a profile of that account",
        )


def check_access(settings: Settings) -> Iterator[Finding]:
    """Whether the cluster lets in whoever asks, if it is there."""
    caller = preflight.check_aws(settings.region)
    living = standing.look(settings, caller)
    found = standing.standing(living, caller, settings.cluster.access)
    if found == "creator":
        yield ok("access", "there is no cluster yet, and whoever creates it administers it")
    elif found == "administrator":
        yield ok("access", f"{caller.principal} administers the cluster")
    else:
        fault, _, advice = standing.sentence(found, living, caller, settings).rstrip(".").rpartition("; ")
        told = fault or advice
        yield broken("access", told, advice) if found == "stranger" else warning("access", told, advice)


def check_quotas(settings: Settings) -> Iterator[Finding]:
    """Whether the account still has a VPC, addresses and vCPUs for the stack; what the stack has already counts."""
    yield from map(judge, quotas.needs(settings))
    for instance_type in quotas.unknown(settings):
        found = f"no quota is known for the family of {instance_type}"
        yield warning("vCPUs", found, "look it up under Service Quotas, EC2")


def judge(need: quotas.Need) -> Finding:
    """Whether what is left of a quota is enough."""
    if need.limit is None:
        asked = f"the quota {need.code[1]} of {need.code[0]} cannot be read"
        where = f"{asked}; {need.used} used by others, {need.wanted} for this stack"
        return warning(need.name, where, "look it up under Service Quotas, or allow servicequotas:GetServiceQuota")
    left = need.limit - need.used
    found = f"{need.used} of {need.limit} used by others, {need.wanted} for this stack"
    if left < need.wanted:
        return broken(
            need.name, found, f"ask for at least {need.used + need.wanted} under Service Quotas, or free some"
        )
    if left < need.at_most:
        return warning(
            need.name,
            f"{found}, {need.at_most} while nodes are renewed or with as many as the settings allow",
            f"ask for {need.used + need.at_most} under Service Quotas before that",
        )
    return ok(need.name, found)


def check_kept(settings: Settings) -> Iterator[Finding]:
    """What an earlier life of the stack left, and whether its names are free."""

    def client(service: str) -> Any:
        return boto3.client(service, region_name=settings.region, config=PATIENCE)  # type: ignore[call-overload]

    try:
        found = kept.look(client, settings)
    except UserError as error:
        yield refused("names", error)
        return
    took = (found.bucket, found.repository, found.log_group, found.file_system, found.vault)
    there = [one for one in took if one]
    if there:
        yield ok("kept", f"{', '.join(there)}: what of these is not in the state, the next `up` takes over")
    for what, listed in (("buckets", kept.buckets), ("repositories", kept.repositories)):
        if len(several := listed(client, kept.names(settings))) > 1:
            yield warning(
                "kept",
                f"{len(several)} {what} are this stack's: {', '.join(several)}",
                f"delete all but one, else the next `up` of an empty state makes another; "
                f"`make leftovers STACK={settings.stack}` lists them",
            )


def check_zones(settings: Settings) -> Iterator[Finding]:
    """Whether the zones are there for this account, EKS is in them, and the nodes' type is offered in each."""
    ec2 = _ec2(settings.region)
    zones = {zone.get("ZoneName", ""): zone for zone in ec2.describe_availability_zones()["AvailabilityZones"]}
    there = [zone for zone in settings.network.zones if zones.get(zone, {}).get("State") == "available"]
    missing = [zone for zone in settings.network.zones if zone not in there]
    if missing:
        usable = ", ".join(sorted(name for name, zone in zones.items() if zone.get("State") == "available"))
        yield broken("zones", f"not available: {', '.join(missing)}", f"set networkZones to some of {usable}")
    without = [zone for zone in there if zones[zone].get("ZoneId") in WITHOUT_EKS]
    if without_control_plane := [
        zone for zone in without if zone in settings.network.zones[: cidr.CONTROL_PLANE_ZONES]
    ]:
        yield broken(
            "zones",
            f"EKS has no control plane in {', '.join(without_control_plane)}",
            f"put other zones first in networkZones, which starts with its {cidr.CONTROL_PLANE_ZONES}",
        )
    elif not missing:
        yield ok("zones", ", ".join(there))
    for one in peaks.asked(settings):
        for name in one.instance_types:
            offered = _offered(ec2, name, [zone for zone in one.zones if zone in there], one.setting)
            yield offered
            if offered.state == "ok":
                yield from check_type(ec2, name, one.setting)


def check_type(ec2: "EC2Client", instance_type: str, setting: str = "nodesInstanceType") -> Iterator[Finding]:
    """Whether the type is what its name says, so that the nodes' image has the drivers of its accelerator."""
    [told] = ec2.describe_instance_types(InstanceTypes=[cast("InstanceTypeType", instance_type)])["InstanceTypes"]
    if fault := offerings.misnamed(instance_type, told):
        yield broken("nodes' image", fault, f"choose another in {setting}")
    elif setting == "nodesInstanceType" and instances.is_arm(instance_type):
        found = f"{instance_type} is for arm64, and several of Kubeflow's images are for x86 alone"
        yield broken("nodes' image", found, "choose another nodesInstanceType")


def _offered(ec2: "EC2Client", instance_type: str, zones: list[str], setting: str) -> Finding:
    offered = offerings.zones_of(ec2, instance_type)
    lacking = [zone for zone in zones if zone not in offered]
    if not offered:
        return broken("instance type", f"{instance_type} is not offered in this region", f"set {setting}")
    if lacking:
        where = "networkZones" if setting == "nodesInstanceType" else "the pool's zones"
        return broken(
            "instance type",
            f"{instance_type} is not offered in {', '.join(lacking)}",
            f"leave those out of {where}, or choose another in {setting} (offered in {_listed(offered)})",
        )
    return ok("instance type", f"{instance_type} is offered in each zone")


def _asked(check: str, find: Callable[[Settings], Iterable[Finding]], settings: Settings) -> list[Finding]:
    """What a check finds, or a warning where AWS does not let it look."""
    try:
        return list(find(settings))
    except ClientError as error:
        told = error.response.get("Error", {})
        reason = f"{error.operation_name}: {told.get('Message') or told.get('Code')}"
        return [warning(check, f"AWS refuses to say ({reason})", "allow it, or look by hand")]
    except BotoCoreError as error:
        return [warning(check, f"AWS does not answer ({error})", "run this again")]


def _ec2(region: str) -> "EC2Client":
    return boto3.client("ec2", region_name=region, config=PATIENCE)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
