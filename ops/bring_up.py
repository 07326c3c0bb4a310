"""What goes before an `up`: on any stack but the local one a preview, a refusal by policy, and a question."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from pulumi import automation

from infra.kubeflow.earlier import Earlier
from ops import (
    adopting,
    clashing,
    drift,
    dropping,
    earlier,
    inventory,
    keeping,
    live,
    losing,
    onward,
    owning,
    policies,
    preview,
    quotas,
    roles_left,
    rotating,
    run,
)
from ops.changes import Change
from ops.cluster import ClusterApi
from ops.existing import Existing, held, missing, objects, refuse
from ops.migrations import databases, table
from ops.migrations.between import Between
from ops.outdated import Outdated
from ops.preview import Preview
from ops.program import nothing_before
from ops.progress import Tracker
from ops.project import is_local
from ops.reaching import answered, existing, reached, refuse_absent
from ops.registered import Registered
from ops.run import Session
from ops.settings import stack_settings
from ops.steps import Recorder
from ordering.errors import UserError
from ordering.graph import Graph, ObjectId
from ordering.graph.controllers import PROFILES

if TYPE_CHECKING:
    from policy import Violation


@dataclass(frozen=True, kw_only=True)
class Brought:
    """What came of an `up`: the stack's outputs, the preview that it began with, and the rules that are broken now."""

    outputs: dict[str, automation.OutputValue]
    preview: Preview | None
    violations: "list[Violation]"


def bring_up(
    session: Session,
    *,
    show: Callable[[Preview], None],
    agree: Callable[[Preview], None],
    adopt: bool = False,
    lose: Collection[str] = (),
    keep: Collection[str] = (),
    look_first: bool = False,
) -> Brought:
    """Brings a stack up; returns what came of it.

    The preview goes to `show`, and then to `agree`, which raises UserError unless somebody agrees to it; nothing is
    touched then, nor where a mandatory policy rule is broken or the cluster does not let the caller change it, which
    are UserErrors, too. So are another product or an older release than the stack has, objects that are in the cluster
    already, unless they are to be adopted, and data that would be lost, unless `lose` names it, or `keep`, which leaves
    it where it is.

    Nobody has to agree to what becomes of the local stack. It goes ahead without a preview, which would add half as
    much time, unless it might lose data or `look_first` wants one, and the rules are applied to what it has made.

    A stack that leaves EKS Pod Identity takes two such runs, the second with a preview and a question of its own.
    """
    once = partial(_bring_up, session, show=show, agree=agree, adopt=adopt, lose=lose, keep=keep, look_first=look_first)
    brought = once()
    if session.program.leaves_pod_identity:
        session.say("The associations of EKS Pod Identity are gone; what follows is the second of the two runs.")
        _begin_again(session)
        brought = once()
    return brought


def _begin_again(session: Session) -> None:
    """Readies a session for another run after one that has changed things."""
    session.settled = False
    session.program.before = nothing_before
    session.listeners.clear()
    session.tracker = Tracker(
        console=session.tracker.console, expected=session.program.expected, left_out=session.ground.left_out
    )


def _bring_up(
    session: Session,
    *,
    show: Callable[[Preview], None],
    agree: Callable[[Preview], None],
    adopt: bool,
    lose: Collection[str],
    keep: Collection[str],
    look_first: bool,
) -> Brought:
    # What a killed run has left belongs in the state before anybody compares with it.
    run.settle(session, until_gone=True)
    _caught_up(session)
    watch = Registered(session.say)
    local = is_local(session.stack.name) and not look_first
    if local and not lose and not keep and (brought := _at_once(session, watch, adopt=adopt)):
        return brought
    console = session.tracker.console
    settings = stack_settings(session.stack.name, session.changes).settings
    planned = preview.look(session, settings)
    if stale := live.upgraded(planned.steps, session.program.live_version):
        console.print(live.notice(stale[0], session.program.live_version), highlight=False, soft_wrap=True)
        run.refresh(session, [step.urn for step in stale])
        planned = preview.look(session, settings)
    session.seconds["preview"] = session.seconds.pop("engine")
    if session.program.refusal is not None:
        raise session.program.refusal
    show(planned)
    policies.refuse(planned.violations)
    if planned.unseen:
        raise UserError(" ".join(planned.unseen))
    _settled(session, planned.existing, adopt=adopt)
    losses = losing.lost(planned.changes)
    kept = keeping.chosen(losses, keep)
    losing.refuse([one for one in losses if one not in kept], lose)
    if onward.changes(session):
        with _answering(session) as api:
            onward.unheld(inventory.look(session.resources, api), planned.changes)
    _passable(session, session.program.graph)
    if settings.cluster.mode == "create":
        quotas.refuse(settings, planned.steps)
    if not local:
        agree(planned)
    _keep(session, kept, [one for one in planned.changes if one.keeps_pods])
    _prepared(session, session.program.graph)
    session.tracker = Tracker(console=console, expected=session.program.expected, left_out=session.ground.left_out)
    gone = {one.step.urn for one in kept}
    session.program.before = lambda graph: _made_room(session, graph, watch, gone)
    outputs = _ended(session, watch, planned.existing, adopt=adopt)
    return Brought(outputs=outputs, preview=planned, violations=list(planned.violations))


def _at_once(session: Session, watch: Registered, *, adopt: bool) -> Brought | None:
    """Brings a stack up without a preview; None, and nothing is changed, where data might be lost."""
    recorder = Recorder.after(session.tracker, policies.load())
    session.tracker = recorder
    found: list[Existing] = []
    doubtful = False

    def before(graph: Graph) -> Earlier:
        nonlocal doubtful
        onward.check(session)
        if doubtful := losing.possible(session.resources, graph):
            raise UserError("data might be lost, so a preview comes first")
        refuse_absent(session)
        found.extend(_looked(session, graph))
        _settled(session, found, adopt=adopt)
        _passable(session, graph)
        _prepared(session, graph)
        return _made_room(session, graph, watch)

    session.program.before = before
    try:
        outputs = _ended(session, watch, found, adopt=adopt)
    except UserError:
        if doubtful:
            return None
        raise
    return Brought(outputs=outputs, preview=None, violations=recorder.violations())


def _made_room(session: Session, graph: Graph, watch: Registered, kept: Collection[str] = ()) -> Earlier:
    """Takes away what would hold the run up, but what is `kept`, by URN; returns what an earlier run has sent."""
    left = earlier.prepared(session, graph)
    dropping.clear(session, graph, watch, kept)
    return replace(left, ahead=databases.ahead(_between(session, graph), lambda: _answering(session), session.say))


def _ended(
    session: Session, watch: Registered, found: Sequence[Existing], *, adopt: bool
) -> dict[str, automation.OutputValue]:
    """Runs the engine, with what goes right before it and what comes after; returns the stack's outputs."""
    _told(session)
    outdated = Outdated(made={at: str(one["urn"]) for one in session.resources for at, _ in objects([one])})
    session.listeners.append(outdated)
    with watch.watched():
        outputs = run.up(session)
    # The cluster serves other kinds now.
    session.clients.clear()
    taken, changed = _released(session, found, adopt=adopt)
    # What a gate waits for is written into the object that it is of, and would be read as that object's own.
    gated = {node.gate for node in session.program.graph.nodes}
    overtaken = outdated.taken_over((one.id for one in taken if one.id not in gated), changed)
    if urns := outdated.urns | overtaken:
        run.refresh(session, sorted(urns))
    _handed_on(session)
    return outputs


def _caught_up(session: Session) -> None:
    """Has the state know of what somebody changed besides, so that this puts it right."""
    if not session.resources or session.ground.forgot:
        return
    try:
        found = drift.look(session)
    except OSError as error:
        # Perhaps it is this run that lets its caller in again.
        session.say(f"The cluster does not answer ({error}), so what others changed in it is not looked for.")
        return
    for unseen in found.unseen:
        session.say(f"Not looked at: {unseen}")
    # A cluster that EKS upgraded is left to the preview, which says so (`ops.live`): nothing puts that back.
    ours = [
        one for one in found.found if one.type != live.CLUSTER or {field.path for field in one.fields} != {"version"}
    ]
    if ours:
        drift.take_up(session, replace(found, found=tuple(ours)))


def _looked(session: Session, graph: Graph) -> list[Existing]:
    """What is there of what a run would make; UserError where it could not be as the graph has it."""
    try:
        clashing.check(session, graph)
        return existing(session, missing(graph, held(session.resources)))
    except OSError as error:
        raise UserError(f"The cluster does not answer ({error}); nothing was changed.") from None


def _between(session: Session, graph: Graph) -> Between:
    runs_pods = not is_local(session.stack.name)
    return Between(stack=session.stack.name, state=session.resources, graph=graph, runs_pods=runs_pods)


def _passable(session: Session, graph: Graph) -> None:
    """UserError for a step between releases that nobody can go."""
    if table.chosen(between := _between(session, graph)):
        # Where the cluster does not answer nothing of it is changed.
        with suppress(OSError), reached(session) as api:
            if api is not None:
                table.check(between, api)


def _prepared(session: Session, graph: Graph) -> None:
    """Does what can be done only while the old release is there."""
    if table.chosen(between := _between(session, graph)):
        with _answering(session) as api:
            table.before(between, api, session.say)


def _settled(session: Session, found: Sequence[Existing], *, adopt: bool) -> None:
    """UserError where what is there already is not to be adopted, or cannot be."""
    if not adopt:
        refuse(found, session.stack.name)
    elif found:
        with _answering(session) as api:
            adopting.check(found, session.program.graph, api)


def _keep(session: Session, kept: Sequence[Change], pods: Sequence[Change]) -> None:
    if in_cluster := [one for one in kept if one.step.type.startswith("kubernetes:")]:
        with _answering(session) as api:
            keeping.mark(api, in_cluster, session.stack.name)
    if kept or pods:
        keeping.note(session.stack, kept=kept, pods=pods)
    if kept:
        session.say(f"Stays where it is, and leaves the state: {', '.join(one.name for one in kept)}")
    if pods:
        session.say(f"Is replaced, and its pods go on meanwhile: {', '.join(one.name for one in pods)}")


def _released(session: Session, found: Sequence[Existing], *, adopt: bool) -> tuple[Sequence[Existing], list[ObjectId]]:
    """Lets kubectl own nothing of what was taken over; returns that, and the objects that this changed.

    What the stack has is no longer noted as kept.
    """
    with session.timed("take over what was there"), _answering(session) as api:
        taken = adopting.taken(found, session.program.graph, api) if adopt else found
        changed = adopting.release(taken, session.program.graph, api, session.say)
        keeping.unmark(api, session.program.graph)
    return taken, changed


def _told(session: Session) -> None:
    """Tells the databases the passwords that their Secrets get."""
    if not rotating.rotated(session.resources):
        return
    # Of a cluster that does not answer no Secret is changed either.
    with suppress(OSError), reached(session) as api:
        if api is not None:
            rotating.tell(session.resources, api, session.say, run_pods=not is_local(session.stack.name))


def _handed_on(session: Session) -> None:
    """Ends the steps between releases, and gives each Profile's namespace to the owner that the Profile has now."""
    between = _between(session, session.program.graph)
    profiles = [node.id for node in between.graph.nodes if PROFILES.finishes(node.id)]
    if profiles or between.has_pipelines:
        with session.timed("hand on to profiles"), _answering(session) as api:
            owning.hand_on(profiles, api, session.say)
            if session.program.given and session.program.given.settings.cluster.pod_access != "irsa":
                roles_left.take_off(profiles, session.program.given.settings.name, api, session.say)
            table.after(between, api, session.say)


@contextmanager
def _answering(session: Session) -> Iterator[ClusterApi]:
    """The cluster that somebody has seen before or that the run has made, which the state of its beginning lacks."""
    try:
        with answered(session) as api:
            yield api
    except OSError as error:
        gone = session.lost() or f"The cluster no longer answers ({error}): run the same command again."
        raise UserError(gone) from None
