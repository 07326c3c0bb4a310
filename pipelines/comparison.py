"""Runs side by side: parameters, metrics, durations."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.record import Record, metrics

Rows = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The runs' names, and rows of values by section; None where a run has none. Notes say what only some have."""

    runs: tuple[str, ...]
    sections: Mapping[str, Rows]
    notes: tuple[str, ...]


def compare(records: Sequence[Record]) -> Comparison:
    """The runs side by side, in the order given."""
    of_metrics = _rows([metrics(one) for one in records])
    durations = _rows([_durations(one) for one in records])
    sections = {
        "state": {"state": tuple(one.state for one in records)},
        "parameters": _rows([one.parameters for one in records]),
        "metrics": of_metrics,
        "seconds": durations,
    }
    names = tuple(one.id for one in records)
    without = {
        metric: [run for run, value in zip(names, values, strict=True) if value is None]
        for metric, values in of_metrics.items()
    }
    notes = [f"Metric {metric!r} is missing in {', '.join(runs)}." for metric, runs in without.items() if runs]
    if not of_metrics:
        notes.append("None of the runs has metrics: a step writes them to a dsl.Output[dsl.Metrics].")
    return Comparison(runs=names, sections={name: rows for name, rows in sections.items() if rows}, notes=tuple(notes))


def as_json(compared: Comparison) -> str:
    """The comparison as JSON: the values of each row in the order of `runs`."""
    return json.dumps({"runs": compared.runs, **compared.sections, "notes": compared.notes}, indent=2, default=str)


def _durations(record: Record) -> dict[str, float]:
    found = {"in all": record.seconds} if record.seconds is not None else {}
    for one in record.executions:
        if one.seconds is not None:
            found[one.step] = round(found.get(one.step, 0.0) + one.seconds, 2)
    return {name: round(value, 2) for name, value in found.items()}


def _rows(columns: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """A row for each name that any of the columns has, in the order in which they come up."""
    names = dict.fromkeys(name for column in columns for name in column)
    return {name: tuple(column.get(name) for column in columns) for name in names}
