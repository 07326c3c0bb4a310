"""What the command prints."""

from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape

from pipelines.endpoint.api import Run, Step
from pipelines.local import Outcome, StepEvent
from pipelines.target import ALONE_COMMAND, FORWARD_COMMAND, FORWARDED

_STYLES = {"succeeded": "green", "failed": "red", "running": "cyan", "canceled": "yellow", "skipped": "yellow"}


def step_event(console: Console, event: StepEvent) -> None:
    """A step that ended on this machine; its beginning is not worth a line."""
    if event.state != "running":
        _line(console, event.step, event.state, f"{event.seconds:.1f} s")


def step(console: Console, changed: Step) -> None:
    """A step of a run whose state changed; one that waits is not worth a line."""
    if changed.state != "pending":
        _line(console, changed.name, changed.state, "")


def outcome(console: Console, result: Outcome, arguments: Mapping[str, object], results: Mapping[str, str]) -> None:
    """Metrics, values, and where the results and the log are."""
    found = {**dict(sorted(result.metrics.items())), **result.values}
    found |= {name: arguments[name] for name in results} | {"log": result.folder / "run.log"}
    width = max(map(len, found))
    for name, value in found.items():
        console.print(f"  {name:<{width}}  {_text(value)}", soft_wrap=True, highlight=False)


def link(console: Console, run: Run) -> None:
    """Where to look at a run, and how to get there when the dashboard is not open to the Internet."""
    console.print(run.link, soft_wrap=True, markup=False)
    if run.link.startswith(FORWARDED):
        command = ALONE_COMMAND if run.link.startswith(f"{FORWARDED}/#") else FORWARD_COMMAND
        console.print(f"(while this runs: {command})", soft_wrap=True)


def _text(value: object) -> str:
    if not isinstance(value, float):
        return escape(str(value))
    if value.is_integer():
        return f"[bold]{value:,.0f}[/]"
    return f"[bold]{value:,.4g}[/]" if abs(value) < 1 else f"[bold]{value:,.2f}[/]"


def _line(console: Console, name: str, state: str, note: str) -> None:
    style = _STYLES.get(state, "default")
    console.print(f"  {name:<12} [{style}]{state}[/]{' ' * (10 - len(state)) + note if note else ''}", highlight=False)
