"""What a look at a cluster comes to."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Remark:
    """A sentence about a cluster, and whether a run must stop for it."""

    check: str
    sentence: str
    stops: bool = False
