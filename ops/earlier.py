"""What an earlier run has left of today's objects, and what an `up` does about it before the engine changes anything.

Objects of which only a new one can have what is sent now are the engine's to replace (`infra.kubeflow.immutable`). It
cannot rewrite what is stored in a version that a definition drops.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from infra.kubeflow.earlier import Earlier
from ops import storing
from ops.existing import objects, place
from ops.reaching import reached
from ops.run import Session
from ops.storing import Migration
from ordering.errors import UserError
from ordering.graph import Graph, ObjectId
from ordering.manifests.objects import Manifest


@dataclass(frozen=True, kw_only=True)
class Before:
    """Objects as they were sent, and versions that go while something is stored in them."""

    sent: Mapping[ObjectId, Manifest]
    migrations: Sequence[Migration] = ()

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
    graph: Graph, state: Iterable[Mapping[str, Any]], connect: Callable[[], AbstractContextManager[storing.Api | None]]
) -> Before:
    """What a state has left of a graph's objects; `connect` reaches the cluster, where that has to be asked."""
    known = sent(graph, state)
    dropping = storing.dropping(graph, known)
    with connect() if dropping else nullcontext() as api:
        migrations = storing.stored(dropping, api) if api else []
    return Before(sent=known, migrations=migrations)


def prepared(session: Session, graph: Graph) -> Earlier:
    """Rewrites what is stored in versions that go, before an `up`, and says what was sent before.

    UserError where the API server refuses to store an object again, or the cluster does not answer: nothing else has
    been changed by then. It can be done again.
    """
    try:
        left = look(session, graph)
        if left.migrations:
            with session.timed("rewrite stored versions"), reached(session) as api:
                assert api is not None, "somebody has just seen objects in it"
                for migration in left.migrations:
                    storing.migrate(migration, api, session.say)
    except OSError as error:
        raise UserError(f"The cluster does not answer ({error}); nothing was changed.") from None
    return left.earlier
