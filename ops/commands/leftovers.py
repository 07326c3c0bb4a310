"""`make leftovers`: list what a stack's cluster left in AWS, with its price, and delete it."""

import functools
import os
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import boto3
import click
from rich.console import Console
from rich.table import Table

from infra.errors import UserError
from ops.engine import pulumi_root
from ops.leftovers import Client, Leftover, Owner, delete, find
from ops.program import Program
from ops.project import LOCAL_STACK, full_key, project_name
from ops.settings import read_config
from ops.stack import environment, select


def in_state(stack: str) -> list[str]:
    """The ids of what the stack's state has; none for a stack that has no state."""
    try:
        selected = select(stack, program=Program(), engine_root=pulumi_root(), env=environment(stack), create=False)
    except UserError:
        return []
    resources = (selected.export_stack().deployment or {}).get("resources") or []
    return [str(one["id"]) for one in resources if one.get("id") and not one["type"].startswith("pulumi:")]


@click.command("leftovers")
@click.option("--stack", default=LOCAL_STACK, show_default=True, help="The stack's name.")
@click.option("--delete", "remove", is_flag=True, help="Delete all that is listed.")
@click.option("--yes", is_flag=True, help="Do not ask before that.")
def command(stack: str, remove: bool, yes: bool) -> None:
    """List what a stack's cluster left in AWS, with its price, and delete it."""
    config = read_config(stack)[0]
    project = project_name()
    owner = Owner(
        project=project, stack=stack, cluster=config[full_key(project, "clusterName")] or f"{project}-{stack}"
    )
    os.environ.update(environment(stack))
    session: Any = boto3.Session(region_name=config["aws:region"])
    known = in_state(stack)
    client: Client = functools.cache(session.client)
    left = find(client, owner, known=known)
    console = Console()
    show(console, left, stack=stack, region=config["aws:region"], lives=bool(known))
    if not remove or not left:
        return
    if known:
        raise UserError(
            f"The stack {stack} still exists, and its cluster uses these: run `make destroy STACK={stack}`."
        )
    if not yes and not click.confirm(f"Delete these {len(left)}?", default=False):
        raise UserError("Nothing was deleted.")
    failed = delete(client, left)
    console.print(f"deleted {len(left) - len(failed)} of {len(left)}", highlight=False)
    if failed:
        reasons = "".join(f"\n  - {one.kind} {one.id}: {reason}" for one, reason in failed)
        raise UserError(f"AWS did not delete {len(failed)}; remove what holds them, and run this again:{reasons}")


def show(console: Console, left: Sequence[Leftover], *, stack: str, region: str, lives: bool) -> None:
    """What is left as a table with its price; of a stack that lives it is in use, not left."""
    if not left:
        console.print(f"{stack}: nothing is left in {region}.", highlight=False)
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
