"""The levels in which a platform's objects went away, and how long each took. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ops.progress import Span


@dataclass(frozen=True, kw_only=True)
class Level:
    """One level of a destroy. Levels overlap: an object goes as soon as nothing that is left needs it.

    number: 0 is what needs no other object, and goes last. began, ended: seconds since the first object of all was
    asked to go. slowest: the object that took longest to go, in `slowest_s` seconds.
    """

    number: int
    objects: int
    began: float
    ended: float
    slowest: str
    slowest_s: float


def levels_of(resources: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The level of each Kubernetes object of a state, by URN.

    A state lists what is needed before what needs it, as the engine demands of it.
    """
    found: dict[str, int] = {}
    for one in resources:
        if str(one.get("type", "")).startswith("kubernetes:"):
            below = [found[need] for need in one.get("dependencies") or () if need in found]
            found[str(one["urn"])] = max(below, default=-1) + 1
    return found


def timed(levels: Mapping[str, int], spans: Mapping[str, Span]) -> list[Level]:
    """The levels with their times, in the order in which they went; objects that were not seen to go are left out."""
    by_level: dict[int, list[str]] = {}
    for urn, level in levels.items():
        if urn in spans:
            by_level.setdefault(level, []).append(urn)
    start = min((spans[urn].begun for urns in by_level.values() for urn in urns), default=0.0)
    result = []
    for number, urns in sorted(by_level.items(), reverse=True):
        slowest = max(urns, key=lambda urn: (spans[urn].seconds, urn))
        result.append(
            Level(
                number=number,
                objects=len(urns),
                began=min(spans[urn].begun for urn in urns) - start,
                ended=max(spans[urn].ended for urn in urns) - start,
                slowest=_title(slowest),
                slowest_s=spans[slowest].seconds,
            )
        )
    return result


def _title(urn: str) -> str:
    """`Deployment auth/dex` of a URN."""
    type_, name = urn.split("::")[2:]
    return f"{type_.rsplit(':', 1)[-1]} {name}"
