"""`make destroy`: ask, then drain the cluster and take the stack down in reverse order."""

import click

from ops import ask, run, summary, teardown
from ops import console as terminal
from ops.levels import levels_of, timed
from ops.options import answer_option, stack_option
from ops.project import is_local


def confirm(stack: str, *, yes: bool) -> None:
    """Ask for the stack's name, unless the answer is given or nothing of value can go; UserError for another answer."""
    if yes or is_local(stack):
        return
    cluster = "its cluster" if teardown.configured(stack, "clusterMode") == "create" else "its part of the cluster"
    ask.for_name(
        stack,
        notice=f"This takes down all of {stack}: {cluster}, and the volumes and databases in it.",
        nobody=f"Nobody answered, and nothing was destroyed; YES=1 destroys {stack} without asking.",
        refused="nothing was destroyed.",
    )


@click.command("destroy")
@stack_option
@answer_option("--yes", meaning="Do not ask.")
def command(stack: str, yes: bool) -> None:
    """Take the stack down, in reverse order."""
    teardown.check_settings(stack)
    confirm(stack, yes=yes)
    console = terminal.console()
    with run.session(stack, console=console, pods="instant", missing="refuse") as session:
        state = teardown.destroy(session, console)
        summary.print_changes(console, session)
        summary.print_levels(console, timed(levels_of(state), session.tracker.spans))
