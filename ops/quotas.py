"""What an AWS account may still have of VPCs, addresses and vCPUs, and what a stack needs of them."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.aws import instances
from infra.aws.patience import PATIENCE
from infra.settings import Settings
from ops import peaks, renewal
from ops.steps import Step
from ordering.errors import UserError

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.literals import InstanceTypeType

# Services and codes of Service Quotas.
VPCS = ("vpc", "L-F678F1CE")
ADDRESSES = ("ec2", "L-0263D0A3")

_STANDARD = instances.vcpu_quota("m5.xlarge")


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a stack needs of something that is limited: `used` by others, `wanted` by the stack in all.

    `at_most` is what it may take for a while, or grow to. `limit` is None where AWS does not say.
    """

    name: str
    code: tuple[str, str]
    limit: int | None
    used: int
    wanted: int
    at_most: int


def needs(settings: Settings) -> Iterator[Need]:
    """What a stack that makes its cluster needs in all; what it has already counts as its own.

    Raises what boto3 does where AWS does not answer or refuses to.
    """
    ec2 = _ec2(settings.region)
    vpcs = [vpc for page in ec2.get_paginator("describe_vpcs").paginate() for vpc in page["Vpcs"]]
    addresses = ec2.describe_addresses()["Addresses"]
    wanted = len(settings.network.gateway_zones)
    yield _need(settings, "VPCs", VPCS, used=_others(vpcs, settings), wanted=1)
    yield _need(settings, "elastic addresses", ADDRESSES, used=_others(addresses, settings), wanted=wanted)

    sizes = _vcpus(ec2, {name for one in peaks.asked(settings) for name in one.instance_types})
    by_code: dict[str, list[peaks.Asked]] = {}
    for one in peaks.asked(settings):
        if code := instances.vcpu_quota(one.instance_types[0], spot=one.spot):
            by_code.setdefault(code, []).append(one)
    for code, together in by_code.items():
        others, own = _running(ec2, settings, code)
        need = peaks.vcpus(together, sizes, own)
        name = "vCPUs" if code == _STANDARD else f"vCPUs ({', '.join(one.name for one in together)})"
        yield _need(settings, name, ("ec2", code), used=others, wanted=need.now, at_most=need.at_most)


def unknown(settings: Settings) -> list[str]:
    """Instance types of a stack of which no quota is known."""
    return [
        one.instance_types[0]
        for one in peaks.asked(settings)
        if instances.vcpu_quota(one.instance_types[0], spot=one.spot) is None
    ]


def refuse(settings: Settings, steps: Iterable[Step]) -> None:
    """UserError where these steps take more vCPUs at their peak than the account may run.

    Where AWS does not say, nothing is refused: `make doctor` says that nobody knows.
    """
    groups = [step for step in steps if step.type == renewal.GROUP]
    if all(step.change in ("same", "delete") for step in groups):
        return
    with suppress(ClientError, BotoCoreError):
        _refuse(settings, groups)


def _refuse(settings: Settings, groups: Iterable[Step]) -> None:
    ec2 = _ec2(settings.region)
    by_code: dict[str, list[Step]] = {}
    for step in groups:
        inputs = step.new or step.old
        types = inputs.get("instanceTypes") or ()
        code = instances.vcpu_quota(str(types[0]), spot=inputs.get("capacityType") == "SPOT") if types else None
        if code:
            by_code.setdefault(code, []).append(step)
    for code, together in by_code.items():
        limit = limit_of(settings.region, "ec2", code)
        if limit is None:
            continue
        sizes = _vcpus(ec2, {name for step in together for name in _types(step)})
        peak = sum(renewal.at_peak(step) * max(sizes[name] for name in _types(step)) for step in together)
        others, _ = _running(ec2, settings, code)
        if others + peak > limit:
            raise UserError(
                f"This run takes {peak} vCPUs at its peak for {_listed(together)}, {others} run for others, and the "
                f"account may run {limit} (quota {code} of ec2): ask for at least {others + peak} under Service "
                "Quotas, or choose fewer or smaller nodes. Nothing was changed."
            )


def limit_of(region: str, service: str, code: str) -> int | None:
    """The account's quota, or AWS's default where the account has none of its own; None when neither is told."""
    client = boto3.client("service-quotas", region_name=region, config=PATIENCE)
    with suppress(ClientError):
        return int(client.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"])
    with suppress(ClientError):
        for page in client.get_paginator("list_aws_default_service_quotas").paginate(ServiceCode=service):
            for quota in page["Quotas"]:
                if quota["QuotaCode"] == code:
                    return int(quota["Value"])
    return None


def _need(settings: Settings, name: str, code: tuple[str, str], *, used: int, wanted: int, at_most: int = 0) -> Need:
    limit = limit_of(settings.region, *code)
    return Need(name=name, code=code, limit=limit, used=used, wanted=wanted, at_most=max(at_most, wanted))


def _running(ec2: "EC2Client", settings: Settings, code: str) -> tuple[int, int]:
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


def _types(group: Step) -> set[str]:
    """The instance types of a group, before and after: the larger counts at the peak."""
    return {str(name) for inputs in (group.old, group.new) for name in inputs.get("instanceTypes") or ()}


def _listed(groups: Iterable[Step]) -> str:
    return ", ".join(step.name for step in groups)


def _others(items: Iterable[Mapping[str, Any]], settings: Settings) -> int:
    return sum(1 for item in items if not _is_own(item, settings))


def _is_own(item: Mapping[str, Any], settings: Settings) -> bool:
    tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags", ())}
    return (tags.get("pulumi:project"), tags.get("pulumi:stack")) == (settings.project, settings.stack)


def _ec2(region: str) -> "EC2Client":
    return boto3.client("ec2", region_name=region, config=PATIENCE)
