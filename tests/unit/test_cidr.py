from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.aws import cidr
from ordering.errors import UserError

ZONES = tuple(f"us-west-2{letter}" for letter in "abcd")
zones = st.lists(st.sampled_from(cidr.ZONE_LETTERS), min_size=2, unique=True).map(
    lambda letters: tuple(f"eu-west-1{letter}" for letter in letters)
)
blocks = st.integers(cidr.LARGEST_PREFIX, cidr.SMALLEST_PREFIX).map(lambda prefix: IPv4Network(f"10.64.0.0/{prefix}"))


def test_the_default_network_gives_each_zone_a_small_public_and_a_large_private_subnet() -> None:
    first, second, *_ = cidr.plan(IPv4Network("10.0.0.0/16"), ZONES)
    assert (str(first.private), str(first.public)) == ("10.0.0.0/20", "10.0.16.0/22")
    assert (str(second.private), str(second.public)) == ("10.0.32.0/20", "10.0.48.0/22")


def test_four_zones_of_a_16_hold_sixteen_thousand_pods() -> None:
    assert cidr.pod_addresses(IPv4Network("10.0.0.0/16"), ZONES) == 4 * 4091


@given(blocks, zones)
def test_subnets_lie_in_the_vpc_and_never_overlap(block: IPv4Network, names: tuple[str, ...]) -> None:
    subnets = [subnet for zone in cidr.plan(block, names) for subnet in (zone.public, zone.private)]
    assert all(subnet.subnet_of(block) for subnet in subnets)
    assert not any(a.overlaps(b) for i, a in enumerate(subnets) for b in subnets[i + 1 :])


@given(blocks, zones)
def test_a_zone_keeps_its_subnets_when_others_come_and_go(block: IPv4Network, names: tuple[str, ...]) -> None:
    alone = {zone: cidr.plan(block, (zone,))[0] for zone in names}
    assert {plan.zone: plan for plan in cidr.plan(block, tuple(reversed(names)))} == alone


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("10.0.0.0", "'10.0.0.0' is not the start of its block; write 10.0.0.0/32."),
        ("ten", "'ten' is not an IPv4 block; write one like 10.0.0.0/16."),
        ("10.0.0.1/16", "'10.0.0.1/16' is not the start of its block; write 10.0.0.0/16."),
        ("8.8.0.0/16", "8.8.0.0/16 is not private; choose a block inside one of 10.0.0.0/8, "),
        ("10.0.0.0/21", "10.0.0.0/21 is too small, since every pod takes an address of the VPC; choose /16 to /20."),
        ("10.0.0.0/15", "10.0.0.0/15 is larger than AWS allows; choose /16 to /20."),
        ("172.20.64.0/20", "172.20.64.0/20 overlaps 172.20.0.0/16, where the cluster's Services get their addresses"),
    ],
)
def test_a_bad_block_is_refused_with_what_to_write(text: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        cidr.parse_vpc(text)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("text", ["10.0.0.0/16", "172.16.0.0/20", "192.168.0.0/16", "100.64.0.0/16", "172.17.0.0/16"])
def test_a_private_block_of_the_right_size_passes(text: str) -> None:
    assert str(cidr.parse_vpc(text)) == text
