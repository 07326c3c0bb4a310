"""The plan as JSON, for programs. The form is stable: keys are added, never renamed or removed.

    {
      "version":    1,
      "objects":    [{"id", "apiVersion", "kind", "namespace", "name", "level", "wait"}],
      "edges":      [{"from", "to", "rule", "hard", "reason"}],
      "dropped":    [{"from", "to", "rule", "hard", "reason", "explanation"}],
      "gates":      [{"id", "before", "level", "wait", "needs"}],
      "unresolved": [{"from", "wanted", "reason"}],
      "warnings":   [{"id", "message"}],
      "stats":      {"objects", "gates", "edges", "hardEdges", "reducedEdges", "droppedEdges", "unresolved", "levels",
                     "levelSizes", "criticalPathLength", "criticalPath", "kinds", "rules"}
    }

An id is `apiVersion/kind/namespace/name`; an object of the cluster has an empty namespace: `v1/Namespace//kubeflow`.
Objects come in an order in which they may be sent. `level` is the number of steps before an object; those of one level
do not need each other. `wait` is what must hold before anything that needs the object goes: the text of
`pulumi.com/waitFor` (several joined with ", "), `skip`, `default` for what the provider does, or the seconds after
which the object has its effect (`2 s`).

An edge says that `from` needs `to`: it is sent after `to` is ready and deleted before it. There is one edge for each
pair and rule, before reduction. `hard`: the API server refuses, or something stalls, when it is not kept. `dropped`
edges would have closed a circle and do not hold.

A gate is a wait of its own, the Patch of an object (`before`) that exists before it can be ready. `edges` are between
objects only: what waits for a gate needs all that the gate needs. `stats` counts the gates' own edges as well; its
`edges` are pairs.
"""

import json
from collections.abc import Iterator
from typing import Any

from ordering.graph import Edge, Graph, Node, ObjectId

VERSION = 1
"""The form of these documents; another number means that a program must look again."""


def plan(graph: Graph, title: str) -> str:
    """The whole graph; the title is left out, as it names a place on this machine."""
    del title
    content = {
        "version": VERSION,
        "objects": [_object(node) for node in graph.nodes if node.gate is None],
        "edges": [_edge(edge) for edge in _between_objects(graph)],
        "dropped": [
            {**_edge(dropped.edge), "hard": False, "explanation": dropped.explanation} for dropped in graph.dropped
        ],
        "gates": [
            {
                "id": str(node.id),
                "before": str(node.gate),
                "level": node.level,
                "wait": str(node.wait),
                "needs": [str(need) for need in _gate_needs(graph, node.id)],
            }
            for node in graph.nodes
            if node.gate is not None
        ],
        "unresolved": [{"from": str(u.asker), "wanted": u.wanted, "reason": u.reason} for u in graph.unresolved],
        "warnings": [{"id": str(w.subject), "message": w.message} for w in graph.warnings],
        "stats": graph.stats,
    }
    return json.dumps(content, indent=1)


def chain(graph: Graph, wanted: str) -> str:
    """What holds one object back: its id, level and wait, and the longest chain of needs below it."""
    node = graph.find(wanted)
    content = {"version": VERSION, **_object(node), "chain": [_edge(edge) for edge in graph.chain(node.id)]}
    return json.dumps(content, indent=1)


def _object(node: Node) -> dict[str, Any]:
    return {
        "id": str(node.id),
        "apiVersion": node.id.api_version,
        "kind": node.id.kind,
        "namespace": node.id.namespace,
        "name": node.id.name,
        "level": node.level,
        "wait": str(node.wait),
    }


def _edge(edge: Edge) -> dict[str, Any]:
    return {
        "from": str(edge.source),
        "to": str(edge.target),
        "rule": edge.rule,
        "hard": edge.hard,
        "reason": edge.reason,
    }


def _gate_needs(graph: Graph, gate: ObjectId) -> list[ObjectId]:
    return sorted({edge.target for edge in graph.edges if edge.source == gate})


def _between_objects(graph: Graph) -> Iterator[Edge]:
    """All edges, with what waits for a gate needing what the gate needs instead."""
    gates = {node.id: _gate_needs(graph, node.id) for node in graph.nodes if node.gate is not None}
    for edge in graph.edges:
        if edge.source in gates:
            continue
        for target in gates.get(edge.target, [edge.target]):
            yield Edge(edge.source, target, edge.rule, edge.strength, edge.reason)
