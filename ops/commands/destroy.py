"""`make destroy`: ask, then drain the cluster and take the stack down in reverse order."""

import sys
from collections.abc import Callable

import click
from rich.console import Console

from ops import ask, kind, people, run, summary, teardown
from ops import console as terminal
from ops.levels import levels_of, timed
from ops.options import answer_option, stack_option
from ops.project import is_local
from ops.stack import in_state
from ordering.errors import UserError


def confirm(stack: str, *, yes: bool) -> None:
    """Ask for the stack's name, unless the answer is given or nothing of value can go; UserError for another answer."""
    if yes or is_local(stack):
        return
    cluster = "its cluster" if teardown.configured(stack, "clusterMode") == "create" else "its part of the cluster"
    managed = teardown.configured(stack, "database") == "rds"
    if kind.is_kind(stack):
        cluster, storage = f"the kind cluster {kind.CLUSTER}", "All that is in it goes, whoever made it."
    elif teardown.configured(stack, "cloud") == "none":
        storage = "What else is in the cluster stays."
    elif teardown.configured(stack, "storageOnDestroy") == "empty":
        storage = "The bucket goes with all artifacts, the repository with all images."
        if managed:
            storage += " The managed database goes with every snapshot that an earlier destroy kept."
    else:
        storage = "The bucket and the repository stay in AWS."
        if managed:
            storage += " So does a last snapshot of the managed database."
    if teardown.configured(stack, "backupDays") not in ("", "0"):
        stays = teardown.configured(stack, "storageOnDestroy") == "keep"
        storage += " The backups stay until each is old." if stays else " So do all backups."
    if teardown.configured(stack, "login") == "cognito":
        storage += " The user pool goes with the people in it."
    ask.for_name(
        stack,
        notice=f"This takes down all of {stack}: {cluster}, and the volumes, their snapshots and the databases in it. "
        f"{storage}",
        nobody=f"Nobody answered, and nothing was destroyed; YES=1 destroys {stack} without asking.",
        refused="nothing was destroyed.",
    )


def decision(*, force: bool) -> Callable[[str], people.Answer]:
    """What becomes of what does not go: what the option says, or a person on a terminal; else it is waited on."""

    def ask_person(held: str) -> people.Answer:
        if force:
            return "force"
        click.echo(f"Nothing has gone for {people.STUCK_S:.0f} s; still there: {held}.", err=True)
        if not sys.stdin.isatty():
            return "wait"
        notice = "wait on, force (give up the finalizers: what their controllers would clean up stays behind), or stop"
        answer: people.Answer = click.prompt(notice, type=click.Choice(["wait", "force", "stop"]), err=True)
        return answer

    return ask_person


@click.command("destroy")
@stack_option
@answer_option("--yes", meaning="Do not ask.")
@click.option(
    "--forget",
    default="",
    metavar="STACK",
    help="The stack's name once more: its cluster does not answer and is gone for good, so forget what was in it.",
)
@answer_option(
    "--force-finalizers",
    meaning="Give up the finalizers of what people made and no controller finishes within a minute.",
)
def command(stack: str, yes: bool, forget: str, force_finalizers: bool) -> None:
    """Take the stack down, in reverse order."""
    if forget and forget != stack:
        raise UserError(f"FORGET is {forget!r}, not {stack}: nothing was destroyed; write the stack's name once more.")
    teardown.check_settings(stack)
    confirm(stack, yes=yes)
    console = terminal.console()
    if not kind.is_kind(stack):
        take_down(stack, console, force=force_finalizers, forget=bool(forget))
        return
    # What a first `up` refused has no state, and its cluster is there all the same.
    if in_state(stack):
        take_down(stack, console, force=force_finalizers, forget=bool(forget) or kind.is_gone())
    kind.delete(lambda line: console.print(line, highlight=False))


def take_down(stack: str, console: Console, *, force: bool, forget: bool) -> None:
    """Destroy what the state of a stack has, and say how it went."""
    with run.session(stack, console=console, pods="instant", missing="refuse") as session:
        state = teardown.destroy(session, console, stuck=decision(force=force), forget=forget)
        summary.print_changes(console, session)
        summary.print_levels(console, timed(levels_of(state), session.tracker.spans))
