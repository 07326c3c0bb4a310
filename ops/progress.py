"""Progress that a person can read: per stage a count and the time, as bars on a terminal, as plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from pulumi.automation.events import DiagnosticEvent, EngineEvent, OpType
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from ops.waiting import MARKUP, Waits

PLAIN_INTERVAL_S = 5.0
"""Seconds between plain lines of one stage."""


def stage_of(urn: str) -> str:
    """The stage that a resource belongs to: the component that holds it.

    >>> stage_of("urn:pulumi:local::kubeflow::kubeflow:infra:Network$aws:ec2/vpc:Vpc::network-vpc")
    'network'
    """
    outermost = urn.split("::")[2].split("$")[0]
    module = outermost.split(":")
    return module[-1].lower() if module[0] == "kubeflow" else "stack"


@dataclass
class Stage:
    """What happened in one stage, by URN: a replacement is one resource in several steps.

    Times are seconds of `time.monotonic()`; `said` is that of the last plain line.
    """

    started: float
    ended: float
    said: float
    begun: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    @property
    def seconds(self) -> float:
        return self.ended - self.started


@dataclass
class Span:
    """When one resource's first step began and its last ended, in seconds of `time.monotonic()`."""

    begun: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.begun


@dataclass
class Tracker:
    """Takes the engine's events and shows them; keeps what the summary needs.

    expected: tells how many resources a stage will have, where that is known beforehand.
    left_out: beginnings of the engine's diagnostics that are not shown.
    """

    console: Console
    expected: Callable[[], Mapping[str, int]] = dict
    left_out: tuple[str, ...] = ()
    stages: dict[str, Stage] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    changes: dict[str, int] = field(default_factory=dict)
    waits: Waits = field(default_factory=Waits)
    _bars: Progress | None = None
    _tasks: dict[str, TaskID] = field(default_factory=dict)

    @contextmanager
    def showing(self) -> Iterator["Tracker"]:
        """Shows bars for the length of the block where output is a terminal, and on any every 5 s what takes long."""
        if not self.console.is_terminal:
            with self.waits.told(self._wait):
                yield self
            for name in self.stages:
                self._line(name)
            return
        columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console) as self._bars, self.waits.told(self._wait):
            yield self

    def __call__(self, event: EngineEvent) -> None:
        """One event of the engine."""
        self.waits(event)
        if event.resource_pre_event is not None:
            self._count(event.resource_pre_event.metadata.urn, "begun")
        elif event.res_outputs_event is not None:
            step = event.res_outputs_event.metadata
            self._count(step.urn, "done")
            if step.op == OpType.IMPORT and step.new is not None:
                told = f"{step.urn.rsplit('::', 1)[-1]}: is there already ({step.new.id}), and is taken over"
                self.console.print(told, highlight=False, markup=False, soft_wrap=True)
        elif event.res_op_failed_event is not None:
            self._count(event.res_op_failed_event.metadata.urn, "failed")
        elif event.diagnostic_event is not None and not event.diagnostic_event.ephemeral:
            self._diagnostic(event.diagnostic_event)
        elif event.summary_event is not None:
            self.changes = {str(op): count for op, count in event.summary_event.resource_changes.items()}

    def _count(self, urn: str, step: Literal["begun", "done", "failed"]) -> None:
        now = time.monotonic()
        name = stage_of(urn)
        # The first line comes after an interval: a stage that has only begun has nothing to tell.
        stage = self.stages.setdefault(name, Stage(started=now, ended=now, said=now))
        stage.begun.add(urn)
        if step != "begun":
            (stage.done if step == "done" else stage.failed).add(urn)
        stage.ended = now
        self.spans.setdefault(urn, Span(now, now)).ended = now
        if self._bars is not None:
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(name)
            self._bars.update(self._tasks[name], completed=len(stage.done), total=self._total(name))
        elif now - stage.said >= PLAIN_INTERVAL_S:
            stage.said = now
            self._line(name)

    def _wait(self, line: str) -> None:
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _line(self, name: str) -> None:
        stage = self.stages[name]
        done = f"{len(stage.done)} of {self._total(name)}"
        self.console.print(f"{name}: {done}, {stage.seconds:.0f} s", highlight=False)

    def _total(self, name: str) -> int:
        return max(self.expected().get(name, 0), len(self.stages[name].begun))

    def _diagnostic(self, event: DiagnosticEvent) -> None:
        text = MARKUP.sub("", event.message).strip()
        if not text:
            return
        urn = event.urn or ""
        told = text if not urn or "::pulumi:pulumi:Stack::" in urn else f"{urn.rsplit('::', 1)[-1]}: {text}"
        if event.severity == "error":
            # The engine repeats a program's own message with a word of introduction.
            if not any(told.endswith(known) for known in self.errors):
                self.errors.append(told)
        elif event.severity != "debug" and not text.startswith(self.left_out):
            self.console.print(told, highlight=False, markup=False, soft_wrap=True)
