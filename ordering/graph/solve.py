"""Edges to an order: cycles found, soft edges fitted in, levels counted, everything implied by the rest left out.

Works on numbers, in time close to linear in objects and edges; the same input in another order gives the same answer.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ordering.errors import UserError
from ordering.graph.edges import Dropped, Edge, Strength
from ordering.graph.ids import ObjectId
from ordering.graph.overrides import line

_FIRST = "the webhook or policy itself needs this object, so it is sent before that exists"
_EXPLANATIONS = {
    Strength.INTERCEPTED: _FIRST,
    Strength.UNDECIDED: _FIRST,
    Strength.OPTIONAL: "it would close a cycle, and the object starts without it",
}


# Without these the API server itself answers 404, so they are the last that a person could do without.
_FIRM = frozenset(
    {
        "object_needs_namespace",
        "object_needs_profile",
        "custom_resource_needs_definition",
        "object_needs_api_service",
        "object_needs_declared",
    }
)


class CycleError(UserError):
    """Objects that need each other in a circle; `edges` is the circle.

    `gates` are the gates among them with what each stands before: a person knows of those only.
    """

    def __init__(self, edges: Sequence[Edge], gates: Mapping[ObjectId, ObjectId] = MappingProxyType({})) -> None:
        self.edges = tuple(edges)
        lines = [f"  {edge.source} needs {edge.target}: {edge.reason} [{edge.rule}]" for edge in edges]
        many = f"{len(edges)} objects need each other" if len(edges) > 1 else "An object needs itself"
        pairs = [(gates.get(one.source, one.source), gates.get(one.target, one.target), one.rule) for one in edges]
        # A gate's own need of what it stands before is none of a person's.
        chosen = min(
            (pair for pair in pairs if pair[0] != pair[1]), key=lambda pair: pair[2] in _FIRM, default=pairs[0]
        )
        lines += [
            "This entry in kubeflowEdges leaves one out, if it is not needed after all:",
            f"  {line(*chosen[:2])}",
        ]
        super().__init__("\n".join([f"{many} in a cycle: remove one of these needs.", *lines]))


@dataclass(frozen=True)
class Solution:
    """Ids in the order in which they may be sent, their levels, direct needs after reduction, and what was kept."""

    order: tuple[ObjectId, ...]
    levels: dict[ObjectId, int]
    needs: dict[ObjectId, tuple[ObjectId, ...]]
    kept: tuple[Edge, ...]
    dropped: tuple[Dropped, ...]


def solve(ids: Iterable[ObjectId], edges: Iterable[Edge]) -> Solution:
    """Orders the objects. CycleError when required edges form a circle; weaker ones that would are dropped instead."""
    nodes = sorted(ids)
    number = {id_: position for position, id_ in enumerate(nodes)}
    ranked = sorted(edges, key=lambda edge: (-edge.strength, edge))
    required = [edge for edge in ranked if edge.strength is Strength.REQUIRED]
    order = _Order(len(nodes))
    for edge in required:
        order.link(number[edge.source], number[edge.target])
    if not order.sort():
        raise CycleError(_circle(nodes, number, required))
    kept, dropped = list(required), []
    for edge in ranked[len(required) :]:
        if order.insert(number[edge.source], number[edge.target]):
            kept.append(edge)
        else:
            dropped.append(Dropped(edge, _EXPLANATIONS[edge.strength]))
    levels = order.levels()
    sequence = sorted(range(len(nodes)), key=lambda node: (levels[node], node))
    needs = _reduced(sequence, order.needs)
    return Solution(
        order=tuple(nodes[node] for node in sequence),
        levels={nodes[node]: levels[node] for node in sequence},
        needs={nodes[node]: tuple(sorted(nodes[need] for need in needs[node])) for node in sequence},
        kept=tuple(sorted(kept)),
        dropped=tuple(sorted(dropped)),
    )


class _Order:
    """A topological order that edges can be added to.

    Pearce and Kelly, "A dynamic topological sort algorithm for directed acyclic graphs" (2006): an edge that fits the
    present order costs nothing; one that does not costs a search between the places of its two ends.
    """

    def __init__(self, size: int) -> None:
        self.needs: list[set[int]] = [set() for _ in range(size)]
        self.needed_by: list[set[int]] = [set() for _ in range(size)]
        self._place = [0] * size

    def link(self, source: int, target: int) -> None:
        self.needs[source].add(target)
        self.needed_by[target].add(source)

    def sort(self) -> bool:
        """Places every node after its needs; False when there is a circle."""
        missing = [len(needs) for needs in self.needs]
        ready = deque(node for node, count in enumerate(missing) if not count)
        placed = 0
        while ready:
            node = ready.popleft()
            self._place[node] = placed
            placed += 1
            for user in sorted(self.needed_by[node]):
                missing[user] -= 1
                if not missing[user]:
                    ready.append(user)
        return placed == len(missing)

    def insert(self, source: int, target: int) -> bool:
        """Adds the need of `source` for `target`; False, and no change, when that closes a circle."""
        if source == target:
            return False
        if self._place[target] > self._place[source]:
            users = self._search(source, self.needed_by, self._place[target], 1)
            if target in users:
                return False
            self._shift(self._search(target, self.needs, self._place[source], -1), users)
        self.link(source, target)
        return True

    def _search(self, start: int, step: list[set[int]], limit: int, sign: int) -> set[int]:
        """What is reached from `start` without passing the place `limit`, up (sign 1) or down (sign -1)."""
        found, stack = {start}, [start]
        while stack:
            for other in step[stack.pop()]:
                if other not in found and sign * self._place[other] <= sign * limit:
                    found.add(other)
                    stack.append(other)
        return found

    def _shift(self, first: set[int], second: set[int]) -> None:
        """Gives the places of two groups out anew: the first group before the second, each in its present order."""
        nodes = [*sorted(first, key=self._place.__getitem__), *sorted(second, key=self._place.__getitem__)]
        for node, place in zip(nodes, sorted(self._place[node] for node in nodes), strict=True):
            self._place[node] = place

    def levels(self) -> list[int]:
        """The number of nodes on the longest chain of needs below each node."""
        levels = [0] * len(self.needs)
        for node in sorted(range(len(levels)), key=self._place.__getitem__):
            levels[node] = max((levels[need] + 1 for need in self.needs[node]), default=0)
        return levels


def _reduced(sequence: Sequence[int], needs: list[set[int]]) -> dict[int, list[int]]:
    """Direct needs without those that another need implies (transitive reduction, by sets of bits)."""
    place = {node: position for position, node in enumerate(sequence)}
    reach: list[int] = []
    result = {}
    for node in sequence:
        reached, direct = 0, []
        # The latest need first: whatever else it implies is reached before it is looked at.
        for need in sorted(needs[node], key=place.__getitem__, reverse=True):
            if not reached >> place[need] & 1:
                direct.append(need)
                reached |= reach[place[need]]
        reach.append(reached | 1 << place[node])
        result[node] = direct
    return result


def _circle(nodes: Sequence[ObjectId], number: dict[ObjectId, int], edges: Sequence[Edge]) -> list[Edge]:
    """One shortest circle among the edges."""
    out: dict[int, dict[int, Edge]] = {}
    for edge in edges:
        out.setdefault(number[edge.source], {}).setdefault(number[edge.target], edge)
    best: list[Edge] = []
    for start in _on_circles(out):
        found = _round_trip(start, out, len(best))
        if found and (not best or len(found) < len(best)):
            best = found
        if len(best) == 1:
            break
    return best


def _on_circles(out: dict[int, dict[int, Edge]]) -> list[int]:
    """Nodes that may lie on a circle: what is left after taking away nodes without needs, and without users."""
    left = {node: set(targets) for node, targets in out.items()}
    while True:
        used = {target for targets in left.values() for target in targets}
        smaller = {node: targets & left.keys() for node, targets in left.items() if node in used}
        smaller = {node: targets for node, targets in smaller.items() if targets}
        if smaller == left:
            return sorted(left)
        left = smaller


def _round_trip(start: int, out: dict[int, dict[int, Edge]], limit: int) -> list[Edge]:
    """The shortest way from a node back to itself, by breadth first; nothing when it is not shorter than `limit`."""
    came: dict[int, tuple[int, Edge]] = {}
    queue = deque([(start, 0)])
    while queue:
        node, distance = queue.popleft()
        if limit and distance + 1 >= limit:
            return []
        for target, edge in sorted(out.get(node, {}).items()):
            if target == start:
                path = [edge]
                while node != start:
                    node, edge = came[node]
                    path.append(edge)
                return path[::-1]
            if target not in came:
                came[target] = (node, edge)
                queue.append((target, distance + 1))
    return []
