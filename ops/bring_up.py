"""What goes before an `up`: on any stack but the local one a preview, a refusal by policy, and a question."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi import automation

from ops import live, policies, preview, run
from ops.preview import Preview
from ops.progress import Tracker
from ops.project import is_local
from ops.run import Session
from ops.settings import stack_settings
from ops.steps import Recorder

if TYPE_CHECKING:
    from policy import Violation


@dataclass(frozen=True, kw_only=True)
class Brought:
    """What came of an `up`: the stack's outputs, the preview that it began with, and the rules that are broken now."""

    outputs: dict[str, automation.OutputValue]
    preview: Preview | None
    violations: "list[Violation]"


def bring_up(session: Session, *, show: Callable[[Preview], None], agree: Callable[[Preview], None]) -> Brought:
    """Brings a stack up; returns what came of it.

    The preview goes to `show`, and then to `agree`, which raises UserError unless somebody agrees to it; nothing is
    touched then, nor where a mandatory policy rule is broken or the cluster does not let the caller change it, which
    are UserErrors, too. The local stack has nothing that could be lost: it goes ahead, and the rules are applied to
    what it has made. A preview first would add half as much time again.
    """
    if is_local(session.stack.name):
        recorder = Recorder.after(session.tracker, policies.load())
        session.tracker = recorder
        return Brought(outputs=run.up(session), preview=None, violations=recorder.violations())
    console = session.tracker.console
    settings = stack_settings(session.stack.name).settings
    # What a killed run has left belongs in the state before anybody compares with it.
    run.settle(session, until_gone=True)
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
    agree(planned)
    session.tracker = Tracker(console=console, expected=session.program.expected, left_out=session.ground.left_out)
    return Brought(outputs=run.up(session), preview=planned, violations=list(planned.violations))
