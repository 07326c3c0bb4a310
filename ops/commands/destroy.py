"""`make destroy`: ask, drain the cluster, then let the engine take the stack down in reverse order."""

from typing import Any

import click
from rich.console import Console

from infra.errors import UserError
from ops import run, summary
from ops.cluster import access_of, connected
from ops.drain import drain, scope_of
from ops.levels import levels_of, timed
from ops.project import LOCAL_STACK, full_key, is_local, project_name
from ops.run import Session
from ops.settings import read_config


def check_unprotected(stack: str) -> None:
    """UserError for a stack whose settings protect it."""
    if _configured(stack, "protect") == "true":
        raise UserError(
            f"The stack {stack} is protected: nothing was destroyed; set `protect: false` in Pulumi.{stack}.yaml and "
            f"run `make up STACK={stack}` first, if you really want to destroy it."
        )


def confirm(stack: str, *, yes: bool) -> None:
    """Ask for the stack's name, unless the answer is given or nothing of value can go; UserError for another answer."""
    if yes or is_local(stack):
        return
    click.echo(f"This takes down all of {stack}: its cluster, and the volumes and databases in it.")
    try:
        answer = click.prompt("Type the stack's name to go on", default="", show_default=False)
    except click.Abort:
        raise UserError(f"Nobody answered, and nothing was destroyed; YES=1 destroys {stack} without asking.") from None
    if answer.strip() != stack:
        raise UserError(f"{answer!r} is not {stack}: nothing was destroyed.")


def drain_cluster(session: Session, console: Console, state: list[dict[str, Any]]) -> None:
    """Empty the stack's cluster of what holds something in AWS; a cluster that is not there has nothing to drain."""
    stack = session.stack.name
    if not any(str(one.get("type", "")).startswith("kubernetes:") for one in state):
        return
    access = access_of(state)
    if access is None:
        return
    try:
        with session.timed("drain"), connected(access) as api:
            drain(
                api,
                scope_of(state, whole=_configured(stack, "clusterMode") == "create"),
                report=lambda line: console.print(line, highlight=False, soft_wrap=True),
            )
    except OSError as error:
        console.print(
            f"The cluster does not answer ({error}), so what it created in AWS may outlive it: "
            f"`make leftovers STACK={stack}` lists it.",
            highlight=False,
            soft_wrap=True,
        )


@click.command("destroy")
@click.option("--stack", default=LOCAL_STACK, show_default=True, help="The stack's name.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(stack: str, yes: bool) -> None:
    """Take the stack down, in reverse order."""
    check_unprotected(stack)
    confirm(stack, yes=yes)
    console = Console()
    with run.session(stack, console=console, pods="instant", create=False) as session:
        state = _state(session)
        drain_cluster(session, console, state)
        run.destroy(session)
        summary.print_changes(console, session)
        summary.print_levels(console, timed(levels_of(state), session.tracker.spans))


def _configured(stack: str, key: str) -> str:
    return read_config(stack)[0].get(full_key(project_name(), key), "")


def _state(session: Session) -> list[dict[str, Any]]:
    return (session.stack.export_stack().deployment or {}).get("resources") or []
