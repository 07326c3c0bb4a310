"""What EC2 says of instance types: whether each is what its name says, and in which zones it is offered."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.aws import instances
from infra.aws.patience import PATIENCE
from infra.settings import Settings
from ordering.errors import UserError

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef


def check(settings: Settings) -> None:
    """UserError for the first type of a pool that EC2 does not have in one of its zones, or has otherwise than thought.

    Whoever may not ask is let through: `make doctor` says so, and AWS refuses in the end.
    """
    if not settings.pools:
        return
    ec2: EC2Client = boto3.client("ec2", region_name=settings.region, config=PATIENCE)
    try:
        for pool in settings.pools:
            told = _types(ec2, pool.instance_types)
            for name in pool.instance_types:
                _check(ec2, f"nodePools {pool.name!r}", name, pool.zones, told.get(name))
    except (ClientError, BotoCoreError):
        return


def _check(ec2: "EC2Client", whose: str, name: str, zones: Iterable[str], told: Mapping[str, Any] | None) -> None:
    offered = zones_of(ec2, name)
    if told is None or not offered:
        raise UserError(
            f"{whose} has the instance type {name}, which EC2 does not offer in this region; choose another."
        )
    if lacking := [zone for zone in zones if zone not in offered]:
        raise UserError(
            f"{whose} has the instance type {name}, which EC2 does not offer in {', '.join(lacking)}; leave that out "
            f"of the pool's zones, or choose another type (it is offered in {', '.join(sorted(offered))})."
        )
    if fault := misnamed(name, told):
        raise UserError(f"{whose} cannot be made: {fault}; choose another instance type.")


def zones_of(ec2: "EC2Client", instance_type: str) -> set[str]:
    """The zones of the region in which a type is offered."""
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [instance_type]}]
    )
    return {offering.get("Location", "") for page in pages for offering in page["InstanceTypeOfferings"]}


def misnamed(name: str, told: Mapping[str, Any]) -> str:
    """How a type differs from what its name says of processor and accelerator; empty where it does not."""
    image = instances.image(name)
    architectures = told.get("ProcessorInfo", {}).get("SupportedArchitectures", [])
    makers = {gpu.get("Manufacturer", "") for gpu in told.get("GpuInfo", {}).get("Gpus", [])}
    wanted = "arm64" if instances.is_arm(name) else "x86_64"
    if wanted not in architectures:
        return f"{name} is for {', '.join(sorted(architectures))}, and the nodes' image would be {image}"
    if ("NVIDIA" in makers) is not instances.has_nvidia(name):
        return f"{name} has GPUs of {', '.join(sorted(makers)) or 'nobody'}, and the nodes' image would be {image}"
    return ""


def _types(ec2: "EC2Client", names: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """What EC2 says of those types that it knows."""
    filters: list[FilterTypeDef] = [{"Name": "instance-type", "Values": list(names)}]
    pages = ec2.get_paginator("describe_instance_types").paginate(Filters=filters)
    return {str(one["InstanceType"]): cast("Mapping[str, Any]", one) for page in pages for one in page["InstanceTypes"]}
