"""The address plan of the VPC: pure arithmetic, no AWS."""

from dataclasses import dataclass
from ipaddress import IPv4Network

from ordering.errors import UserError

# Where EKS puts Services unless told otherwise; said explicitly to EKS so that an overlap can be refused up front.
SERVICE_CIDR = IPv4Network("172.20.0.0/16")

# AWS allows more, but outside these ranges a VPC shadows addresses of the internet (VPC user guide, "VPC CIDR blocks").
PRIVATE_RANGES = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))

LARGEST_PREFIX, SMALLEST_PREFIX = 16, 20
# EKS cannot move its control plane to other zones later (UpdateClusterConfig), so it stays in the first of a stack's
# zones, and nodes alone spread over the rest.
CONTROL_PLANE_ZONES = 2

ZONE_LETTERS = "abcdefgh"

# The first four addresses and the last one of a subnet are AWS's (VPC user guide, "Subnet sizing").
RESERVED_ADDRESSES = 5

# The VPC CNI keeps whole network interfaces of addresses ready: 4 of 15 on an m5.xlarge.
ADDRESSES_PER_NODE = 60


@dataclass(frozen=True, kw_only=True)
class ZonePlan:
    """The two subnets of one availability zone."""

    zone: str
    public: IPv4Network
    private: IPv4Network


def plan(cidr: IPv4Network, zones: tuple[str, ...]) -> tuple[ZonePlan, ...]:
    """Give each zone an eighth of the VPC: half of it private, the next eighth of it public, the rest kept free.

    Pods take VPC addresses, so private is four times public: 4,091 and 1,019 usable addresses a zone in a /16. The
    slot is the zone's letter, not its place in the list, so adding or removing a zone moves no other zone's subnets.
    """
    blocks = list(cidr.subnets(prefixlen_diff=3))
    plans = []
    for zone in zones:
        block = blocks[ZONE_LETTERS.index(zone[-1])]
        private, rest = block.subnets()
        public = next(rest.subnets(prefixlen_diff=2))
        plans.append(ZonePlan(zone=zone, public=public, private=private))
    return tuple(plans)


def pod_addresses(cidr: IPv4Network, zones: tuple[str, ...]) -> int:
    """How many addresses the private subnets give to nodes and pods."""
    return sum(zone.private.num_addresses - RESERVED_ADDRESSES for zone in plan(cidr, zones))


def parse_vpc(text: str) -> IPv4Network:
    """The VPC's address block; UserError says what is wrong with it and what to write instead."""
    try:
        cidr = IPv4Network(text, strict=False)
    except ValueError:
        raise UserError(f"{text!r} is not an IPv4 block; write one like 10.0.0.0/16.") from None
    if str(cidr) != text:
        raise UserError(f"{text!r} is not the start of its block; write {cidr}.")
    if not any(cidr.subnet_of(private) for private in PRIVATE_RANGES):
        ranges = ", ".join(map(str, PRIVATE_RANGES))
        raise UserError(f"{cidr} is not private; choose a block inside one of {ranges}.")
    if cidr.prefixlen > SMALLEST_PREFIX:
        raise UserError(
            f"{cidr} is too small, since every pod takes an address of the VPC; "
            f"choose /{LARGEST_PREFIX} to /{SMALLEST_PREFIX}."
        )
    if cidr.prefixlen < LARGEST_PREFIX:
        raise UserError(f"{cidr} is larger than AWS allows; choose /{LARGEST_PREFIX} to /{SMALLEST_PREFIX}.")
    if cidr.overlaps(SERVICE_CIDR):
        raise UserError(
            f"{cidr} overlaps {SERVICE_CIDR}, where the cluster's Services get their addresses; choose another block."
        )
    return cidr
