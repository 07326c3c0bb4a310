"""Which part of a platform an object belongs to, for colours and groups; a guess for people, never for the order."""

from collections import Counter, defaultdict
from collections.abc import Collection

from ordering.graph import Graph, Node, ObjectId

_LABELS = (
    "app.kubernetes.io/part-of",
    "application-crd-id",
    "kustomize.component",
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app",
)
_SHARED = frozenset({"Namespace", "CustomResourceDefinition"})
# A whole distribution is no component of itself.
_TOO_WIDE = frozenset({"kubeflow", "kubeflow-profile"})
# Who looks at the requests for an object is often a stranger to it.
_PASSED = frozenset({"object_needs_webhook", "object_needs_policy"})


def components(graph: Graph) -> dict[ObjectId, str]:
    """A component for every node: by its labels, else that of what needs it, else its API group or namespace."""
    found: dict[ObjectId, str] = {}
    users: dict[ObjectId, list[ObjectId]] = defaultdict(list)
    passed = {(edge.source, edge.target) for edge in graph.edges if edge.rule in _PASSED}
    for node in graph.nodes:
        if label := _labelled(node):
            found[node.id] = label
        for need in node.needs:
            users[need].append(node.id)
    for node in reversed(graph.nodes):
        if node.id not in found and node.id.kind not in _SHARED:
            _adopt(found, node.id, users[node.id])
    for node in graph.nodes:
        if node.id not in found:
            _adopt(found, node.id, _own(node, passed))
            found.setdefault(node.id, _home(node))
    return found


def _own(node: Node, passed: Collection[tuple[ObjectId, ObjectId]]) -> list[ObjectId]:
    """The needs of an object that may be of its component; what looks at its requests only where there is no other."""
    near = [need for need in node.needs if need.kind not in _SHARED]
    return [need for need in near if (node.id, need) not in passed] or near


def _adopt(found: dict[ObjectId, str], id_: ObjectId, near: list[ObjectId]) -> None:
    """Counts an object to the component that most of its neighbours belong to, if any is known."""
    counted = Counter(found[other] for other in near if other in found)
    if counted:
        found[id_] = min(counted, key=lambda name: (-counted[name], name))


def _labelled(node: Node) -> str:
    labels = node.manifest["metadata"].get("labels") or {}
    for label in _LABELS:
        value = str(labels.get(label) or "")
        # kubebuilder's templates write the kind into the name, and the object's own name into the instance.
        template = value == node.id.kind.lower() or (label.endswith("/instance") and node.id.name.endswith(value))
        if value and value not in _TOO_WIDE and not template:
            return value
    # Some name the part in the prefix: `katib.kubeflow.org/component: controller`.
    for key in labels:
        prefix, _, last = key.rpartition("/")
        if last == "component" and prefix and not prefix.startswith("app."):
            return str(prefix.partition(".")[0])
    return ""


def _home(node: Node) -> str:
    if node.id.kind == "CustomResourceDefinition":
        return str(node.manifest["spec"]["group"])
    if node.id.kind == "Namespace":
        return node.id.name
    return node.id.namespace or "cluster"
