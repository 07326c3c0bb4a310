"""`make rotate`: new passwords and keys for a stack's own parts, in the order in which nobody is locked out."""

import click

from ops import ask, preview, rotating, run, summary
from ops import console as terminal
from ops.bring_up import bring_up
from ops.options import answer_option, stack_option
from ops.project import is_local
from ops.settings import sound_settings
from ordering.errors import UserError


@click.command("rotate")
@stack_option
@answer_option("--yes", meaning="Do not ask.")
def command(stack: str, yes: bool) -> None:
    """Make the stack's generated passwords and keys again, tell its databases, and renew the pods that read them.

    Refused where anything else would change: bring the stack up first. Cut short, `make up` goes on from there.
    """
    console = terminal.console(json=False)
    settings = sound_settings(stack)
    with run.session(stack, console=console, pods="instant", missing="refuse") as session:
        run.settle(session, until_gone=True)
        if not rotating.rotated(session.resources):
            raise UserError(f"{stack} has no passwords or keys yet: bring it up first with `make up STACK={stack}`.")
        if changed := preview.look(session, settings).changes:
            raise UserError(
                f"{len(changed)} other resources of {stack} would change as well, {changed[0].name} among them: bring "
                f"it up first with `make up STACK={stack}`."
            )
        if not yes and not is_local(stack):
            ask.for_name(
                stack,
                notice=f"This makes new passwords and keys for {stack}: whoever is logged in has to log in again, and "
                "databases, the object store and what reads them restart.",
                nobody=f"Nobody answered, and nothing was changed; YES=1 does it for {stack} without asking.",
                refused="nothing was changed.",
            )
        rotating.renew(session)
        brought = bring_up(session, show=lambda planned: summary.print_planned(console, planned), agree=lambda _: None)
        summary.print_up(console, session, brought.outputs)
