"""`config.kubernetes.io/depends-on`, which kpt and Config Sync follow: pkg/object/dependson of cli-utils 0.37."""

from ordering.exports.export import Export, annotated, dump, is_claim, needs, objects, shared_notes
from ordering.graph import Graph, ObjectId
from ordering.graph.index import Platform

DEPENDS_ON = "config.kubernetes.io/depends-on"


def export(graph: Graph) -> Export:
    """One file: each object names what it needs directly, and is applied when that is current, deleted before it."""
    nodes = objects(graph)
    platform = Platform(node.manifest for node in nodes)
    found = []
    for node in nodes:
        # A claim is current when it is bound, which may take the very pod: cli-utils 0.37 gives up there.
        named = ",".join(_reference(platform, need) for need in needs(graph, node) if not is_claim(need))
        found.append(annotated(node, {DEPENDS_ON: named} if named else {}))
    return Export({"resources.yaml": dump(found)}, tuple(shared_notes(graph, conditions=True)))


def _reference(platform: Platform, id_: ObjectId) -> str:
    """`group/namespaces/namespace/kind/name`, or `group/kind/name`; the core group is empty."""
    namespace = platform.namespace(id_)
    place = f"namespaces/{namespace}/" if namespace else ""
    return f"{id_.group}/{place}{id_.kind}/{id_.name}"
