"""`config.kubernetes.io/depends-on`, which kpt and Config Sync follow: pkg/object/dependson of cli-utils 0.37."""

from ordering.exports.export import (
    Export,
    annotated,
    dump,
    first_users,
    is_claim,
    needs,
    objects,
    shared_notes,
    titles,
)
from ordering.graph import Graph, ObjectId
from ordering.graph.index import Platform

DEPENDS_ON = "config.kubernetes.io/depends-on"


def export(graph: Graph) -> Export:
    """One file: each object names what it needs directly, and is applied when that is current, deleted before it."""
    nodes = objects(graph)
    platform = Platform(node.manifest for node in nodes)
    named, spare = _named(graph)
    found = []
    for node in nodes:
        text = ",".join(_reference(platform, need) for need in named[node.id])
        found.append(annotated(node, {DEPENDS_ON: text} if text else {}))
    notes = shared_notes(graph, conditions=True)
    if spare:
        notes.append(
            f"{titles(spare)}: mounted by nothing here, so bound by nothing; sent last, and waited for until the "
            "engine's own timeout (kapply: --reconcile-timeout)."
        )
    return Export({"resources.yaml": dump(found)}, tuple(notes))


def _named(graph: Graph) -> tuple[dict[ObjectId, list[ObjectId]], list[ObjectId]]:
    """What each object is to name, and the claims that nothing mounts.

    A set of objects is applied when all of the set before is current (cli-utils 0.37, pkg/apply/solver), and a claim
    is when it is bound, which may take its pod: nothing names a claim, and each is in the set of the first that mounts
    it, for it names the same. One that nothing mounts comes after all else.
    """
    named: dict[ObjectId, list[ObjectId]] = {}
    sets: dict[ObjectId, int] = {}
    for node in objects(graph):
        named[node.id] = [need for need in needs(graph, node) if not is_claim(need)]
        sets[node.id] = max((sets[need] + 1 for need in named[node.id]), default=0)
    users = first_users(graph, sets)
    last = max((id_ for id_ in named if not is_claim(id_)), key=sets.__getitem__, default=None)
    for claim, user in users.items():
        beside = named[user] if user else [last] if last else []
        named[claim] = list(dict.fromkeys([*named[claim], *beside]))
    return named, [claim for claim, user in users.items() if user is None]


def _reference(platform: Platform, id_: ObjectId) -> str:
    """`group/namespaces/namespace/kind/name`, or `group/kind/name`; the core group is empty."""
    namespace = platform.namespace(id_)
    place = f"namespaces/{namespace}/" if namespace else ""
    return f"{id_.group}/{place}{id_.kind}/{id_.name}"
