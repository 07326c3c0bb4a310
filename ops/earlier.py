"""What an earlier run has left of today's objects, and what an `up` does about it before the engine changes anything.

Objects of which only a new one can have what is sent now are the engine's to replace (`infra.kubeflow.immutable`).
Two things it cannot do: rewrite what is stored in a version that a definition drops, and let the pods of a StatefulSet
go on while it is replaced.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from infra.kubeflow import immutable
from infra.kubeflow.earlier import Earlier
from ops import storing
from ops.existing import objects, place
from ops.reaching import reached
from ops.run import Session
from ops.storing import Migration
from ordering.errors import UserError
from ordering.graph import Graph, ObjectId
from ordering.manifests.objects import Manifest


class Api(storing.Api, Protocol):
    """What this needs of a cluster."""

    def orphan(self, manifest: Manifest) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Before:
    """What there is to see to: objects as they were sent, versions still stored, StatefulSets whose pods go on."""

    sent: Mapping[ObjectId, Manifest]
    migrations: Sequence[Migration] = ()
    orphaning: Sequence[Manifest] = ()

    @property
    def earlier(self) -> Earlier:
        """What the program has to know of it."""
        return Earlier(sent=self.sent, migrating=[one.id for one in self.migrations])


def sent(graph: Graph, state: Iterable[Mapping[str, Any]]) -> dict[ObjectId, Manifest]:
    """The objects of a graph that a state has, as their last run sent them, in whatever version that was."""
    found = dict(objects(one for one in state if not one.get("delete")))
    ids = (node.id for node in graph.nodes if node.gate is None and not node.made_by)
    return {id_: found[place(id_)] for id_ in ids if place(id_) in found}


def look(session: Session, graph: Graph) -> Before:
    """What an earlier run has left of a graph's objects; OSError where the cluster is asked and does not answer."""
    return before(graph, session.resources, lambda: reached(session))


def before(
    graph: Graph, state: Iterable[Mapping[str, Any]], connect: Callable[[], AbstractContextManager[Api | None]]
) -> Before:
    """What a state has left of a graph's objects; `connect` reaches the cluster, where that has to be asked."""
    known = sent(graph, state)
    dropping = storing.dropping(graph, known)
    with connect() if dropping else nullcontext() as api:
        migrations = storing.stored(dropping, api) if api else []
    return Before(sent=known, migrations=migrations, orphaning=keeping_pods(graph, known))


def keeping_pods(graph: Graph, known: Mapping[ObjectId, Manifest]) -> list[Manifest]:
    """The StatefulSets of a graph that are replaced and can keep their pods: the new one finds them by its selector."""
    return [
        before
        for id_, before in known.items()
        if (id_.group, id_.kind) == ("apps", "StatefulSet")
        and (fields := immutable.changed(before, graph.node(id_).manifest))
        and "spec.selector" not in fields
    ]


def see_to(left: Before, api: Api, report: Callable[[str], None]) -> None:
    """Rewrites what is stored in versions that go, and lets StatefulSets go without their pods.

    UserError where the API server refuses to rewrite an object; nothing else has been changed by then. Each step can be
    done again.
    """
    for migration in left.migrations:
        storing.migrate(migration, api, report)
    for manifest in left.orphaning:
        api.orphan(manifest)
        metadata = manifest["metadata"]
        report(f"StatefulSet {metadata['namespace']}/{metadata['name']} is replaced, and its pods go on meanwhile")


def prepared(session: Session, graph: Graph) -> Earlier:
    """Sees to all of it before an `up`; UserError where the cluster does not answer."""
    try:
        left = look(session, graph)
        if left.migrations or left.orphaning:
            with session.timed("get objects ready"), reached(session) as api:
                assert api is not None, "somebody has just seen objects in it"
                see_to(left, api, session.say)
    except OSError as error:
        raise UserError(f"The cluster does not answer ({error}); nothing was changed.") from None
    return left.earlier
