"""`make cost`: what a stack costs a month, what a setting would change, and what a week of work costs."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from infra.settings import Settings
from ops import console as terminal
from ops import document, prices
from ops.cost import Change, Line, bill, difference, money, smaller, total
from ops.costs import culling
from ops.costs.week import report, show
from ops.costs.week.trace import read_file
from ops.options import format_option, stack_option
from ops.project import is_local
from ops.settings import stack_settings
from ordering.errors import UserError


@click.command("cost")
@stack_option
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Show what this setting would change.")
@click.option("--trace", type=Path, metavar="FILE", help="Play a week of notebooks and pipelines on the stack's pools.")
@format_option("text", "json")
def command(stack: str, changes: tuple[str, ...], trace: Path | None, form: str) -> None:
    """Estimate what the stack costs a month, the difference that a setting makes, and what a week's work costs."""
    wanted = dict(_pair(change) for change in changes)
    now = stack_settings(stack).settings
    then = stack_settings(stack, wanted).settings if wanted else now
    found = bill(now)
    differing = difference(found.lines, bill(then).lines) if wanted else ()
    played = report.week(then, read_file(trace)) if trace else None
    if form == "json":
        week = show.document(str(trace), played) if played else None
        saved = culling.savings(then)
        click.echo(document.text(document.cost(stack, now.region, found, wanted, differing, saved, week)))
        return
    console = terminal.console()
    if found.lines:
        print_estimate(console, now, found.lines)
    if found.note:
        console.print(found.note, highlight=False)
    # What is priced without volumes has no manifests to look at.
    if found.volumes_gib and (size := smaller(now)):
        console.print(f"For this release {size}.", highlight=False)
    for saving in culling.savings(then):
        console.print(culling.sentence(saving), highlight=False)
    if wanted:
        print_difference(console, ", ".join(changes), differing)
    if played:
        console.print()
        show.print_week(console, then, str(trace), played)


def print_estimate(console: Console, settings: Settings, lines: Sequence[Line]) -> None:
    """The bill as a table, and what it rests on."""
    table = _table(f"{settings.stack} in {settings.region}: US dollars a month, prices of {prices.AS_OF}")
    for column in ("on demand", "savings plan", "spot"):
        table.add_column(column, justify="right")
    for line in lines:
        table.add_row(line.name, line.what, money(line.on_demand), money(line.savings_plan), money(line.spot))
    table.add_section()
    whole = total(lines)
    table.add_row("total", "", *(money(part) for part in (whole.on_demand, whole.savings_plan, whole.spot)))
    console.print(table)
    console.print(
        "The nodes are billed on demand; a savings plan (one year, nothing up front) is bought in the account and then "
        "covers them; spot is for comparison.",
        highlight=False,
    )
    if is_local(settings.stack):
        console.print("This stack runs on this machine and costs nothing; on AWS it would cost this much.")


def print_difference(console: Console, title: str, changes: Sequence[Change]) -> None:
    """The lines that change, as a table."""
    console.print()
    if not changes:
        console.print(f"{title}: no difference")
        return
    table = _table(f"{title}: difference in US dollars a month, on demand")
    for column in ("now", "then", "difference"):
        table.add_column(column, justify="right")
    for change in changes:
        shown = change.after or change.before
        table.add_row(
            change.name,
            shown.what if shown else "",
            money(change.before.on_demand) if change.before else "",
            money(change.after.on_demand) if change.after else "",
            signed(change.delta),
        )
    table.add_section()
    table.add_row("total", "", "", "", signed(sum((change.delta for change in changes), Decimal(0))))
    console.print(table)


def signed(amount: Decimal) -> str:
    """Dollars and cents with their sign: `+73.00`."""
    return f"{amount:+.2f}"


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("line")
    table.add_column("what")
    return table


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UserError(f"--set {text!r} is not KEY=VALUE; write one like nodesInstanceType=m5.large.")
    return key, value
