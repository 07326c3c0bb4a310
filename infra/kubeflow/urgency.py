"""What to send first of all that may be sent: what most waits come after, and of equals what takes the API server
longest.

An API server establishes one CustomResourceDefinition after the other in the order in which they come, a large one in
seconds. Sent last, the largest would hold up a whole platform that has been ready for long.
"""

import json

from ordering.graph import Graph, Node, ObjectId, takes_time


def by_urgency(graph: Graph) -> list[Node]:
    """The graph's nodes in an order in which they may be sent, the most urgent of each level first."""
    after = waits_after(graph)
    return sorted(graph.nodes, key=lambda node: (node.level, -after[node.id], -_cost(node), node.id))


def waits_after(graph: Graph) -> dict[ObjectId, int]:
    """How many waits, one after the other, an object and all that needs it still cost, at most."""
    waits: dict[ObjectId, int] = {}
    for node in reversed(graph.nodes):
        waits[node.id] = total = waits.get(node.id, 0) + takes_time(node)
        for need in node.needs:
            waits[need] = max(waits.get(need, 0), total)
    return waits


def _cost(node: Node) -> int:
    """Bytes of a definition, whose schemas the API server compiles; any other object costs little."""
    return len(json.dumps(node.manifest)) if node.id.kind == "CustomResourceDefinition" else 0
