"""What stands and runs while a week is played: nodes, and pods that wait or have one."""

from dataclasses import dataclass, field

from ops.costs.week.model import NOBODY, NodeGroup, Pod, Room, Work


@dataclass(eq=False)
class Node:
    """A node that takes pods from second `ready` on; `since` is when its pods last changed."""

    number: int
    group: NodeGroup
    zone: str
    ready: int
    free: Room
    since: int
    pods: "list[Running]" = field(default_factory=list)

    def takes(self, one: "Running") -> bool:
        """Whether a pod may run here, and there is room for it."""
        return one.zone in (None, self.zone) and self.free.holds(one.pod.request) and one.pod.suits(self.group)

    def used(self) -> float:
        """How full the autoscaler takes it for: by GPUs where it has any, else by CPU or memory."""
        room = self.group.room
        if room.gpus:
            return (room.gpus - self.free.gpus) / room.gpus
        return max((room.cpu - self.free.cpu) / room.cpu, (room.memory - self.free.memory) / room.memory)

    def shares(self) -> dict[str, float]:
        """Whose it is: by what each team's pods ask for of what they ask for most."""
        room, weights = self.group.room, dict[str, float]()
        for one in self.pods:
            request = one.pod.request
            most = max(request.cpu / room.cpu, request.memory / room.memory, request.gpus / (room.gpus or 1))
            weights[one.pod.team] = weights.get(one.pod.team, 0) + most
        whole = sum(weights.values())
        return {team: weight / whole for team, weight in weights.items()} if whole else {NOBODY: 1}


@dataclass(eq=False)
class Running:
    """A pod that waits or runs; `zone` is where it must be, `moved` that a node of its own was taken away."""

    pod: Pod
    job: "Job"
    since: int
    zone: str | None
    node: Node | None = None
    moved: bool = False


@dataclass(eq=False)
class Job:
    """Work that has begun: its stage, and how many of that stage's pods have not ended."""

    work: Work
    stage: int = -1
    left: int = 0
    pods: list[Running] = field(default_factory=list)
