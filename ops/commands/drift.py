"""`make drift`: what in the cluster and in AWS is not as the stack says, by whom, and since when."""

from functools import partial

import click
from rich.console import Console

from ops import comment, document, drift, run
from ops import console as terminal
from ops.backend import copied_from_files
from ops.drift import Drift
from ops.options import format_option, stack_option
from ops.settings import sound_settings
from ordering.errors import UserError

DRIFTED = 2
"""The exit code where anything differs."""


@click.command("drift")
@stack_option
@format_option("text", "markdown", "json")
def command(stack: str, form: str) -> int:
    """Compare the cluster and AWS with what the stack's last `up` left. Changes nothing, and takes no lock.

    Exits with 2 where anything differs in a field that is the stack's, with 0 where nothing does.
    """
    console = terminal.console(json=form != "text")
    sound_settings(stack)
    keeping = partial(copied_from_files, stack)
    with run.session(stack, console=console, pods="instant", missing="refuse", keeping=keeping) as session:
        try:
            found = drift.look(session)
        except OSError as error:
            raise UserError(f"The cluster of {stack} does not answer ({error}), so nobody can look at it.") from None
    show(console, stack, found)
    if form == "markdown":
        click.echo(comment.drift(stack, found))
    elif form == "json":
        click.echo(document.text(document.drift(stack, found)))
    return DRIFTED if found.found else 0


def show(console: Console, stack: str, found: Drift) -> None:
    """What differs, for a person."""
    lines = [f"Not looked at: {one}" for one in found.unseen]
    for one in found.found:
        lines.append(f"{one.title}: {one.change}")
        lines += [f"    {field}" for field in one.fields]
    count = len(found.found)
    things = "One resource is" if count == 1 else f"{count} resources are"
    lines.append(
        f"{things} not as the stack says; `make up STACK={stack}` puts that right."
        if count
        else f"All of {stack} that could be looked at is as the stack says."
    )
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
