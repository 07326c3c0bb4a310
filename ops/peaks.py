"""How many vCPUs the nodes of a stack take of the account's quotas: now, while they are renewed, and at most."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from infra.settings import Settings
from infra.settings.groups import BASE, groups
from ops.renewal import replacing_peak, rolling_peak


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A node group as a quota sees it, and the setting that it comes from."""

    name: str
    setting: str
    instance_types: tuple[str, ...]
    spot: bool
    zones: tuple[str, ...]
    desired: int
    max: int


@dataclass(frozen=True, kw_only=True)
class Vcpus:
    """vCPUs of several groups that one quota counts."""

    now: int
    at_most: int


def asked(settings: Settings) -> list[Asked]:
    """The node groups of a stack, the base first."""
    nodes = settings.nodes
    base = Asked(
        name=BASE,
        setting="nodesInstanceType",
        instance_types=(nodes.instance_type,),
        spot=False,
        zones=settings.network.zones,
        desired=nodes.desired,
        max=nodes.max,
    )
    return [base] + [
        Asked(
            name=group.name,
            setting=f"nodePools {pool.name!r}",
            instance_types=pool.instance_types,
            spot=pool.capacity == "spot",
            zones=group.zones,
            desired=group.desired,
            max=group.max,
        )
        for pool in settings.pools
        for group in groups(pool)
    ]


def vcpus(together: Iterable[Asked], sizes: Mapping[str, int], running: int) -> Vcpus:
    """What groups take that one quota counts, of which so many vCPUs run already.

    One `up` may renew all of them at once: another type, or other zones, make new groups beside those that there are,
    whose nodes may be of another size; another image starts up to two nodes a zone more. `sizes` are vCPUs by type, and
    of several types the largest counts.
    """
    counted = [(one, max(sizes[name] for name in one.instance_types)) for one in together]
    now = sum(each * one.desired for one, each in counted)
    rolling = sum(each * rolling_peak(one.desired, len(one.zones)) for one, each in counted if one.desired)
    most = sum(each * one.max for one, each in counted)
    return Vcpus(now=now, at_most=max(replacing_peak(max(running, now), now), rolling, most))
