"""What a run did, as tables for a person."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pulumi.automation import OutputValue
from rich.console import Console
from rich.table import Table

from ops import changes, policies
from ops.levels import Level
from ops.preview import Preview
from ops.run import Session

_NUMBERS = frozenset({"level", "objects", "resources", "seconds", "from second", "to second"})

SHOWN_KINDS = 12
"""Kinds that get a row of their own; the rest are added up."""


def print_up(console: Console, run: Session, outputs: dict[str, OutputValue]) -> None:
    """The summary of `up`: objects by kind, levels, time by stage, stand-ins, outputs."""
    print_changes(console, run)
    graph = run.program.graph
    kinds = Counter(node.id.kind for node in graph.nodes if node.gate is None)
    shown = kinds.most_common(SHOWN_KINDS)
    rest = sum(kinds.values()) - sum(count for _, count in shown)
    rows: list[tuple[str, Any]] = [*shown, *([("other kinds", rest)] if rest else [])]
    title = f"Kubeflow: {sum(kinds.values())} objects in {len(graph.levels)} levels"
    _table(console, title, ("kind", "objects"), rows)
    if (asked := run.ground.asked()) is not None:
        console.print(f"\nThe API server got {asked}", highlight=False, soft_wrap=True)
    _table(console, "Outputs", ("name", "value"), [(name, _shown(value)) for name, value in sorted(outputs.items())])


def print_changes(console: Console, run: Session) -> None:
    """What changed and how long each stage took."""
    stages: list[tuple[str, object, str]] = [
        (name, len(stage.done), f"{stage.seconds:.1f}") for name, stage in run.tracker.stages.items()
    ]
    stages += [(name, "", f"{seconds:.1f}") for name, seconds in run.seconds.items()]
    _table(console, "Stages (they overlap)", ("stage", "resources", "seconds"), stages)
    changes = ", ".join(
        f"{count} to {op}" if op != "same" else f"{count} unchanged" for op, count in run.tracker.changes.items()
    )
    console.print(f"Changes: {changes or 'none'}", highlight=False)
    if run.ground.plugin:
        console.print(
            f"Ran on the official plugin for kubernetes: {run.ground.plugin}", highlight=False, soft_wrap=True
        )
    if run.ground.stand_ins:
        names = ", ".join(run.ground.stand_ins)
        console.print(f"Ran on a stand-in, not on the official plugin: {names}", highlight=False, soft_wrap=True)
    if recorded := run.ground.recorded():
        kinds = ", ".join(f"{count} {kind}" for kind, count in recorded.items())
        console.print(
            f"Checked and recorded, not judged, since the AWS emulator does not support it: {kinds}",
            highlight=False,
            soft_wrap=True,
        )


def print_planned(console: Console, found: Preview) -> None:
    """A preview before an `up`: counts, and all that `print_preview` shows."""
    told = [f"{count} to {change}" for change, count in found.counts.items() if change != "same"]
    console.print(f"\nPlanned: {', '.join([*told, str(found.counts['same']) + ' unchanged'])}", highlight=False)
    print_preview(console, found)


def print_preview(console: Console, found: Preview) -> None:
    """The classes of change, what each names, the monthly cost before and after, and broken policy rules."""
    if told := ", ".join(f"{count} {kind}" for kind, count in changes.counts(found.changes).items()):
        console.print(f"By class: {told}", highlight=False)
    gone = [one for one in found.changes if one.kind in ("data", "replaced", "deleted", "kept")]
    if gone:
        rows = [(one.kind, one.name, _told(one)) for one in gone]
        _table(console, "Replaced or deleted", ("", "resource", "what that means"), rows)
        held = sum(1 for one in gone if one.data)
        console.print(f"Data is lost with {held or 'none'} of these {len(gone)}.", highlight=False)
    touched = [(one.kind, one.name, one.why) for one in found.changes if one.kind in ("restarted", "moved")]
    if touched:
        _table(console, "Restarted or moved", ("", "object", "why"), touched)
    for notice in found.notices:
        console.print(notice, highlight=False, markup=False, soft_wrap=True)
    if found.costs is not None:
        before, after = (sum(getattr(line, when) for line in found.costs) for when in ("before", "after"))
        console.print(
            f"\nCost: {after:,.2f} USD a month after, {before:,.2f} before ({after - before:+,.2f})", highlight=False
        )
    if found.note:
        told = found.note if found.costs is not None else f"Cost: not known: {found.note}"
        console.print(told, highlight=False, markup=False)
    if found.existing:
        there = [(one.id.title, one.whose) for one in found.existing]
        _table(console, "In the cluster already", ("object", "whose"), there)
    for one in found.unseen:
        console.print(one, highlight=False, markup=False, soft_wrap=True)
    policies.print_violations(console, found.violations)


def _told(one: changes.Change) -> str:
    """What is lost with it, why it is made again, and what does not work until then."""
    lost = [f"lost: {one.data}"] if one.data else []
    stops = [f"stops meanwhile: {one.stops}"] if one.stops else []
    return "; ".join([*lost, *([one.why] if one.why else []), *stops])


def print_levels(console: Console, levels: Sequence[Level]) -> None:
    """How a platform went away, level by level; nothing where there was none."""
    if not levels:
        return
    rows = [
        (one.number, one.objects, f"{one.began:.1f}", f"{one.ended:.1f}", f"{one.slowest} ({one.slowest_s:.1f} s)")
        for one in levels
    ]
    title = f"Kubeflow was removed in {len(levels)} levels (they overlap)"
    _table(console, title, ("level", "objects", "from second", "to second", "slowest"), rows)


def _shown(output: OutputValue) -> str:
    return "(secret)" if output.secret else str(output.value)


def _table(console: Console, title: str, columns: tuple[str, ...], rows: list[Any]) -> None:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in _NUMBERS else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(str, row))
    console.print()
    console.print(table)
