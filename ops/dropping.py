"""What an `up` takes away in passing: objects that the release has no more, and what depends on who served them.

The engine deletes last, and an object before what it needs. What operators registered at run time it does not know
(`ops.registered`), and neither what people made of a kind that goes, with a finalizer that nobody takes off then.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ops import lifting, people, registered
from ops.changes import CRD, kind_of
from ops.existing import held, place
from ops.people import Waiting
from ops.reaching import answered, reached
from ops.registered import Going, Registered
from ops.run import Session
from ordering.errors import UserError
from ordering.graph import Graph

_COMPONENT = "kubeflow:infra:Kubeflow$"
"""In the URNs of a release's objects; a team's own are not looked at."""

Resource = Mapping[str, Any]


def dropped(state: Sequence[Resource], graph: Graph, kept: Collection[str] = ()) -> list[Resource]:
    """The resources of a state whose objects a graph has no more; those in `kept`, by URN, stay in the cluster."""
    wanted = {place(node.id) for node in graph.nodes if node.gate is None}
    return [
        one
        for one in state
        if _COMPONENT in str(one.get("urn"))
        and not one.get("retainOnDelete")
        and one["urn"] not in kept
        and not held([one]) <= wanted
    ]


def going(state: Sequence[Resource], gone: Sequence[Resource]) -> Going:
    """What goes with these resources, and what of the state stays."""
    ours = registered.going(gone)
    return Going(objects=ours.objects, kinds=ours.kinds, staying=held(state).difference(ours.objects))


def sentences(api: registered.Api, ours: Going) -> list[str]:
    """What somebody registered at run time and an `up` would take away."""
    return [f"Deleted with what this deletes: {one.what}." for one in registered.find(api, ours, set())]


def clear(session: Session, graph: Graph, watch: Registered, kept: Collection[str] = ()) -> None:
    """Takes away what would refuse the engine's deletions or hold them up, and has `watch` look until its end.

    UserError where what people made of a kind that goes does not go; the engine has changed nothing by then.
    """
    state = session.resources
    gone = dropped(state, graph, kept)
    if not gone:
        return
    ours = going(state, gone)
    ends = {one["urn"] for one in gone}
    told = [one for one in state if kind_of(str(one["type"])) != CRD or one["urn"] in ends]
    waiting = Waiting(report=session.say, stuck=lambda _: "wait", advice=_ADVICE)
    try:
        with session.timed("clear what goes"), reached(session) as api:
            if api is not None:
                people.clear(api, told, waiting)
                lifting.lift(api, ours.objects, session.say)
                watch.begin(api, ours, lambda: answered(session), whole=False)
    except OSError as error:
        raise UserError(f"The cluster does not answer ({error}); nothing was changed.") from None


_ADVICE = "the stack is as it was; repair the controllers that have to finish these, and run the same command again."
