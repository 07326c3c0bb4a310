"""What is played: groups of nodes, pods that want to run there, and what came of it. Times are whole seconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from infra.settings import Taint

HOUR, DAY, WEEK = 3600, 24 * 3600, 7 * 24 * 3600

PLATFORM = "platform"
"""The team of Kubeflow's own pods."""

NOBODY = "nobody"
"""Whose a node is that runs no pods but those of every node."""


class Room(NamedTuple):
    """What a node has and a pod takes: thousandths of a CPU, bytes, GPUs, pods, and volumes that are attached."""

    cpu: int
    memory: int
    gpus: int = 0
    pods: int = 1
    volumes: int = 0

    def holds(self, other: "Room") -> bool:
        """Whether all of the other is there."""
        return (
            self.cpu >= other.cpu
            and self.memory >= other.memory
            and self.gpus >= other.gpus
            and self.pods >= other.pods
            and self.volumes >= other.volumes
        )

    def less(self, other: "Room") -> "Room":
        """What is left beside the other."""
        return Room(*(mine - its for mine, its in zip(self, other, strict=True)))

    def plus(self, other: "Room") -> "Room":
        """Both together."""
        return Room(*(mine + its for mine, its in zip(self, other, strict=True)))


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeGroup:
    """Nodes alike, between a minimum and a maximum.

    A node offers `room`, of which pods of every node leave `free`; `capacity` is what the instance itself has.
    """

    name: str
    pool: str
    arch: str
    room: Room
    free: Room
    capacity: Room
    taints: frozenset[Taint]
    zones: tuple[str, ...]
    min: int
    desired: int
    max: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Pod:
    """A pod as the scheduler sees it; None for a pool, a processor or a zone says any.

    `claim` names a volume, which stays in the zone where it is first used. `seconds` is how long it runs; without it
    a pod runs until its work ends. A pod that is not `movable` keeps its node.
    """

    name: str
    team: str
    request: Room
    pool: str | None = None
    arch: str | None = None
    zone: str | None = None
    claim: str | None = None
    tolerates: frozenset[Taint] = frozenset()
    seconds: int | None = None
    movable: bool = True

    def suits(self, group: NodeGroup) -> bool:
        """Whether a new node of the group, in the right zone, would take the pod."""
        return (
            self.pool in (None, group.pool)
            and self.arch in (None, group.arch)
            and all(one in self.tolerates for one in group.taints if one.effect != "PreferNoSchedule")
            and group.free.holds(self.request)
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """Pods in stages, each of which starts when all pods of the one before have ended; at `end` all stops."""

    start: int
    end: int | None
    stages: tuple[tuple[Pod, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Span:
    """A node from one change of its pods to the next; `shares` says whose it is, and adds up to 1."""

    node: int
    group: str
    pool: str
    start: int
    end: int
    shares: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Stuck:
    """A pod that had no node when its work ended, or when all did, and why."""

    pod: Pod
    until: int
    why: str


@dataclass(frozen=True, kw_only=True)
class Start:
    """A pod that got its node, and how long it waited for it; `moved` where the one before was taken away."""

    pod: Pod
    when: int
    waited: int
    moved: bool


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """All that happened: the spans of nodes, the starts of pods, and what got no node."""

    spans: tuple[Span, ...]
    starts: tuple[Start, ...]
    stuck: tuple[Stuck, ...]
