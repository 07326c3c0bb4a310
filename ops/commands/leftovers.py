"""`make leftovers`: list what a stack left in AWS, with its price, and delete what its cluster made."""

import functools
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import boto3
import click
from rich.console import Console
from rich.table import Table

from infra.declared import full_key
from ops import console as terminal
from ops import document, keeping
from ops.cluster import access_of, connected
from ops.existing import held
from ops.leftovers import Client, Leftover, Owner, check_gone, delete, find
from ops.options import answer_option, format_option, stack_option
from ops.project import project_name
from ops.settings import read_config
from ops.stack import environment, in_state
from ordering.errors import UserError


@click.command("leftovers")
@stack_option
@answer_option("--delete", "remove", meaning="Delete all that is listed, but for what was kept on purpose.")
@answer_option("--yes", meaning="Do not ask before that.")
@format_option("text", "json")
def command(stack: str, remove: bool, yes: bool, form: str) -> None:
    """List what a stack left in AWS, with its price, and delete what its cluster made there."""
    config = read_config(stack)[0]
    project = project_name()
    on_aws = config[full_key(project, "cloud")] == "aws"
    owner = Owner(
        project=project,
        stack=stack,
        cluster=config[full_key(project, "clusterName")] or f"{project}-{stack}",
        region=config["aws:region"],
        repository=config[full_key(project, "registryRepository")] or None,
    )
    # First, since it chooses the backend by the person's own environment.
    state = in_state(stack)
    known = [str(one["id"]) for one in state if one.get("id") and not str(one["type"]).startswith("pulumi:")]
    os.environ.update(environment(stack))
    session: Any = boto3.Session(region_name=config["aws:region"])
    client: Client = functools.cache(session.client)
    console = terminal.console(json=form != "text")
    left = [*(find(client, owner, known=known) if on_aws else ()), *_in_cluster(console, state, stack)]
    region, lives = config["aws:region"] if on_aws else "its cluster", bool(known)
    show(console, left, stack=stack, region=region, lives=lives)
    going = sum(1 for one in left if not one.kept)
    deleting = remove and bool(going)
    if deleting and lives:
        raise UserError(
            f"The stack {stack} still exists, and its cluster uses these: run `make destroy STACK={stack}`."
        )
    if deleting:
        check_gone(client, owner)
        if not yes:
            confirm(stack, going)
    failed = delete(client, left) if deleting else []
    if deleting:
        console.print(f"deleted {going - len(failed)} of {going}")
    if form == "json":
        told = document.leftovers(stack, region, left, lives=lives, deleted=deleting, failed=failed)
        click.echo(document.text(told))
    if failed:
        reasons = "".join(f"\n  - {one.kind} {one.id}: {reason}" for one, reason in failed)
        raise UserError(f"AWS did not delete {len(failed)}; remove what holds them, and run this again:{reasons}")


def _in_cluster(console: Console, state: Sequence[Mapping[str, Any]], stack: str) -> list[Leftover]:
    """What was kept in the cluster that the stack's state names."""
    access = access_of(state)
    if access is None:
        return []
    try:
        with connected(access) as api:
            return keeping.left(api, stack, held(state))
    except OSError as error:
        console.print(f"The cluster does not answer ({error}), so what was kept in it is not listed.", highlight=False)
        return []


def confirm(stack: str, count: int) -> None:
    """Ask whether so many things may go; UserError unless somebody says so."""
    try:
        agreed = click.confirm(f"Delete these {count}?", default=False, err=True)
    except click.Abort:
        raise UserError(f"Nobody answered, and nothing was deleted; say YES=1 to delete these of {stack}.") from None
    if not agreed:
        raise UserError("Nothing was deleted.")


def show(console: Console, left: Sequence[Leftover], *, stack: str, region: str, lives: bool) -> None:
    """What is left as a table with its price; of a stack that lives it is in use, not left."""
    if not left:
        console.print(f"{stack}: nothing is left in {region}.")
        return
    title = f"{stack}: {'created by its cluster, and in use' if lives else 'left'} in {region}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in ("kind", "id", "what"):
        table.add_column(column, overflow="fold")
    table.add_column("USD a month", justify="right")
    for one in left:
        table.add_row(one.kind, one.id, one.what, f"{one.monthly:.2f}")
    table.add_section()
    table.add_row("total", "", "", f"{sum((one.monthly for one in left), Decimal(0)):.2f}")
    console.print(table)
    if any(one.kept for one in left) and not lives:
        console.print(
            f"What was kept on purpose is left alone, and the next `up` of {stack} takes it over. To have it deleted, "
            "set `storageOnDestroy: empty`, bring the stack up, and destroy it.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
