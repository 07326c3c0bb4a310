"""Commands around the program: `python -m ops COMMAND --help`."""

import sys

import click
from rich.console import Console

from infra.errors import UserError
from ops import run, summary
from ops.paths import local_root
from ops.stack import LOCAL_STACK

stack_option = click.option("--stack", default=LOCAL_STACK, show_default=True, help="The stack's name.")


@click.group()
def main() -> None:
    """An AWS account, or a laptop, to a working Kubeflow."""


@main.command()
@stack_option
@click.option("--pods", type=click.Choice(["instant", "realistic"]), default="instant", show_default=True)
def up(stack: str, pods: run.Pods) -> None:
    """Bring the stack up."""
    console = Console()
    with run.session(stack, console=console, pods=pods, create=True) as session:
        outputs = run.up(session)
        summary.print_up(console, session, outputs)


@main.command()
@stack_option
@click.option("--pods", type=click.Choice(["instant", "realistic"]), default="instant", show_default=True)
@click.option("--format", "form", type=click.Choice(["text"]), default="text", show_default=True)
def preview(stack: str, pods: run.Pods, form: str) -> None:
    """Show what `up` would change."""
    console = Console()
    with run.session(stack, console=console, pods=pods, create=True) as session:
        run.preview(session)
        summary.print_changes(console, session)


@main.command()
@stack_option
def destroy(stack: str) -> None:
    """Take the stack down, in reverse order."""
    console = Console()
    with run.session(stack, console=console, pods="instant", create=False) as session:
        run.destroy(session)
        summary.print_changes(console, session)


@main.command()
def down() -> None:
    """Stop the local control plane and moto, and forget what they held."""
    from localcloud import laptop

    laptop.stop(local_root())


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
