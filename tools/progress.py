"""Telling a person how long work goes on: a live line on a terminal, plain lines elsewhere."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TextIO

_REMINDER = 30.0  # seconds between plain lines about work that still goes on


@dataclass(frozen=True, kw_only=True)
class Event:
    """A step of the work on one subject (a tool, a component), which is number `index` of `total`.

    A step that begins has no `elapsed` (seconds); the next event of the same subject ends it. A note stands for itself.
    """

    subject: str
    text: str
    index: int
    total: int
    elapsed: float | None = None
    note: bool = False

    def __str__(self) -> str:
        took = "" if self.elapsed is None else f" ({self.elapsed:.1f} s)"
        place = "" if self.note else f"[{self.index}/{self.total}] "
        return f"{place}{self.subject}: {self.text}{took}"


Report = Callable[[Event], None]

_STILL = 5.0  # seconds between two words about a wait


class Reminder:
    """Tells every 5 s of a wait that has no steps: what is waited for, and since when."""

    def __init__(self, report: Callable[[str], object]) -> None:
        self._report = report
        self._begun = self._said = time.monotonic()

    def __call__(self, what: str) -> None:
        """Called again and again while the wait lasts."""
        now = time.monotonic()
        if now - self._said >= _STILL:
            self._said = now
            self._report(f"waiting since {now - self._begun:.0f} s {what}")


def silent(event: Event) -> None:
    """Report nothing."""


@contextlib.contextmanager
def reporter(stream: TextIO | None = None) -> Iterator[Report]:
    """A report that shows events on the stream (default: standard error) while the block runs."""
    target = stream or sys.stderr
    with _live(target) if target.isatty() else _plain(target) as report:
        yield report


@contextlib.contextmanager
def _live(stream: TextIO) -> Iterator[Report]:
    # rich is slow to import, and most runs find everything in place.
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(file=stream), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def report(event: Event) -> None:
            if not event.note and event.subject in tasks:
                progress.remove_task(tasks.pop(event.subject))
            if event.note or event.elapsed is not None:
                progress.console.print(str(event), highlight=False, markup=False)
            else:
                tasks[event.subject] = progress.add_task(str(event).replace("[", r"\["))

        yield report


@contextlib.contextmanager
def _plain(stream: TextIO) -> Iterator[Report]:
    running: dict[str, tuple[Event, float]] = {}
    finished = threading.Event()

    def write(line: str) -> None:
        print(line, file=stream, flush=True)

    def report(event: Event) -> None:
        if not event.note:
            running.pop(event.subject, None)
            if event.elapsed is None:
                running[event.subject] = (event, time.monotonic())
        write(str(event))

    def remind() -> None:
        while not finished.wait(_REMINDER):
            for event, since in list(running.values()):
                if (elapsed := time.monotonic() - since) >= _REMINDER / 2:
                    write(f"{event}, for {elapsed:.0f} s")

    thread = threading.Thread(target=remind, daemon=True)
    thread.start()
    try:
        yield report
    finally:
        finished.set()
        thread.join()
