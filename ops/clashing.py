"""What a run would have to change and nobody can, of objects that it has not made: said before anything is touched.

Of the stack's own objects the engine makes new ones (`infra.kubeflow.immutable`). These are somebody else's, kept by an
earlier life of the stack, or made by the cluster itself.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from infra.kubeflow import clashes
from infra.kubeflow.again import whole
from infra.kubeflow.clashes import Clash
from infra.kubeflow.immutable import FIELDS, kind_of
from ops import existing
from ops.cluster import RefusedError
from ops.existing import Place, held, place
from ops.reaching import reached
from ops.run import Session
from ordering.errors import UserError
from ordering.graph import Graph, Node, ObjectId
from ordering.manifests.objects import Manifest

_NAMED = 10
"""Clashes that an error tells."""


class Api(existing.Api, Protocol):
    """What this needs of a cluster."""

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None: ...


@dataclass(frozen=True, kw_only=True)
class Clashing:
    """A clash, and who makes the object by itself, if anybody does."""

    clash: Clash
    made_by: str = ""

    @property
    def advice(self) -> str:
        """What a person can do about it."""
        if self.made_by:
            return f"{self.made_by} makes that object: leave it out of what you install, or give it the same value"
        return "delete that object, leave it out of what you install, or give it the cluster's value"

    def __str__(self) -> str:
        return f"{self.clash}; {self.advice}"


def check(session: Session, graph: Graph) -> None:
    """UserError naming what a run of the session would be refused; OSError where the cluster does not answer."""
    if wanted := others(graph, held(session.resources)):
        with reached(session) as api:
            refuse(look(wanted, api) if api else [])


def others(graph: Graph, known: Collection[Place]) -> list[Node]:
    """The objects of a graph with fields that never change which the stack has not made, given what its state knows."""
    found = (node for node in graph.nodes if node.gate is None and kind_of(node.manifest) in FIELDS)
    return [node for node in found if not whole(node) or place(node.id) not in known]


def look(nodes: Iterable[Node], api: Api, own: Callable[[Manifest], bool] = lambda _: False) -> list[Clashing]:
    """What clashes of these that are in the cluster, kind by kind; `own` says of which to take no notice.

    Objects that the cluster makes by itself count in any case: they are patched, and never made again.
    """
    kinds: dict[str, dict[ObjectId, Node]] = {}
    for node in nodes:
        kinds.setdefault(kind_of(node.manifest), {})[node.id] = node
    found: list[Clashing] = []
    for wanted in kinds.values():
        with suppress(RefusedError):  # what whoever asks may not read, such as a viewer Secrets, is not judged
            found += _of_kind(wanted, api, own)
    return found


def _of_kind(wanted: Mapping[ObjectId, Node], api: Api, own: Callable[[Manifest], bool]) -> list[Clashing]:
    found: list[Clashing] = []
    for one in existing.look(wanted, api):
        node, id_ = wanted[one.id], one.id
        live = None if one.going else api.get(id_.api_version, id_.kind, id_.namespace or "default", id_.name)
        if live is None or (whole(node) and own(live)):
            continue
        found += [Clashing(clash=clash, made_by=node.made_by) for clash in clashes.clashes(live, node.manifest)]
    return found


def refuse(found: Collection[Clashing]) -> None:
    """UserError when there is any."""
    if not found:
        return
    told = [str(one) for one in found]
    more = f"\n  … and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    lines = "\n  ".join(told[:_NAMED])
    raise UserError(f"The cluster would refuse this, and nothing was changed:\n  {lines}{more}")
