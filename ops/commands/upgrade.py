"""`make upgrade`: bring a stack to a newer release, with a backup, a rehearsal and a look afterwards."""

from collections.abc import Callable
from typing import Any

import click

from ops import backup, releasing, run
from ops import console as terminal
from ops.options import answer_option, stack_option
from ops.releasing import Wishes


def wishes_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What upgrade and rollback may be told alike."""
    options = (
        click.option(
            "--pods",
            type=click.Choice(["instant", "realistic"]),
            default="instant",
            show_default=True,
            help="How the local stack's fake pods start.",
        ),
        answer_option("--yes", meaning="Do not ask; all is shown all the same."),
        click.option("--lose", default="", metavar="NAME,…", help="Data that may be lost, by the names of a refusal."),
        click.option("--keep", default="", metavar="NAME,…", help="Data that stays and leaves the stack, by the same."),
        click.option(
            "--backup",
            "saved",
            type=click.Choice(["yes", "objects", "no"]),
            default="yes",
            show_default=True,
            help="What to save first: all, all but databases, or nothing.",
        ),
        click.option(
            "--rehearse",
            type=click.Choice(["yes", "no"]),
            default="no",
            show_default=True,
            help="Whether to play it on this machine first, which needs an idle one.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command("upgrade")
@click.option("--to", required=True, metavar="RELEASE", help="The release to bring the stack to.")
@stack_option
@wishes_options
def command(
    to: str, stack: str, pods: run.Pods, yes: bool, lose: str, keep: str, saved: backup.Wanted, rehearse: str
) -> None:
    """Bring the stack to a newer release. Cut short, the same command goes on."""
    releasing.upgrade(stack, to, wishes(pods, yes, lose, keep, saved, rehearse), terminal.console(json=False))


def wishes(pods: run.Pods, yes: bool, lose: str, keep: str, saved: backup.Wanted, rehearse: str) -> Wishes:
    """The options as one."""
    return Wishes(
        yes=yes,
        lose=[one for one in lose.split(",") if one],
        keep=[one for one in keep.split(",") if one],
        backup=saved,
        rehearse=rehearse == "yes",
        pods=pods,
    )
