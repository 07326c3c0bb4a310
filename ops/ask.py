"""What a person is asked before something that costs or loses something: the stack's name, typed."""

import click

from ordering.errors import UserError


def for_name(stack: str, *, notice: str, nobody: str, refused: str) -> None:
    """Ask for the stack's name after a notice; UserError for any other answer, which `refused` ends, and for none.

    It asks on standard error: standard output may be a document.
    """
    click.echo(notice, err=True)
    try:
        answer = click.prompt("Type the stack's name to go on", default="", show_default=False, err=True)
    except click.Abort:
        raise UserError(nobody) from None
    if answer.strip() != stack:
        raise UserError(f"{answer!r} is not {stack}: {refused}")
