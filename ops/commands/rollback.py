"""`make rollback`: bring a stack back to the release before its last upgrade, by the same rules."""

import click

from ops import backup, releasing, run
from ops import console as terminal
from ops.commands.upgrade import wishes, wishes_options
from ops.options import stack_option


@click.command("rollback")
@stack_option
@wishes_options
def command(stack: str, pods: run.Pods, yes: bool, lose: str, keep: str, saved: backup.Wanted, rehearse: str) -> None:
    """Bring the stack back to the release before. Cut short, the same command goes on."""
    releasing.roll_back(stack, wishes(pods, yes, lose, keep, saved, rehearse), terminal.console(json=False))
