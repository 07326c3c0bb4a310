"""What is named and in no manifest: namespaces, kinds, Secrets and all the others that a rule has looked for."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from ordering.check.finding import Absent, Finding
from ordering.check.table import Table
from ordering.graph import Graph, ObjectId, Unresolved, kinds
from ordering.graph.index import CRD

# What the admission of a bare Pod looks up; controllers that make pods are refused later, and try again
# (kubernetes v1.35.4, plugin/pkg/admission: serviceaccount, priority, runtimeclass).
_LOOKED_UP = frozenset({"PriorityClass", "RuntimeClass", "ServiceAccount"})


def absent(graph: Graph) -> Iterator[Finding]:
    """A finding for each thing that is named and nowhere, however many name it."""
    asked: dict[str, list[Unresolved]] = defaultdict(list)
    for one in graph.unresolved:
        asked[one.wanted].append(one)
    for wanted, askers in asked.items():
        yield _finding(wanted, askers)


def unserved(table: Table, ids: Sequence[ObjectId]) -> Iterator[Finding]:
    """Objects of Kubernetes' own groups in a version, or of a kind, that it does not serve."""
    for id_ in ids:
        key = f"{id_.api_version}/{id_.kind}"
        if id_.group not in kinds.BUILT_IN_GROUPS or key in table.kinds:
            continue
        versions = sorted(
            known.rpartition("/")[0]
            for known in table.kinds
            if known.endswith(f"/{id_.kind}") and known.rpartition("/")[0].rpartition("/")[0] == id_.group
        )
        hint = f"write {' or '.join(versions)}" if versions else "correct its kind and apiVersion"
        what = f"{id_.kind} in {id_.api_version}"
        sentence = f"Kubernetes {table.version} does not serve the kind of {id_.title}, {what}: {hint}."
        yield Finding("refused", id_, sentence, Absent(id_.api_version, id_.kind))


def _finding(wanted: str, askers: Sequence[Unresolved]) -> Finding:
    # A policy names a kind, too, of which it holds no object.
    askers = [one for one in askers if one.place] or askers
    first = askers[0]
    id_, place = first.asker, first.place
    others = f" and {len(askers) - 1} more" if len(askers) > 1 else ""
    if place is not None and place[:2] == CRD:
        what = f"{id_.kind} in {id_.api_version}"
        sentence = f"No manifest defines the kind of {id_.title}{others}, {what}: add its definition, or leave it out."
        return Finding("refused", id_, sentence, Absent(id_.api_version, id_.kind))
    if place is not None and place[:2] == ("", "Namespace"):
        name = place[3]
        sentence = f"Namespace {name} of {id_.title}{others} is in no manifest: add it, or correct metadata.namespace."
        return Finding("refused", id_, sentence, Absent("v1", "Namespace", "", name))
    verb = "want" if others else "wants"
    sentence = f"{wanted} is in no manifest, and {id_.title}{others} {verb} it ({first.reason})."
    if place is None:
        return Finding("warned", id_, sentence)
    group, kind, namespace, name = place
    hard = kind in _LOOKED_UP and any(one.asker.kind == "Pod" for one in askers)
    return Finding("refused" if hard else "warned", id_, sentence, Absent(_version(group), kind, namespace, name))


def _version(group: str) -> str:
    """The version in which a cluster is asked for an object of a group."""
    return f"{group}/v1" if group else "v1"
