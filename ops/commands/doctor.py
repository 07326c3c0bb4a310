"""`make doctor`: what the checks of a stack found, as a table or JSON."""

from collections import Counter
from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ops import console as terminal
from ops import document
from ops.doctor.examine import examine
from ops.doctor.finding import Finding
from ops.options import format_option, stack_option

_COLOURS = {"ok": "green", "warning": "yellow", "broken": "red"}


def show(console: Console, stack: str, findings: Sequence[Finding]) -> None:
    """The findings as a table, and their count."""
    table = Table(title=f"Stack {stack}", title_justify="left", box=None, pad_edge=False)
    for column in ("", "check", "found", "what to do"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        state = Text(finding.state, style=_COLOURS[finding.state])
        table.add_row(state, finding.check, finding.found, finding.advice)
    console.print(table)
    counts = Counter(finding.state for finding in findings)
    console.print(f"{counts['broken']} broken, {counts['warning']} warnings, {counts['ok']} ok")


@click.command("doctor")
@stack_option
@format_option("text", "json")
@click.pass_context
def command(context: click.Context, stack: str, form: str) -> None:
    """Look for what would stop the stack; exits with 1 when something would."""
    findings = examine(stack)
    if form == "json":
        click.echo(document.text(document.doctor(stack, findings)))
    else:
        show(terminal.console(), stack, findings)
    if any(finding.state == "broken" for finding in findings):
        context.exit(1)
