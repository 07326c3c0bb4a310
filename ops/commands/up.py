"""`make up`: bring a stack up, and say what was made."""

import click
from rich.console import Console

from ops import run, summary
from ops.project import LOCAL_STACK


@click.command("up")
@click.option("--stack", default=LOCAL_STACK, show_default=True, help="The stack's name.")
@click.option(
    "--pods",
    type=click.Choice(["instant", "realistic"]),
    default="instant",
    show_default=True,
    help="How the local stack's fake pods start: at once, or after 20 to 60 s.",
)
def command(stack: str, pods: run.Pods) -> None:
    """Bring the stack up."""
    console = Console()
    with run.session(stack, console=console, pods=pods, create=True) as session:
        outputs = run.up(session)
        summary.print_up(console, session, outputs)
