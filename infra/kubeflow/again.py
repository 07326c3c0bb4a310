"""Which objects an `up` makes again, as far as it is known what an earlier run has sent."""

from collections.abc import Mapping
from typing import Any

import pulumi

from infra.kubeflow import immutable
from infra.kubeflow.earlier import Earlier
from ordering.graph import Graph, Node, ObjectId
from ordering.graph.index import CRD
from ordering.manifests.objects import Manifest


class Again:
    """What is made again because a field of it cannot change, or because its definition is made again.

    `filled` are objects as they are sent, where that is not as the graph has them.
    """

    def __init__(self, graph: Graph, earlier: Earlier, filled: Mapping[ObjectId, Manifest]) -> None:
        self._filled = filled
        self._sent, self._migrating = earlier.sent, earlier.migrating
        self._unanswered = _unanswered(graph, earlier)
        self._definitions: dict[tuple[str, str], ObjectId] = {}
        for node in graph.nodes:
            if (node.id.group, node.id.kind) == CRD and self._changes(node):
                spec = node.manifest["spec"]
                self._definitions[str(spec["group"]), str(spec["names"]["kind"])] = node.id

    def unjudged(self, node: Node) -> bool:
        """Whether the API server would refuse a dry run of it, though not the run."""
        return (
            self.with_definition(node) is not None
            or node.id in self._migrating
            or node.id in self._unanswered
            or self._changes(node)
        )

    def with_definition(self, node: Node) -> ObjectId | None:
        """The definition that is made again, if any, for an object of its kind: it goes with that."""
        return self._definitions.get((node.id.group, node.id.kind)) if node.id in self._sent else None

    def _changes(self, node: Node) -> bool:
        before = self._sent.get(node.id) if whole(node) else None
        if before is None:
            return False
        return bool(immutable.changed(before, _settled(self._filled.get(node.id, node.manifest), before)))


def whole(node: Node) -> bool:
    """Whether it is an object, and not laid over one."""
    return node.gate is None and not node.made_by


def _settled(after: Any, before: Any) -> Any:
    """A value with what the engine alone knows as it was: where that changes, a preview does not know it either."""
    if isinstance(after, pulumi.Output):
        return before
    if isinstance(after, Mapping):
        was = before if isinstance(before, Mapping) else {}
        return {key: _settled(value, was.get(key)) for key, value in after.items()}
    if isinstance(after, list):
        held = before if isinstance(before, list) else []
        return [_settled(value, held[at] if at < len(held) else None) for at, value in enumerate(after)]
    return after


def _unanswered(graph: Graph, earlier: Earlier) -> frozenset[ObjectId]:
    """What goes through a webhook whose configuration an earlier run has sent, and not yet all that answers it.

    A backend that fills its own configuration comes after it, and a run may be killed in between.
    """
    if not earlier.sent:
        return frozenset()
    gates = {node.id for node in graph.nodes if node.gate in earlier.sent}
    lacking = {one.source for one in graph.edges if one.source in gates and _is_unsent(graph.node(one.target), earlier)}
    return frozenset(one.source for one in graph.edges if one.target in lacking)


def _is_unsent(node: Node, earlier: Earlier) -> bool:
    return whole(node) and node.id not in earlier.sent
