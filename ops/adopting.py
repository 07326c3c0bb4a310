"""Taking over what is in a cluster already: what the server would refuse, and what kubectl leaves in the objects."""

from collections.abc import Callable, Iterable
from typing import Protocol

from ops import existing
from ops.existing import Existing, look, missing
from ordering.errors import UserError
from ordering.graph import Graph, ObjectId
from ordering.manifests.objects import Manifest

KUBECTL = ("kubectl-client-side-apply", "kubectl", "before-first-apply")
"""The field managers of `kubectl apply`, without and with `--server-side`, and that of what it found at its first."""

_NAMED = 5
"""Refusals that an error tells."""


class Api(existing.Api, Protocol):
    """What this needs of a cluster."""

    def dry_run(self, manifest: Manifest) -> None: ...

    def release(self, manifest: Manifest, manager: str) -> bool: ...


def check(found: Iterable[Existing], graph: Graph, api: Api) -> None:
    """UserError naming what cannot be taken over: it is being deleted, or the server refuses to change it.

    It is asked to apply each manifest without doing so, and so it tells of fields that never change.
    """
    refused = []
    for one in found:
        if one.going:
            refused.append(f"{one.id.title} is being deleted")
            continue
        try:
            api.dry_run(graph.node(one.id).manifest)
        except UserError as error:
            refused.append(f"{one.id.title}: {error}")
    if refused:
        more = f"\n  … and {len(refused) - _NAMED} more" if len(refused) > _NAMED else ""
        lines = "\n  ".join(refused[:_NAMED])
        raise UserError(
            "Nothing was taken over, for some of it cannot be; leave these out of what you install, or delete them, "
            f"which takes the objects of a definition and what is in a namespace or a claim along:\n  {lines}{more}"
        )


def taken(found: Iterable[Existing], graph: Graph, api: Api) -> list[Existing]:
    """What was taken over: what this run has found, and what one that was cut short has left with kubectl's fields."""
    now = list(found)
    ids = {one.id for one in now}
    there = look(missing(graph, ()), api)
    return [*now, *(one for one in there if one.id not in ids and not one.managers.isdisjoint(KUBECTL))]


def release(found: Iterable[Existing], graph: Graph, api: Api, report: Callable[[str], None]) -> list[ObjectId]:
    """Takes from kubectl what it owns of the objects that were taken over, once the stack's own apply owns its part.

    What only kubectl had set goes, as it would if kubectl applied the stack's manifest. Returns the objects of which
    something went, and which are now other than the engine saw them.
    """
    taken = list(found)
    changed = []
    for one in taken:
        went = [api.release(graph.node(one.id).manifest, manager) for manager in KUBECTL]
        if any(went):
            changed.append(one.id)
    if taken:
        objects = "object that was" if len(taken) == 1 else "objects that were"
        report(f"Took over {len(taken)} {objects} there.")
    return changed
