"""What the command prints."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from string import ascii_uppercase

from rich.console import Console
from rich.markup import escape

from ordering.errors import UserError
from pipelines.comparison import Comparison
from pipelines.endpoint.runs import Run, Step
from pipelines.endpoint.schedules import Schedule, Trigger
from pipelines.local import Outcome, StepEvent
from pipelines.target import ALONE_COMMAND, FORWARD_COMMAND, FORWARDED

_STYLES = {"succeeded": "green", "failed": "red", "running": "cyan", "canceled": "yellow", "skipped": "yellow"}
_WIDEST = 40
_UNITS = {86400: "d", 3600: "h", 60: "m", 1: "s"}


def plain(console: Console, text: str) -> None:
    """A line as it is: neither broken nor coloured."""
    console.print(text, soft_wrap=True, markup=False, highlight=False)


def step_event(console: Console, event: StepEvent) -> None:
    """A step that ended on this machine; its beginning is not worth a line."""
    if event.state != "running":
        _line(console, event.step, event.state, f"{event.seconds:.1f} s")


def step(console: Console, changed: Step) -> None:
    """A step of a run whose state changed; one that waits is not worth a line."""
    if changed.state != "pending":
        _line(console, changed.name, changed.state, "")


def end(console: Console, found: Run) -> None:
    """Where to look at a run, and how it ended; UserError for one that did not end well."""
    link(console, found.link)
    if found.state in ("FAILED", "CANCELED", "SKIPPED"):
        raise UserError(f"Run {found.id} {found.state.lower()}: {found.error or 'somebody stopped it.'}")
    console.print(f"[bold]{found.state.lower()}[/]")


def outcome(console: Console, result: Outcome, arguments: Mapping[str, object], results: Mapping[str, str]) -> None:
    """Metrics, values, and where the results and the log are; the run's name, by which it is found again."""
    found = {**dict(sorted(result.metrics.items())), **result.values}
    found |= {name: arguments[name] for name in results} | {"log": result.folder / "run.log", "run": result.record.id}
    width = max(map(len, found))
    for name, value in found.items():
        console.print(f"  {name:<{width}}  {_text(value)}", soft_wrap=True, highlight=False)


def link(console: Console, where: str) -> None:
    """Where to look at something, and how to get there when the dashboard is not open to the Internet."""
    console.print(where, soft_wrap=True, markup=False)
    if where.startswith(FORWARDED):
        command = ALONE_COMMAND if where.startswith(f"{FORWARDED}/#") else FORWARD_COMMAND
        console.print(f"(while this runs: {command})", soft_wrap=True)


def table(console: Console, rows: Sequence[tuple[str, str, datetime | None, float | None, str]]) -> None:
    """Runs: id, state, beginning, duration, name."""
    for run_id, state, started, seconds, name in rows:
        begun = f"{started:%Y-%m-%d %H:%M:%S}" if started else "-"
        style = _STYLES.get(state, "default")
        console.print(
            f"{run_id}  [{style}]{state:<9}[/]  {begun:<19}  {duration(seconds):>8}  {escape(name)}",
            soft_wrap=True,
            highlight=False,
        )
    if not rows:
        plain(console, "No runs.")


def schedules(console: Console, found: Iterable[Schedule]) -> None:
    """Schedules: id, whether it is on, when, how many at once, name."""
    lines = [
        f"{one.id}  {'on' if one.enabled else 'paused':<6}  {when(one.trigger)}, {one.max_concurrency} at a time"
        f"{', catches up' if one.catches_up else ''}  {one.name}"
        for one in found
    ]
    for line in lines or ["No schedules."]:
        plain(console, line)


def when(trigger: Trigger) -> str:
    """A trigger, in words."""
    if trigger.cron:
        return f"at {trigger.cron} UTC"
    if trigger.every_seconds:
        unit = next(size for size in _UNITS if trigger.every_seconds % size == 0)
        return f"every {trigger.every_seconds // unit}{_UNITS[unit]}"
    return "never"


def comparison(console: Console, compared: Comparison) -> None:
    """The runs by letter, a column for each, what differs in bold, and what only some of them have below."""
    letters = ascii_uppercase[: len(compared.runs)]
    for letter, name in zip(letters, compared.runs, strict=True):
        plain(console, f"{letter}  {name}")
    lines: list[tuple[str, list[str], bool]] = []
    for section, rows in compared.sections.items():
        lines.append((section, list(letters), False))
        for name, values in rows.items():
            cells = ["-" if value is None else _cell(value) for value in values]
            lines.append((f"  {name}", cells, len(set(map(str, values))) > 1))
    first = max(len(name) for name, _, _ in lines)
    widths = [max(len(cells[place]) for _, cells, _ in lines) for place in range(len(letters))]
    for name, cells, differs in lines:
        row = "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        text = escape(f"{name:<{first}}  {row}".rstrip())
        console.print(f"[bold]{text}[/]" if differs else text, soft_wrap=True, highlight=False)
    for note in compared.notes:
        plain(console, note)


def part_of_log(log: str, step_name: str) -> str:
    """What a step printed, from the log of a run on this machine: kfp indents it below the step's beginning."""
    lines: list[str] = []
    inside = False
    for line in log.splitlines():
        if "Executing task '" in line:
            inside = f"Executing task '{step_name}'" in line
        elif inside and line.startswith("    "):
            lines.append(line[4:])
    return "".join(f"{line}\n" for line in lines)


def written(file: Path, write: Callable[[], object]) -> None:
    """Write a file; UserError when it cannot be written."""
    try:
        write()
    except OSError as error:
        raise UserError(f"{str(file)!r} cannot be written: {error.strerror}.") from None


def duration(seconds: float | None) -> str:
    """A time span, short."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} m {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} m"


def _text(value: object) -> str:
    return f"[bold]{_number(value)}[/]" if isinstance(value, float) else escape(str(value))


def _number(value: float) -> str:
    """A number with as many digits as people read."""
    return f"{value:,.0f}" if value.is_integer() else f"{value:,.4g}" if abs(value) < 1 else f"{value:,.2f}"


def _cell(value: object) -> str:
    """A value in a table; of a long text its end, which tells locations apart."""
    text = _number(value) if isinstance(value, float) else str(value)
    return text if len(text) <= _WIDEST else f"…{text[1 - _WIDEST :]}"


def _line(console: Console, name: str, state: str, note: str) -> None:
    style = _STYLES.get(state, "default")
    console.print(f"  {name:<12} [{style}]{state}[/]{' ' * (10 - len(state)) + note if note else ''}", highlight=False)
