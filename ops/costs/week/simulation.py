"""A scheduler and a cluster autoscaler played in no time: which nodes come and go for the pods of a week.

The scheduler puts a pod on the node that is used least (Kubernetes, "Scheduler Configuration", the plugin
NodeResourcesFit and its default LeastAllocated). The autoscaler is as its 1.35 does with the arguments of
manifests/autoscaler and its own defaults (its FAQ, "How does scale-up work", "How does scale-down work";
config/const.go, config/flags/flags.go):

- Pods that fit no node, not even one on its way, get nodes of the group that would waste the least CPU and memory
  (`--expander=least-waste`; expander/waste/waste.go).
- A node goes that for 10 minutes was used by less than half (`--scale-down-unneeded-time`,
  `--scale-down-utilization-threshold`; of a node with GPUs these alone count) and whose pods fit elsewhere, but none
  within 10 minutes of the last that came (`--scale-down-delay-after-add`). Of nodes with pods one at a time goes.
- Pods that no controller would make again, such as those of pipelines, keep their node.

The Auto Scaling group chooses the zone of a new node: the one with the fewest of the group's.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from ops.costs.week.model import NOBODY, NodeGroup, Outcome, Pod, Room, Span, Start, Stuck, Work

# From the request for a node to its first pod; nobody promises it.
NODE_START = 120

UNNEEDED, AFTER_ADD, SCAN = 600, 600, 10
HALF = 0.5


@dataclass(eq=False)
class _Node:
    number: int
    group: NodeGroup
    zone: str
    ready: int
    free: Room
    since: int
    pods: "list[_Running]" = field(default_factory=list)

    def takes(self, one: "_Running") -> bool:
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
class _Running:
    """A pod that waits or runs; `zone` is where it must be, `moved` that a node of its own was taken away."""

    pod: Pod
    job: "_Job"
    since: int
    zone: str | None
    node: _Node | None = None
    moved: bool = False


@dataclass(eq=False)
class _Job:
    work: Work
    stage: int = -1
    left: int = 0
    pods: list[_Running] = field(default_factory=list)


def simulate(groups: Sequence[NodeGroup], works: Iterable[Work], *, until: int, scaling: bool) -> Outcome:
    """Plays works on groups of nodes from second 0, with `desired` nodes each, until a time."""
    return _Play(groups, scaling).run(works, until)


class _Play:
    def __init__(self, groups: Sequence[NodeGroup], scaling: bool) -> None:
        self._groups, self._scaling = groups, scaling
        self._agenda: list[tuple[int, int, Callable[[int], None]]] = []
        self._order, self._numbers = count(), count()
        self._nodes: list[_Node] = []
        self._pending: list[_Running] = []
        self._zones: dict[str, str] = {}
        self._unneeded: dict[_Node, int] = {}
        self._last_add = -AFTER_ADD
        self._spans: list[Span] = []
        self._starts: list[Start] = []
        self._stuck: list[Stuck] = []
        for group in groups:
            for _ in range(group.desired):
                self._add(group, 0, ready=0)

    def run(self, works: Iterable[Work], until: int) -> Outcome:
        self._look_again(0)
        for work in works:
            self._at(work.start, partial(self._begin, _Job(work)))
        while self._agenda and self._agenda[0][0] < until:
            now = self._agenda[0][0]
            while self._agenda and self._agenda[0][0] == now:
                heapq.heappop(self._agenda)[2](now)
            self._settle(now)
        for node in self._nodes:
            self._record(node, until)
        self._give_up(self._pending, until)
        return Outcome(
            spans=tuple(self._spans),
            starts=tuple(self._starts),
            stuck=tuple(self._stuck),
        )

    def _at(self, when: int, action: Callable[[int], None]) -> None:
        heapq.heappush(self._agenda, (when, next(self._order), action))

    def _look_again(self, when: int) -> None:
        self._at(when, lambda now: None)

    # Work.

    def _begin(self, job: _Job, now: int) -> None:
        if job.work.end is not None:
            self._at(job.work.end, partial(self._stop, job))
        self._next_stage(job, now)

    def _next_stage(self, job: _Job, now: int) -> None:
        job.stage += 1
        if job.stage == len(job.work.stages):
            return
        job.pods = [_Running(pod, job, now, None) for pod in job.work.stages[job.stage]]
        job.left = len(job.pods)
        self._pending += job.pods

    def _stop(self, job: _Job, now: int) -> None:
        for one in job.pods:
            self._remove(one, now)
        self._give_up([one for one in self._pending if one.job is job], now)
        self._pending = [one for one in self._pending if one.job is not job]

    def _give_up(self, waiting: Iterable[_Running], now: int) -> None:
        self._stuck += [Stuck(pod=one.pod, until=now, why=self._why(one)) for one in waiting]

    def _end(self, one: _Running, now: int) -> None:
        self._remove(one, now)
        one.job.left -= 1
        if not one.job.left:
            self._next_stage(one.job, now)

    def _remove(self, one: _Running, now: int) -> None:
        if one.node is not None:
            self._record(one.node, now)
            one.node.pods.remove(one)
            one.node.free = one.node.free.plus(one.pod.request)
            one.node = None

    # Nodes.

    def _add(self, group: NodeGroup, now: int, *, ready: int) -> None:
        there = Counter(node.zone for node in self._nodes if node.group is group)
        zone = min(group.zones, key=lambda one: there[one])
        self._nodes.append(_Node(next(self._numbers), group, zone, ready, group.free, now))

    def _drop(self, node: _Node, now: int) -> None:
        for one in list(node.pods):
            self._remove(one, now)
            one.since, one.moved = now, True
            self._pending.append(one)
        self._record(node, now)
        self._nodes.remove(node)

    def _record(self, node: _Node, now: int) -> None:
        """What stood on a node up to now."""
        if now > node.since:
            group = node.group
            self._spans.append(
                Span(
                    node=node.number,
                    group=group.name,
                    pool=group.pool,
                    start=node.since,
                    end=now,
                    shares=node.shares(),
                )
            )
            node.since = now

    def _size(self, group: NodeGroup) -> int:
        return sum(node.group is group for node in self._nodes)

    # Decisions.

    def _settle(self, now: int) -> None:
        self._schedule(now)
        if self._scaling:
            waiting = self._without_a_node(now)
            if not waiting or not self._scale_up(waiting, now):
                self._scale_down(now)

    def _schedule(self, now: int) -> None:
        ready = [node for node in self._nodes if node.ready <= now]
        waiting = []
        for one in self._pending:
            one.zone = one.pod.zone or self._zones.get(one.pod.claim or "")
            node = max((node for node in ready if node.takes(one)), key=_emptiness, default=None)
            if node is None:
                waiting.append(one)
                continue
            self._record(node, now)
            node.pods.append(one)
            node.free = node.free.less(one.pod.request)
            one.node = node
            if one.pod.claim:
                self._zones.setdefault(one.pod.claim, node.zone)
            self._starts.append(Start(pod=one.pod, when=now, waited=now - one.since, moved=one.moved))
            if one.pod.seconds is not None:
                self._at(now + one.pod.seconds, partial(self._end, one))
        self._pending = waiting

    def _without_a_node(self, now: int) -> list[_Running]:
        """Those that wait and for which no node is on its way."""
        coming = [node for node in self._nodes if node.ready > now]
        free = {node: node.free for node in coming}
        waiting = []
        for one in self._pending:
            for node in coming:
                if node.takes(one) and free[node].holds(one.pod.request):
                    free[node] = free[node].less(one.pod.request)
                    break
            else:
                waiting.append(one)
        return waiting

    def _scale_up(self, waiting: list[_Running], now: int) -> bool:
        added = False
        while waiting:
            options = [
                (_waste(group, placed, nodes), index, nodes, placed)
                for index, group in enumerate(self._groups)
                for nodes, placed in [_packed(group, waiting, group.max - self._size(group))]
                if placed
            ]
            if not options:
                break
            _, index, nodes, placed = min(options, key=lambda option: option[:2])
            for _ in range(nodes):
                self._add(self._groups[index], now, ready=now + NODE_START)
            chosen = set(map(id, placed))
            waiting = [one for one in waiting if id(one) not in chosen]
            added = True
        if added:
            self._last_add = now
            self._look_again(now + NODE_START)
            self._look_again(now + AFTER_ADD)
        return added

    def _scale_down(self, now: int) -> None:
        unneeded = {node: self._unneeded.get(node, now) for node in self._removable(now)}
        for since in {since for node, since in unneeded.items() if node not in self._unneeded}:
            self._look_again(since + UNNEEDED)
        self._unneeded = unneeded
        if now - self._last_add < AFTER_ADD:
            return
        drained = False
        for node, since in unneeded.items():
            if now - since < UNNEEDED or self._size(node.group) <= node.group.min or (node.pods and drained):
                continue
            drained = drained or bool(node.pods)
            self._drop(node, now)
            self._look_again(now + SCAN)
        if drained:
            self._schedule(now)

    def _removable(self, now: int) -> list[_Node]:
        """Nodes that are used by less than half and whose pods fit on others that stay, the empty ones first.

        One that would take another's pods may go all the same, where those fit elsewhere with its own
        (core/scaledown/planner/planner.go: `categorizeNodes`).
        """
        free = {node: node.free for node in self._nodes if node.ready <= now}
        pods = {node: list(node.pods) for node in free}
        found = []
        for node in sorted(free, key=lambda one: (bool(one.pods), one.number)):
            if self._size(node.group) <= node.group.min or node.used() >= HALF:
                continue
            moved = _moved(node, pods[node], free)
            if moved is not None:
                for one, place in moved:
                    free[place] = free[place].less(one.pod.request)
                    pods[place].append(one)
                del free[node]
                found.append(node)
        return found

    def _why(self, one: _Running) -> str:
        suiting = [group for group in self._groups if one.pod.suits(group)]
        zoned = [group for group in suiting if one.zone is None or one.zone in group.zones]
        if not suiting:
            return "no node of any pool would take it"
        if not zoned:
            return f"its volume is in {one.zone}, where no pool that would take it has nodes"
        names = ", ".join(dict.fromkeys(group.pool for group in zoned))
        return f"what would take it has no node free{', and is at its maximum' if self._scaling else ''}: {names}"


def _emptiness(node: _Node) -> tuple[float, int]:
    room = node.group.room
    return node.free.cpu / room.cpu + node.free.memory / room.memory, -node.number


def _packed(group: NodeGroup, waiting: Sequence[_Running], most: int) -> tuple[int, list[_Running]]:
    """How many new nodes of a group, at most so many, take which of those that wait, the largest first."""
    bins: list[Room] = []
    placed = []
    for one in sorted(waiting, key=lambda one: (one.pod.request.cpu, one.pod.request.memory), reverse=True):
        if one.zone not in (None, *group.zones) or not one.pod.suits(group):
            continue
        for index, free in enumerate(bins):
            if free.holds(one.pod.request):
                bins[index] = free.less(one.pod.request)
                break
        else:
            if len(bins) >= most:
                continue
            bins.append(group.free.less(one.pod.request))
        placed.append(one)
    return len(bins), placed


def _waste(group: NodeGroup, placed: Sequence[_Running], nodes: int) -> float:
    if not nodes:
        return 0
    cpu = sum(one.pod.request.cpu for one in placed) / (nodes * group.capacity.cpu)
    memory = sum(one.pod.request.memory for one in placed) / (nodes * group.capacity.memory)
    return (1 - cpu) + (1 - memory)


def _moved(node: _Node, pods: Sequence[_Running], free: dict[_Node, Room]) -> list[tuple[_Running, _Node]] | None:
    """On which other nodes all pods of one would be; None where a pod must stay or fits nowhere else."""
    left, places = dict(free), []
    for one in pods:
        if not one.pod.movable:
            return None
        for place, room in left.items():
            if place is not node and place.takes(one) and room.holds(one.pod.request):
                left[place] = room.less(one.pod.request)
                places.append((one, place))
                break
        else:
            return None
    return places
