"""What the AWS account says: whose it is, what it may still make, and where the nodes' type is offered."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra import preflight
from infra.aws import cidr, instances, kept, standing
from infra.settings import Settings
from ops import renewal
from ops.doctor.address import check_address
from ops.doctor.finding import Finding, attempt, broken, ok, refused, warning
from ordering.errors import UserError

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.literals import InstanceTypeType

# infra.aws.cluster gives the control plane the first two zones; EKS has none in these (EKS user guide, "Subnet
# requirements for clusters").
WITHOUT_EKS = frozenset(("use1-az3", "usw1-az2", "cac1-az3"))

# Codes of Service Quotas. vCPUs are counted by families of instance types.
VPCS = ("vpc", "L-F678F1CE")
ADDRESSES = ("ec2", "L-0263D0A3")
_VCPUS = {"g": "L-DB2E81BA", "vt": "L-DB2E81BA", "p": "L-417A185B"}
_STANDARD_VCPUS, _STANDARD = "L-1216C47A", frozenset("acdhimrtz")

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
    return findings + [
        finding for check, find in (*of_a_cluster, ("kept", check_kept)) for finding in _asked(check, find, settings)
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

    family = "".join(letter for letter in settings.nodes.instance_type.split(".")[0] if letter.isalpha())
    code = vcpu_quota(settings.nodes.instance_type)
    if code is None:
        yield warning("vCPUs", f"no quota is known for the family {family}", "look it up under Service Quotas, EC2")
        return
    nodes = settings.nodes
    each = _vcpus(ec2, [nodes.instance_type])[nodes.instance_type]
    others, own = _running_vcpus(ec2, settings, code)
    # Another type, or other zones, make a new group beside the one that there is; what it has may be of another size.
    replacing = max(own, each * nodes.desired) + each * nodes.desired
    rolling = each * renewal.rolling_peak(nodes.desired, len(settings.network.zones))
    yield _quota(
        settings,
        "vCPUs",
        ("ec2", code),
        used=others,
        wanted=each * nodes.desired,
        at_most=max(replacing, rolling, each * nodes.max),
    )


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
            f"{found}, {need.at_most} while nodes are renewed or with nodesMax",
            f"ask for {need.used + need.at_most} under Service Quotas before that",
        )
    return ok(need.name, found)


def vcpu_quota(instance_type: str) -> str | None:
    """The code of the quota that counts the vCPUs of an on-demand instance type, where it is known."""
    letters = ""
    for letter in instance_type:
        if not letter.isalpha():
            break
        letters += letter
    if letters in _VCPUS:
        return _VCPUS[letters]
    return _STANDARD_VCPUS if letters in _STANDARD else None


def check_kept(settings: Settings) -> Iterator[Finding]:
    """What an earlier life of the stack left, and whether its names are free."""

    def client(service: str) -> Any:
        return boto3.client(service, region_name=settings.region, config=_CONFIG)  # type: ignore[call-overload]

    try:
        found = kept.look(client, settings)
    except UserError as error:
        yield refused("names", error)
        return
    there = [one for one in (found.bucket, found.repository, found.log_group, found.file_system) if one]
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
    offered = _offered(ec2, settings.nodes.instance_type, there)
    yield offered
    if offered.state == "ok":
        yield from check_type(ec2, settings.nodes.instance_type)


def check_type(ec2: "EC2Client", instance_type: str) -> Iterator[Finding]:
    """Whether the type is what its name says: x86, and with the accelerator that the nodes' image has drivers for."""
    [told] = ec2.describe_instance_types(InstanceTypes=[cast("InstanceTypeType", instance_type)])["InstanceTypes"]
    image = instances.image(instance_type)
    architectures = told.get("ProcessorInfo", {}).get("SupportedArchitectures", [])
    makers = {gpu.get("Manufacturer", "") for gpu in told.get("GpuInfo", {}).get("Gpus", [])}
    if "x86_64" not in architectures:
        found = f"{instance_type} is for {_listed(architectures)}, and several of Kubeflow's images are for x86 alone"
        yield broken("nodes' image", found, "choose another nodesInstanceType")
    elif ("NVIDIA" in makers) is not (image == "AL2023_x86_64_NVIDIA"):
        found = f"{instance_type} has GPUs of {_listed(makers) or 'nobody'}, and the nodes' image would be {image}"
        yield broken("nodes' image", found, "choose another nodesInstanceType")
    elif makers:
        found = f"{image}, with drivers; pods are given GPUs only where a device plugin runs"
        yield warning("nodes' image", found, "install NVIDIA's device plugin, or choose a type without GPUs")


def _offered(ec2: "EC2Client", instance_type: str, zones: list[str]) -> Finding:
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [instance_type]}]
    )
    offered = {offering.get("Location", "") for page in pages for offering in page["InstanceTypeOfferings"]}
    lacking = [zone for zone in zones if zone not in offered]
    if not offered:
        return broken("instance type", f"{instance_type} is not offered in this region", "set nodesInstanceType")
    if lacking:
        return broken(
            "instance type",
            f"{instance_type} is not offered in {', '.join(lacking)}",
            f"leave those out of networkZones, or choose another nodesInstanceType (offered in {_listed(offered)})",
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
        # Spot instances have a quota of their own.
        if item.get("InstanceLifecycle") != "spot" and vcpu_quota(str(item["InstanceType"])) == code
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
