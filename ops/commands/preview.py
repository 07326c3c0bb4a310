"""`make preview`: what `up` would change, as tables for a person or as Markdown for a pull request."""

import sys

import click
from rich.console import Console

from infra.errors import UserError
from ops import policies, run
from ops.comment import CostLine, failure, markdown
from ops.cost import claimed_gib
from ops.preview import costs, parts, recorded
from ops.project import LOCAL_STACK
from ops.settings import stack_settings
from ops.steps import Recorder


@click.command("preview")
@click.option("--stack", default=LOCAL_STACK, show_default=True, help="The stack's name.")
@click.option("--pods", type=click.Choice(["instant", "realistic"]), default="instant", show_default=True)
@click.option("--format", "form", type=click.Choice(["text", "markdown"]), default="text", show_default=True)
def command(stack: str, pods: run.Pods, form: str) -> None:
    """Show what `up` would change."""
    if form == "text":
        recorder = recorded(stack, pods, Console())[0]
    else:
        try:
            text, recorder = comment(stack, pods)
        except UserError as error:
            click.echo(failure(stack, str(error)))
            raise
        click.echo(text)
    policies.refuse(recorder.violations())


def comment(stack: str, pods: run.Pods) -> tuple[str, Recorder]:
    """The text of a pull request's comment, and what it was made from; progress goes to standard error."""
    settings = stack_settings(stack).settings
    recorder, graph = recorded(stack, pods, Console(file=sys.stderr))
    steps = list(recorder.steps.values())
    bill: list[CostLine] | None = None
    note = ""
    try:
        bill = costs(settings, steps, volumes_gib=claimed_gib(settings))
    except UserError as error:
        note = str(error)
    text = markdown(stack, steps, components=parts(graph), costs=bill, no_costs=note, violations=recorder.violations())
    return text, recorder
