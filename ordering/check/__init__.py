"""What the API server would refuse, and what would never come to be, said before anything is sent: pure functions.

`check(objects, graph)` looks at all that the objects and their graph tell. What a cluster may have already carries an
`absent`; whoever knows the cluster takes it out with `settled`.
"""

from collections.abc import Iterable, Iterator, Sequence

from ordering.check import built_in, custom, server
from ordering.check.absent import absent, unserved
from ordering.check.finding import Absent, Finding, Has, RefusedError, refuse, settled, told
from ordering.check.table import Table, table
from ordering.check.values import Fault
from ordering.graph import Graph, ObjectId, id_of
from ordering.manifests.objects import Manifest

__all__ = ["Absent", "Finding", "Has", "RefusedError", "check", "from_a_cluster", "refuse", "settled", "told"]


def check(objects: Iterable[Manifest], graph: Graph, version: str = "") -> list[Finding]:
    """Every finding about objects, in their order and then by what is missing, for Kubernetes `version` (`1.35`).

    Without a version that is the pinned one. A field that a newer Kubernetes may have is not refused, and what another
    one serves is a warning.
    """
    given = list(objects)
    ids = [id_of(manifest) for manifest in given]
    known = table()
    minor = _minor(version) or known.minor
    found = [*_faults(known, given, ids, newer=minor > known.minor)]
    found += _as_known(unserved(known, ids), exact=minor == known.minor)
    found += absent(graph)
    return found


def from_a_cluster(objects: Iterable[Manifest], *, left_out: bool) -> list[Finding]:
    """Findings about what a cluster wrote into objects; `left_out` says that whoever sends them leaves it out."""
    found = []
    for manifest in objects:
        id_ = id_of(manifest)
        if paths := server.exported(manifest, table()):
            hard = not left_out and not server.REFUSED.isdisjoint(paths)
            what = "the API server refuses that" if hard else "it is left out" if left_out else "it is ignored"
            sentence = f"{id_.title} has {', '.join(paths)} of the cluster that it comes from: {what}; take it out."
            found.append(Finding("refused" if hard else "warned", id_, sentence))
        if owners := list(server.owners(manifest)):
            sentence = (
                f"{id_.title} names {' and '.join(owners)} as its owner by the uid in the cluster that it comes from: "
                "the garbage collector deletes it; take out metadata.ownerReferences."
            )
            found.append(Finding("warned", id_, sentence))
    return found


def _faults(known: Table, given: Sequence[Manifest], ids: Sequence[ObjectId], *, newer: bool) -> Iterator[Finding]:
    schemas = custom.schemas(given)
    for id_, manifest in zip(ids, given, strict=True):
        faults: Iterable[Fault] = ()
        if f"{id_.api_version}/{id_.kind}" in known.kinds:
            faults = built_in.faults(known, manifest, newer=newer)
        elif schema := schemas.get((id_.api_version, id_.kind)):
            faults = [*built_in.metadata_faults(known, manifest["metadata"]), *custom.faults(schema, manifest)]
        for fault in faults:
            place = f"has {fault.path}" if fault.path else "is"
            yield Finding("refused", id_, f"{id_.title} {place}{fault.text}.")


def _as_known(findings: Iterable[Finding], *, exact: bool) -> Iterator[Finding]:
    """The findings, as warnings where the table is of another version."""
    for finding in findings:
        yield finding if exact else finding._replace(severity="warned")


def _minor(version: str) -> int | None:
    second = version.removeprefix("v").partition(".")[2].partition(".")[0].rstrip("+")
    return int(second) if second.isdecimal() else None
