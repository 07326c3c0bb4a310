"""Objects in, graph out: runs the rules, puts gates in, solves, and says what each object waits for."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ordering.graph import hooks
from ordering.graph.edges import Dropped, Edge, Gate, Need, Strength, Unresolved, Warned
from ordering.graph.ids import Names, ObjectId
from ordering.graph.index import CRD, Platform
from ordering.graph.made import made_elsewhere
from ordering.graph.rules import RULES, Facts, Rule
from ordering.graph.solve import CycleError, Solution, solve
from ordering.graph.waits import PATCH_FORCE, Wait, Waits, check_waits
from ordering.manifests.objects import Manifest


@dataclass(frozen=True)
class Node:
    """One object to send, or a gate.

    `needs` are the direct needs after reduction: everything else that it needs, they need. A gate (`gate` is the object
    that it stands before) is to be sent as the `…Patch` resource of that object's kind; its manifest holds no more than
    what identifies the object and the annotation that makes the provider wait. What somebody else makes (`made_by` says
    who) is sent as a `…Patch`, too, with all of its manifest. `kind_made_by` says what makes the kind of an object that
    no manifest defines: it is to be sent only once the API server serves it, which may be minutes after its needs.
    """

    id: ObjectId
    manifest: Manifest
    level: int
    needs: tuple[ObjectId, ...]
    wait: Wait
    gate: ObjectId | None = None
    made_by: str = ""
    kind_made_by: str = ""


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which they may be sent, and why.

    `edges` are all needs, `reduced` those that the nodes carry. `dropped` are needs that would have closed a circle,
    `unresolved` references to what no manifest holds, `warnings` what is accepted and yet looks wrong.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    dropped: tuple[Dropped, ...]
    unresolved: tuple[Unresolved, ...]
    warnings: tuple[Warned, ...]
    _by_id: Mapping[ObjectId, Node] = field(repr=False)

    def node(self, id_: ObjectId) -> Node:
        """The node of an id."""
        return self._by_id[id_]

    def find(self, text: str) -> Node:
        """The node that a person means by an id or a short form of it; UserError when there is none, or several."""
        return self._by_id[self.names.find(text, "--why")]

    @cached_property
    def names(self) -> Names:
        """Finds nodes by what people call them."""
        return Names(self._by_id)

    @cached_property
    def reasons(self) -> Mapping[tuple[ObjectId, ObjectId], tuple[Edge, ...]]:
        """All edges between two nodes, by source and target; the strongest comes first."""
        found: dict[tuple[ObjectId, ObjectId], list[Edge]] = {}
        for edge in self.edges:
            found.setdefault((edge.source, edge.target), []).append(edge)
        return {pair: tuple(sorted(edges, key=lambda e: (-e.strength, e))) for pair, edges in found.items()}

    @cached_property
    def reduced(self) -> tuple[Edge, ...]:
        """For each direct need that a node carries, the edge that says most firmly why."""
        return tuple(self.reasons[node.id, need][0] for node in self.nodes for need in node.needs)

    @cached_property
    def levels(self) -> tuple[tuple[Node, ...], ...]:
        """The nodes level by level; those of one level do not need each other."""
        count = max((node.level + 1 for node in self.nodes), default=0)
        columns: list[list[Node]] = [[] for _ in range(count)]
        for node in self.nodes:
            columns[node.level].append(node)
        return tuple(map(tuple, columns))

    def needs_of(self, id_: ObjectId) -> frozenset[ObjectId]:
        """Everything that an object needs, directly or not."""
        found: set[ObjectId] = set()
        stack = [id_]
        while stack:
            for need in self._by_id[stack.pop()].needs:
                if need not in found:
                    found.add(need)
                    stack.append(need)
        return frozenset(found)

    def chain(self, id_: ObjectId) -> tuple[Edge, ...]:
        """The longest chain that holds an object back, from the object down; of equal ones, that with most waits."""
        chain = []
        node = self._by_id[id_]
        while node.level:
            below = [need for need in node.needs if self._by_id[need].level == node.level - 1]
            best = max(below, key=lambda need: (self._waited[need], need))
            chain.append(self.reasons[node.id, best][0])
            node = self._by_id[best]
        return tuple(chain)

    @cached_property
    def _waited(self) -> Mapping[ObjectId, int]:
        """How many rollouts and other waits lie on the longest chain below each node, itself included."""
        waited: dict[ObjectId, int] = {}
        for node in self.nodes:
            below = [waited[need] for need in node.needs if self._by_id[need].level == node.level - 1]
            waited[node.id] = max(below, default=0) + takes_time(node)
        return waited

    @cached_property
    def critical_path(self) -> tuple[ObjectId, ...]:
        """The chain that decides how many steps the whole takes, first object first."""
        if not self.nodes:
            return ()
        deepest = max(self.levels[-1], key=lambda node: (self._waited[node.id], node.id))
        chain = self.chain(deepest.id)
        return (*(edge.target for edge in reversed(chain)), deepest.id)

    @cached_property
    def stats(self) -> dict[str, Any]:
        """Counts of objects by kind and of nodes by level, of edges, and the critical path's length in nodes."""
        kinds = Counter(node.id.kind for node in self.nodes if node.gate is None)
        rules = Counter(edge.rule for edge in self.edges)
        return {
            "objects": sum(kinds.values()),
            "gates": sum(node.gate is not None for node in self.nodes),
            "edges": len(self.reasons),
            "hardEdges": len({(e.source, e.target) for e in self.edges if e.hard}),
            "reducedEdges": len(self.reduced),
            "droppedEdges": len(self.dropped),
            "unresolved": len(self.unresolved),
            "levels": len(self.levels),
            "levelSizes": [len(level) for level in self.levels],
            "criticalPathLength": len(self.critical_path),
            "criticalPath": [str(id_) for id_ in self.critical_path],
            "kinds": dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0]))),
            "rules": dict(sorted(rules.items(), key=lambda item: (-item[1], item[0]))),
        }


_ROLLED_OUT = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job", "Pod", "ReplicaSet"})


def takes_time(node: Node) -> bool:
    """Whether others wait for more than the API server's answer to this node's request."""
    if node.wait.expressions or node.wait.seconds or node.kind_made_by:
        return True
    return node.id.kind in _ROLLED_OUT and not node.wait.skip


def build(
    objects: Iterable[Manifest],
    *,
    overrides: Iterable[tuple[str, str]] = (),
    rules: Iterable[Rule] = RULES,
) -> Graph:
    """The dependency graph of parsed objects.

    `overrides` are pairs of ids (or unambiguous short forms: `kind/namespace/name`, `kind/name`); the first of a pair
    needs the second or, where that begins with `-`, does not need it, whatever a rule finds. The answer does not depend
    on the order of `objects`. Hooks of Helm that are for another moment than an installation are no nodes; a warning
    names each.

    UserError names the object for whatever the API server would refuse in any order: an object twice, a malformed
    webhook, an unknown selector operator, a definition that serves nothing, a declared need of nothing, a circle. So
    for a wait of its own that the provider could not read.
    """
    kept, left = hooks.part(objects)
    facts = Facts(Platform(kept, overrides))
    check_waits(facts.platform.objects)
    found = _Findings(facts, rules)
    gates = {gate_id(target): gate for target, gate in found.gates.items()}
    edges = sorted(found.edges())
    solution = _solved([*facts.platform.objects, *gates], edges, gates)
    waits = Waits(facts, frozenset(edge.target for edge in solution.kept), found.early)
    makers = made_elsewhere(facts.platform)
    nodes = []
    for id_ in solution.order:
        gate = gates.get(id_)
        wait = waits.of_gate(gate) if gate else waits.of(id_)
        manifest = _patch(gate.target, wait, facts.platform.objects) if gate else facts.platform.objects[id_]
        target = gate.target if gate else None
        kind_made_by = " and ".join(maker.id.title for maker in facts.makers.of.get(id_, ()))
        nodes.append(
            Node(
                *(id_, manifest, solution.levels[id_], solution.needs[id_], wait, target),
                made_by=makers.get(id_, ""),
                kind_made_by=kind_made_by,
            )
        )
    return Graph(
        nodes=tuple(nodes),
        edges=solution.kept,
        dropped=solution.dropped,
        unresolved=tuple(sorted(set(found.unresolved))),
        warnings=tuple(sorted({*found.warnings, *waits.warnings(), *left})),
        _by_id={node.id: node for node in nodes},
    )


def gate_id(target: ObjectId) -> ObjectId:
    """The id of the gate before an object: that of its Patch resource."""
    return target._replace(kind=f"{target.kind}Patch")


def _patch(target: ObjectId, wait: Wait, objects: Mapping[ObjectId, Manifest]) -> Manifest:
    # Forced: the object itself may say in the same annotation what its own resource waits for.
    metadata = {"name": target.name, "annotations": {**wait.annotations, PATCH_FORCE: "true"}}
    patch = {"apiVersion": target.api_version, "kind": target.kind, "metadata": metadata}
    if (target.group, target.kind) == CRD:
        # The provider notes each definition that passes it by its group and kind, and refuses one without: a patch,
        # too (provider/pkg/clients/cache.go of pulumi-kubernetes 4.32).
        spec = objects[target]["spec"]
        patch["spec"] = {"group": spec["group"], "names": {"kind": spec["names"]["kind"]}}
    return patch


class _Findings:
    """What all rules found. `gates` are those that somebody waits at, `early` all that is sent before it is ready."""

    def __init__(self, facts: Facts, rules: Iterable[Rule]) -> None:
        self.needs: list[tuple[str, Need]] = []
        self.unresolved: list[Unresolved] = []
        self.warnings: list[Warned] = []
        gates: dict[ObjectId, Gate] = {}
        left_out: set[tuple[ObjectId, ObjectId]] = set()
        for rule in rules:
            for finding in rule(facts):
                match finding:
                    case Need() if (finding.source, finding.target) in facts.overrides.left_out:
                        left_out.add((finding.source, finding.target))
                    case Need():
                        self.needs.append((rule.__name__, finding))
                    case Gate():
                        gates.setdefault(finding.target, finding)
                    case Unresolved():
                        self.unresolved.append(finding)
                    case Warned():
                        self.warnings.append(finding)
        for source, target in facts.overrides.left_out - left_out:
            said = f"An override leaves out the need of {source} for {target}, which there is not: remove the entry"
            self.warnings.append(Warned(source, said))
        waiting = {
            need.target for _, need in self.needs if need.target in gates and gates[need.target].holds(need.source)
        }
        self.early = frozenset(gates)
        # A gate that nobody waits at would be a request for nothing; what it stood before is then just sent early.
        self.gates = {target: gate for target, gate in gates.items() if target in waiting}

    def edges(self) -> Iterator[Edge]:
        """Every need as an edge, with those that concern readiness moved to the gates; once for each rule and pair."""
        seen: dict[tuple[ObjectId, ObjectId, str], Edge] = {}
        for target, gate in self.gates.items():
            yield Edge(gate_id(target), target, "gate", Strength.REQUIRED, gate.reason)
        for rule, need in self.needs:
            source, target = need.source, need.target
            if need.readiness and source in self.early:
                if source not in self.gates:
                    continue
                source = gate_id(source)
            if target in self.gates and self.gates[target].holds(need.source):
                target = gate_id(target)
            if source == target and need.strength < Strength.REQUIRED:
                continue
            edge = Edge(source, target, rule, need.strength, need.reason)
            key = (source, target, rule)
            best = seen.get(key)
            if best is None or (-edge.strength, edge) < (-best.strength, best):
                seen[key] = edge
        yield from seen.values()


def _solved(ids: list[ObjectId], edges: list[Edge], gates: dict[ObjectId, Gate]) -> Solution:
    """Solves; what a gate's backend needs is then sent before the webhook that would intercept it exists."""
    try:
        solution = solve(ids, edges)
        before = [
            Edge(gates[d.edge.target].target, d.edge.source, d.edge.rule, Strength.REQUIRED, d.explanation)
            for d in solution.dropped
            if d.edge.target in gates and d.edge.strength > Strength.OPTIONAL
        ]
        return solve(ids, sorted([*edges, *before])) if before else solution
    except CycleError as error:
        raise CycleError(error.edges, {id_: gate.target for id_, gate in gates.items()}) from None
