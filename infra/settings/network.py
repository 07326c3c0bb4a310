"""The settings of the network that a stack creates: its addresses, its zones, its way out."""

from ipaddress import IPv4Network
from typing import Literal, cast

from infra.aws import cidr
from infra.settings.model import NetworkSettings, NodeSettings, Settings
from infra.settings.raw import RawSettings
from ordering.errors import UserError


def read_network(raw: RawSettings, region: str, nodes: NodeSettings) -> NetworkSettings:
    """The VPC, large enough for the nodes."""
    try:
        block = cidr.parse_vpc(raw.text("networkCidr"))
    except UserError as error:
        if raw.sound("networkCidr"):
            raw.problem("networkCidr", str(error))
        block = IPv4Network("10.0.0.0/16")
    zones = raw.texts("networkZones")
    if raw.sound("networkZones"):
        _check_zones(raw, zones, region)
    if raw.sound("networkCidr", "networkZones", "nodesMax"):
        has, needs = cidr.pod_addresses(block, zones), nodes.max * cidr.ADDRESSES_PER_NODE
        if has < needs:
            raw.problem(
                "networkCidr",
                f"{block} is too small: its private subnets hold {has} addresses, and {nodes.max} nodes (nodesMax) "
                f"take up to {needs}; choose a larger block, more zones or fewer nodes.",
            )
    nat = cast("Literal['single', 'per-zone', 'none']", raw.text("networkNat", ("single", "per-zone", "none")))
    return NetworkSettings(cidr=block, zones=zones, nat=nat)


def check_way_out(raw: RawSettings, settings: Settings) -> None:
    """What needs the internet where nodes and pods have no way there."""
    if settings.network.nat != "none" or settings.cluster.mode != "create":
        return
    if settings.images.source != "ecr":
        raw.problem(
            "networkNat", "'none' leaves nodes no way to the registries of a release; set imagesFrom to ecr as well."
        )
    if settings.images.secrets:
        raw.problem(
            "imagesSecrets",
            "is for images that ECR fetches, and with networkNat none all are copied; remove it.",
        )
    if settings.login.kind != "release":
        raw.problem(
            "networkNat",
            f"'none' leaves pods no way to the issuer that login {settings.login.kind} asks; set login to release, or "
            "networkNat to single.",
        )
    if settings.login.tokens:
        # The endpoint of EKS takes over names under it, its issuers' among them (eksctl user guide, "EKS Fully-Private
        # Cluster"), and keys that were written down would be old ones some day.
        raw.problem(
            "loginTokens",
            "wants the keys of the cluster's issuer, which pods do not reach with networkNat none; set it to false.",
        )
    if settings.region.startswith("cn-"):
        raw.problem(
            "networkNat",
            f"'none' is not available in {settings.region}, where AWS calls its endpoints by other names; set it to "
            "single.",
        )


def _check_zones(raw: RawSettings, zones: tuple[str, ...], region: str) -> None:
    letters = cidr.ZONE_LETTERS
    for zone in zones:
        if raw.sound("aws:region") and not (zone[:-1] == region and zone[-1] in letters):
            raw.problem(
                "networkZones",
                f"{zone!r} is not a zone of {region}; write {region}{letters[0]} to {region}{letters[-1]}.",
            )
    if len(set(zones)) < len(zones):
        raw.problem("networkZones", f"{', '.join(zones)} names a zone twice.")
    if len(zones) < 2:
        raw.problem("networkZones", f"has {len(zones)}, and EKS needs at least 2; add a zone.")
