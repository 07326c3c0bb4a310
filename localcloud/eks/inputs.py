"""What the components take, and what of it this machine cannot do."""

from collections.abc import Mapping
from typing import Any

import pulumi

from ordering.errors import UserError

Inputs = Mapping[str, Any]

_NEEDS_NODES = "it makes machines outside a managed node group"
_NEEDS_KUBERNETES = "it writes to Kubernetes itself"
_REFUSED_CLUSTER = {
    "autoMode": _NEEDS_NODES,
    "fargate": _NEEDS_NODES,
    "nodeGroupOptions": _NEEDS_NODES,
    "creationRoleProvider": "the real component takes it from Node.js programs only",
    "roleMappings": _NEEDS_KUBERNETES,
    "userMappings": _NEEDS_KUBERNETES,
    "storageClasses": _NEEDS_KUBERNETES,
}
_USER_DATA = "it needs the boot data of EKS's machine images"
REFUSED_NODES = {
    "amiId": _USER_DATA,
    "bootstrapExtraArgs": _USER_DATA,
    "bottlerocketSettings": _USER_DATA,
    "enableEfaSupport": _USER_DATA,
    "gpu": _USER_DATA,
    "kubeletExtraArgs": _USER_DATA,
    "nodeadmExtraOptions": _USER_DATA,
    "operatingSystem": _USER_DATA,
    "placementGroupAvailabilityZone": _USER_DATA,
    "userData": _USER_DATA,
}


def refuse(component: str, inputs: Inputs, refused: Mapping[str, str]) -> None:
    """Raise UserError for an input that the local stand-in cannot honour."""
    for name, why in refused.items():
        if inputs.get(name) not in (None, False, [], {}):
            raise UserError(f"the local stand-in for {component} does not take `{name}`: {why}")


def check_cluster(inputs: Inputs) -> None:
    """The real component's own checks, then what is out of reach here."""
    component = "eks:index:Cluster"
    mode = inputs.get("authenticationMode")
    if mode not in (None, "CONFIG_MAP", "API_AND_CONFIG_MAP", "API"):
        raise UserError(
            f"Invalid value for authenticationMode: {mode}. Allowed values are: CONFIG_MAP, API_AND_CONFIG_MAP, API."
        )
    if inputs.get("subnetIds") is not None and (inputs.get("publicSubnetIds") or inputs.get("privateSubnetIds")):
        raise UserError("subnetIds, and publicSubnetIds or privateSubnetIds, exclude each other; choose one")
    if inputs.get("instanceRole") is not None and inputs.get("instanceRoles") is not None:
        raise UserError("instanceRole and instanceRoles exclude each other; choose one")
    if mode == "API" and inputs.get("instanceRoles"):
        raise UserError("instanceRoles must be empty with authenticationMode API: access entries take their place")
    if inputs.get("accessEntries") and mode in (None, "CONFIG_MAP"):
        raise UserError(f"accessEntries need authenticationMode API, which is {mode or 'not set'}")
    if mode != "API":
        raise UserError(
            f"the local stand-in for {component} takes authenticationMode API only, not "
            f"{mode or 'CONFIG_MAP, the default'}: {_NEEDS_KUBERNETES}"
        )
    if inputs.get("vpcId") is None:
        raise UserError(f"the local stand-in for {component} needs `vpcId`: it does not use the default VPC")
    refuse(component, inputs, _REFUSED_CLUSTER)
    if not inputs.get("skipDefaultNodeGroup"):
        raise UserError(
            f"the local stand-in for {component} creates no default node group: set skipDefaultNodeGroup, and add a "
            "ManagedNodeGroup"
        )


def merged_tags(*given: Any, **fixed: str) -> pulumi.Output[dict[str, str]]:
    """Tags from several inputs, the later the stronger."""

    def merge(maps: list[Mapping[str, str] | None]) -> dict[str, str]:
        result = dict(fixed)
        for tags in maps:
            result.update(tags or {})
        return result

    return pulumi.Output.all(*given).apply(merge)
