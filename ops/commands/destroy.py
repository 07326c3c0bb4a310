"""`make destroy`: ask, then drain the cluster and take the stack down in reverse order."""

import click

from infra.errors import UserError
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
    if teardown.configured(stack, "storageOnDestroy") == "empty":
        storage = "The bucket goes with all artifacts, the repository with all images."
    else:
        storage = "The bucket and the repository stay in AWS."
    ask.for_name(
        stack,
        notice=f"This takes down all of {stack}: {cluster}, and the volumes and databases in it. {storage}",
        nobody=f"Nobody answered, and nothing was destroyed; YES=1 destroys {stack} without asking.",
        refused="nothing was destroyed.",
    )


@click.command("destroy")
@stack_option
@answer_option("--yes", meaning="Do not ask.")
@click.option(
    "--forget",
    default="",
    metavar="STACK",
    help="The stack's name once more: its cluster does not answer and is gone for good, so forget what was in it.",
)
def command(stack: str, yes: bool, forget: str) -> None:
    """Take the stack down, in reverse order."""
    if forget and forget != stack:
        raise UserError(f"FORGET is {forget!r}, not {stack}: nothing was destroyed; write the stack's name once more.")
    teardown.check_settings(stack)
    confirm(stack, yes=yes)
    console = terminal.console()
    with run.session(stack, console=console, pods="instant", create=False) as session:
        state = teardown.destroy(session, console, forget=bool(forget))
        summary.print_changes(console, session)
        summary.print_levels(console, timed(levels_of(state), session.tracker.spans))
