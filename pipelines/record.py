"""What is known of a run, wherever it ran: its parameters, its executions, and the artifacts between them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A file or folder that a step made: its type as kfp names it (`system.Model`), its place, what is known of it."""

    id: str
    name: str
    kind: str
    uri: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Execution:
    """A step that ran, or was taken from the cache; `reads` and `writes` are the artifacts' ids by the step's names."""

    id: str
    step: str
    state: str
    seconds: float | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    writes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pod: str | None = None


@dataclass(frozen=True, kw_only=True)
class Record:
    """A run: its id and name, its pipeline, its state in lower case, its parameters, and what happened."""

    id: str
    name: str
    pipeline: str
    state: str
    parameters: Mapping[str, Any]
    executions: tuple[Execution, ...]
    artifacts: Mapping[str, Artifact]
    started: datetime | None = None
    ended: datetime | None = None

    @property
    def seconds(self) -> float | None:
        """How long the run took; None while it runs."""
        return (self.ended - self.started).total_seconds() if self.started and self.ended else None


METRICS = "system.Metrics"
CONFUSION = "system.ClassificationMetrics"


def metrics(record: Record) -> dict[str, float]:
    """Every number that the run's metrics hold, by its name; by STEP/NAME where two steps have the same one."""
    found: dict[str, dict[str, float]] = {}
    for execution in record.executions:
        for artifact in _made(record, execution):
            if artifact.kind == METRICS:
                numbers = {name: float(value) for name, value in artifact.metadata.items() if is_number(value)}
                found.setdefault(execution.step, {}).update(numbers)
    names = [name for of_step in found.values() for name in of_step]
    return {
        name if names.count(name) == 1 else f"{step}/{name}": value
        for step, of_step in found.items()
        for name, value in of_step.items()
    }


def curves(record: Record) -> dict[str, list[float]]:
    """The learning curves that a step wrote into its artifact's metadata as `curves`: a list of numbers by name."""
    found: dict[str, list[float]] = {}
    for artifact in record.artifacts.values():
        said = artifact.metadata.get("curves")
        if isinstance(said, Mapping):
            found |= {
                str(name): [float(value) for value in values]
                for name, values in said.items()
                if isinstance(values, list) and values and all(map(is_number, values))
            }
    return found


def confusion(record: Record) -> tuple[list[str], list[list[float]]] | None:
    """The classes and rows of the run's confusion matrix, as dsl.ClassificationMetrics writes it; None without one."""
    for artifact in record.artifacts.values():
        said = artifact.metadata.get("confusionMatrix")
        if artifact.kind == CONFUSION and isinstance(said, Mapping):
            said = said.get("struct", said)
            names = [str(one["displayName"]) for one in said["annotationSpecs"]]
            return names, [[float(value) for value in row["row"]] for row in said["rows"]]
    return None


def is_number(value: object) -> bool:
    """Whether it is a number, which True is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _made(record: Record, execution: Execution) -> Iterable[Artifact]:
    for ids in execution.writes.values():
        yield from (record.artifacts[one] for one in ids if one in record.artifacts)
