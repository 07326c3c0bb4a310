"""The command: runs every check and shows what they found."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.settings import SettingsError
from ops.doctor.account import check_account
from ops.doctor.finding import Finding, broken, ok
from ops.doctor.release import check_release
from ops.doctor.stack import check_stack
from ops.doctor.tools import check_tools
from ops.project import LOCAL_STACK, PROJECT_ROOT, is_local
from ops.settings import read_config, stack_settings

_COLOURS = {"ok": "green", "warning": "yellow", "broken": "red"}


def examine(stack: str) -> list[Finding]:
    """Every finding about a stack; UserError for a stack that does not exist.

    Settings that the program would refuse are findings, and what does not depend on them is looked at all the same.
    """
    config, _ = read_config(stack)
    local = is_local(stack)
    findings = list(check_tools(local=local))
    today = datetime.now(UTC).date()
    try:
        found = stack_settings(stack, today=today)
    except SettingsError as error:
        findings += [broken("settings", problem, f"fix it in Pulumi.{stack}.yaml") for problem in error.problems]
        found = None
    if local:
        findings.append(ok("AWS", "not checked: this stack runs on stand-ins on this machine"))
    else:
        findings += check_account(config.get("aws:region", ""), config, found.settings if found else None)
    if found is not None:
        findings += check_stack(found, today)
        findings += check_release(found.settings, PROJECT_ROOT)
    return findings


def show(console: Console, stack: str, findings: Sequence[Finding]) -> None:
    """The findings as a table, and their count."""
    table = Table(title=f"Stack {stack}", title_justify="left", box=None, pad_edge=False)
    for column in ("", "check", "found", "what to do"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        colour = _COLOURS[finding.state]
        table.add_row(f"[{colour}]{finding.state}[/]", finding.check, escape(finding.found), escape(finding.advice))
    console.print(table)
    counts = Counter(finding.state for finding in findings)
    console.print(f"{counts['broken']} broken, {counts['warning']} warnings, {counts['ok']} ok", highlight=False)


@click.command("doctor")
@click.option("--stack", default=LOCAL_STACK, show_default=True, help="The stack's name.")
@click.pass_context
def command(context: click.Context, stack: str) -> None:
    """Look for what would stop the stack; exits with 1 when something would."""
    findings = examine(stack)
    show(Console(), stack, findings)
    if any(finding.state == "broken" for finding in findings):
        context.exit(1)
