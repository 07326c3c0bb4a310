"""What the AWS account says: whose it is, what it may still make, and where the nodes' type is offered."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra import preflight
from infra.aws import cidr, instances, kept, offerings, standing
from infra.settings import Settings
from ops import peaks
from ops.doctor.address import check_address
from ops.doctor.budget import check_budget
from ops.doctor.database import check_database
from ops.doctor.finding import Finding, attempt, broken, ok, refused, warning
from ordering.errors import UserError

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.literals import InstanceTypeType

# infra.aws.cluster gives the control plane the first two zones; EKS has none in these (EKS user guide, "Subnet
# requirements for clusters").
WITHOUT_EKS = frozenset(("use1-az3", "usw1-az2", "cac1-az3"))

# Codes of Service Quotas.
VPCS = ("vpc", "L-F678F1CE")
ADDRESSES = ("ec2", "L-0263D0A3")

_STANDARD = instances.vcpu_quota("m5.xlarge")

_CONFIG = Config(connect_timeout=5, read_timeout=15, retries={"max_attempts": 2})


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a stack needs of something that is limited: `used` by others, `wanted` by the stack in all."""

    name: str
    limit: int
    used: int
    wanted: int
    at_most: int
    """What the stack may take for a while, or grow to."""


def check_account(region: str, config: Mapping[str, str], settings: Settings | None) -> list[Finding]:
    """Credentials and account first; with settings of a stack that makes a cluster, what it needs of the account.

    `config` is the stack's whole configuration, of which `aws:allowedAccountIds` says where it belongs.
    """
    findings = attempt("credentials", lambda: check_caller(region, config))
    if findings[0].state == "broken" or settings is None:
        return findings
    of_a_cluster = (("quotas", check_quotas), ("zones", check_zones)) if settings.cluster.mode == "create" else ()
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
    ec2 = _ec2(settings.region)
    gateways = len(settings.network.zones) if settings.network.nat == "per-zone" else 1
    vpcs = [vpc for page in ec2.get_paginator("describe_vpcs").paginate() for vpc in page["Vpcs"]]
    addresses = ec2.describe_addresses()["Addresses"]
    yield _quota(settings, "VPCs", VPCS, used=_others(vpcs, settings), wanted=1)
    yield _quota(settings, "elastic addresses", ADDRESSES, used=_others(addresses, settings), wanted=gateways)

    yield from _vcpu_quotas(ec2, settings)


def _vcpu_quotas(ec2: "EC2Client", settings: Settings) -> Iterator[Finding]:
    """One finding for each quota that counts some of the stack's nodes."""
    sizes = _vcpus(ec2, {name for one in peaks.asked(settings) for name in one.instance_types})
    by_code: dict[str, list[peaks.Asked]] = {}
    for one in peaks.asked(settings):
        code = instances.vcpu_quota(one.instance_types[0], spot=one.spot)
        if code is None:
            found = f"no quota is known for the family of {one.instance_types[0]}"
            yield warning("vCPUs", found, "look it up under Service Quotas, EC2")
        else:
            by_code.setdefault(code, []).append(one)
    for code, together in by_code.items():
        others, own = _running_vcpus(ec2, settings, code)
        need = peaks.vcpus(together, sizes, own)
        name = "vCPUs" if code == _STANDARD else f"vCPUs ({', '.join(one.name for one in together)})"
        yield _quota(settings, name, ("ec2", code), used=others, wanted=need.now, at_most=need.at_most)


def judge(need: Need) -> Finding:
    """Whether what is left of a quota is enough."""
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
        return boto3.client(service, region_name=settings.region, config=_CONFIG)  # type: ignore[call-overload]

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


def _quota(
    settings: Settings, name: str, code: tuple[str, str], *, used: int, wanted: int, at_most: int = 0
) -> Finding:
    limit = _limit(settings.region, *code)
    if limit is None:
        where = f"the quota {code[1]} of {code[0]} cannot be read; {used} used by others, {wanted} for this stack"
        return warning(name, where, "look it up under Service Quotas, or allow servicequotas:GetServiceQuota")
    return judge(Need(name=name, limit=limit, used=used, wanted=wanted, at_most=max(at_most, wanted)))


def _limit(region: str, service: str, code: str) -> int | None:
    """The account's quota, or AWS's default where the account has none of its own; None when neither is told."""
    client = boto3.client("service-quotas", region_name=region, config=_CONFIG)
    try:
        return int(client.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"])
    except ClientError:
        pass
    try:
        pages = client.get_paginator("list_aws_default_service_quotas").paginate(ServiceCode=service)
        for page in pages:
            for quota in page["Quotas"]:
                if quota["QuotaCode"] == code:
                    return int(quota["Value"])
    except ClientError:
        pass
    return None


def _running_vcpus(ec2: "EC2Client", settings: Settings, code: str) -> tuple[int, int]:
    """vCPUs of running instances that the quota counts: others', and the stack's own."""
    pages = ec2.get_paginator("describe_instances").paginate(
        Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    )
    running = [item for page in pages for reservation in page["Reservations"] for item in reservation["Instances"]]
    counted = [
        (str(item["InstanceType"]), _is_own(item, settings))
        for item in running
        # Spot instances have quotas of their own.
        if instances.vcpu_quota(str(item["InstanceType"]), spot=item.get("InstanceLifecycle") == "spot") == code
    ]
    sizes = _vcpus(ec2, {name for name, _ in counted})
    others, own = (sum(sizes[name] for name, mine in counted if mine is which) for which in (False, True))
    return others, own


def _vcpus(ec2: "EC2Client", instance_types: Iterable[str]) -> dict[str, int]:
    names = cast("list[InstanceTypeType]", sorted(instance_types))
    if not names:
        return {}
    found = ec2.describe_instance_types(InstanceTypes=names)["InstanceTypes"]
    return {str(one["InstanceType"]): int(one["VCpuInfo"]["DefaultVCpus"]) for one in found}


def _others(items: Iterable[Mapping[str, Any]], settings: Settings) -> int:
    return sum(1 for item in items if not _is_own(item, settings))


def _is_own(item: Mapping[str, Any], settings: Settings) -> bool:
    tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags", ())}
    return (tags.get("pulumi:project"), tags.get("pulumi:stack")) == (settings.project, settings.stack)


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
    return boto3.client("ec2", region_name=region, config=_CONFIG)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
