"""What the cluster autoscaler decides: which nodes it asks for, and which it takes away.

It is as its 1.35.2 does with the arguments of manifests/autoscaler and its own defaults (its FAQ, "How does scale-up
work", "How does scale-down work"; config/const.go, config/flags/flags.go); what else rests on its source says so.
`python -m bench.autoscaled` compares it with the program itself.
"""

import random
import sys
from collections.abc import Iterable, Mapping, Sequence

from ops.costs.week.model import NodeGroup, Room
from ops.costs.week.nodes import Node, Running

UNNEEDED, AFTER_ADD, RECHECK, SCAN, STABLE = 600, 600, 300, 10, 60
GOES_AFTER = UNNEEDED + SCAN
"""Seconds from the moment that nobody needs a node until it goes: it must be more than ten minutes at a look."""
HALF = 0.5

_PROXY = 100
_MOST_PODS = 110


def expected(group: NodeGroup) -> Room:
    """What it takes a node to offer of a group of which it has seen none: all that the instance has, but kube-proxy's.

    cloudprovider/aws/aws_manager.go, `buildNodeFromTemplate` ("TODO: use proper allocatable!!"), with the pods of every
    node, and one kube-proxy more (cloudprovider/utils.go, `BuildKubeProxy`). It knows no limit of volumes.
    """
    own = Room(*(whole - free for whole, free in zip(group.room, group.free, strict=True)))
    return Room(
        group.capacity.cpu - own.cpu - _PROXY,
        group.capacity.memory - own.memory,
        group.free.gpus,
        _MOST_PODS - own.pods - 1,
        sys.maxsize,
    )


class Autoscaler:
    """Remembers what it saw, as the program does between its looks, one every `SCAN` seconds."""

    def __init__(self, groups: Sequence[NodeGroup], stable: int) -> None:
        self._groups, self._stable = groups, stable
        self._chance = random.Random(0)
        self._last_add = -AFTER_ADD
        self._seen: set[NodeGroup] = set()
        self._since: dict[Node, int] = {}
        self._blocked: dict[Node, int] = {}

    @property
    def unneeded(self) -> Mapping[Node, int]:
        """Nodes that nobody needs, and since when."""
        return self._since

    def look(self, nodes: Iterable[Node], now: int) -> None:
        """Takes the nodes that have been ready for a minute for examples of their groups.

        processors/nodeinfosprovider/mixed_nodeinfos_processor.go: `isNodeGoodTemplateCandidate`; it forgets none.
        """
        self._seen.update(node.group for node in nodes if node.ready + self._stable <= now)

    def _sizes(self, nodes: Iterable[Node]) -> dict[NodeGroup, int]:
        """How many nodes each group has."""
        sizes = dict.fromkeys(self._groups, 0)
        for node in nodes:
            sizes[node.group] += 1
        return sizes

    # Coming.

    def asked_for(self, waiting: Sequence[Running], nodes: Sequence[Node], now: int) -> list[NodeGroup]:
        """A group for each new node that pods wait for which fit no node, not even one on its way.

        Of the groups that would waste the least CPU and memory (`--expander=least-waste`; expander/waste/waste.go)
        one is drawn (expander/random/random.go), whose draws are the same in each run here.
        """
        left, found = _without_room(waiting, [node for node in nodes if node.ready > now]), list[NodeGroup]()
        sizes = self._sizes(nodes) if left else {}
        while left:
            options = []
            for group in self._groups:
                most = group.max - sizes[group] - found.count(group)
                free = group.free if group in self._seen else expected(group)
                count, placed = _packed(group, free, left, most)
                if placed:
                    options.append((_waste(group, placed, count), group, count, placed))
            if not options:
                break
            least = min(option[0] for option in options)
            _, group, count, placed = self._chance.choice([option for option in options if option[0] == least])
            found += [group] * count
            chosen = set(map(id, placed))
            left = [one for one in left if id(one) not in chosen]
        if found:
            self._last_add = now
        return found

    # Going.

    def judge(self, nodes: Sequence[Node], now: int) -> None:
        """Finds the nodes that nobody needs: used by half at most, and their pods fit on others that stay.

        Empty nodes come first, then those that were unneeded before (main.go: `scaleDownCandidatesComparers`). One that
        would take another's pods may go all the same, where those fit elsewhere with its own. One whose pods cannot
        move is looked at again after five minutes and not earlier, be it empty by then
        (core/scaledown/planner/planner.go: `categorizeNodes`; `--unremovable-node-recheck-timeout`).
        """
        free = {node: node.free for node in nodes if node.ready <= now}
        pods = {node: list(node.pods) for node in free}
        self._blocked = {node: until for node, until in self._blocked.items() if node in free and until > now}
        sizes = self._sizes(nodes)
        found = dict[Node, int]()
        for node in sorted(free, key=lambda one: (bool(one.pods), one not in self._since, one.number)):
            if sizes[node.group] <= node.group.min or node.used() > HALF or node in self._blocked:
                continue
            moved = _moved(node, pods[node], free)
            if moved is None:
                self._blocked[node] = now + RECHECK
                continue
            for one, place in moved:
                free[place] = free[place].less(one.pod.request)
                pods[place].append(one)
            del free[node]
            found[node] = self._since.get(node, now)
        self._since = found

    def going(self, nodes: Sequence[Node], now: int) -> list[Node]:
        """The nodes that go: none within ten minutes of the last that came, and of those with pods one at a time."""
        if now - self._last_add < AFTER_ADD:
            return []
        sizes = self._sizes(nodes)
        found, drained = list[Node](), False
        for node, since in self._since.items():
            if now - since < GOES_AFTER or sizes[node.group] <= node.group.min or (node.pods and drained):
                continue
            drained = drained or bool(node.pods)
            sizes[node.group] -= 1
            found.append(node)
        return found

    def next_looks(self, now: int) -> set[int]:
        """When something may change though nothing happens."""
        ends = {since + GOES_AFTER for since in self._since.values()} | set(self._blocked.values())
        return {when for when in ends | {self._last_add + AFTER_ADD} if when > now}


def _without_room(waiting: Iterable[Running], coming: Sequence[Node]) -> list[Running]:
    """Those that wait and for which no node is on its way."""
    free, left = {node: node.free for node in coming}, []
    for one in waiting:
        for node in coming:
            if node.takes(one) and free[node].holds(one.pod.request):
                free[node] = free[node].less(one.pod.request)
                break
        else:
            left.append(one)
    return left


def _packed(group: NodeGroup, free: Room, waiting: Sequence[Running], most: int) -> tuple[int, list[Running]]:
    """How many new nodes of a group, at most so many, take which of those that wait.

    The largest first, by what they ask for of a node's CPU and memory together (estimator/decreasing_pod_orderer.go).
    """

    def size(one: Running) -> float:
        return one.pod.request.cpu / group.room.cpu + one.pod.request.memory / group.room.memory

    bins, placed = list[Room](), []
    for one in sorted(waiting, key=size, reverse=True):
        request = one.pod.request
        if one.zone not in (None, *group.zones) or not one.pod.suits(group) or not free.holds(request):
            continue
        for index, left in enumerate(bins):
            if left.holds(request):
                bins[index] = left.less(request)
                break
        else:
            if len(bins) >= most:
                continue
            bins.append(free.less(request))
        placed.append(one)
    return len(bins), placed


def _waste(group: NodeGroup, placed: Sequence[Running], nodes: int) -> float:
    cpu = sum(one.pod.request.cpu for one in placed) / (nodes * group.capacity.cpu)
    memory = sum(one.pod.request.memory for one in placed) / (nodes * group.capacity.memory)
    return (1 - cpu) + (1 - memory)


def _moved(node: Node, pods: Sequence[Running], free: Mapping[Node, Room]) -> list[tuple[Running, Node]] | None:
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
