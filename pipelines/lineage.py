"""Where results come from: the artifacts, executions and parameters that led to them, back to the raw data."""

import html
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from pipelines.record import Artifact, Execution, Record, is_number

_HERE = Path(__file__).parent
_LONGEST = 400
"""Characters of a value that text and page show; JSON has all of it."""


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """Executions in the order in which they ran, the artifacts that they are linked with, and a run's parameters."""

    title: str
    executions: tuple[Execution, ...]
    artifacts: Mapping[str, Artifact]
    parameters: Mapping[str, Any] = field(default_factory=dict)


def of_run(record: Record) -> Lineage:
    """Everything in a run."""
    return Lineage(
        title=f"run {record.name}",
        executions=record.executions,
        artifacts=record.artifacts,
        parameters=record.parameters,
    )


def of_artifact(record: Record, wanted: str) -> Lineage:
    """What led to an artifact of a run: by its id, the end of it, or its name."""
    artifact = next(one for one in record.artifacts.values() if one.id.endswith(wanted) or one.name == wanted)
    found = {artifact.id}
    executions: list[Execution] = []
    for one in reversed(record.executions):
        if found & set(_ids(one.writes)):
            executions.insert(0, one)
            found |= set(_ids(one.reads))
    return Lineage(
        title=f"artifact {artifact.name}",
        executions=tuple(executions),
        artifacts={key: one for key, one in record.artifacts.items() if key in found},
        parameters=record.parameters,
    )


def text(found: Lineage) -> str:
    """A paragraph for each execution: its parameters, what it read and what it made."""
    lines = [found.title]
    lines += [f"  {name} = {_short(value)}" for name, value in found.parameters.items()]
    for one in found.executions:
        took = f"  {one.seconds:.1f} s" if one.seconds is not None else ""
        lines += ["", f"{one.step}  {one.state}{took}"]
        lines += [f"  with   {name} = {_short(value)}" for name, value in one.inputs.items()]
        lines += [f"  reads  {_named(found, key, name)}" for name, key in _pairs(one.reads)]
        lines += [f"  makes  {_named(found, key, name)}" for name, key in _pairs(one.writes)]
        lines += [f"  gives  {name} = {_short(value)}" for name, value in one.outputs.items()]
    return "\n".join(lines) + "\n"


def as_json(found: Lineage) -> str:
    """The lineage as JSON."""
    return json.dumps(asdict(found), indent=2, default=str) + "\n"


def page(found: Lineage) -> str:
    """The lineage as one page for a browser: nothing to install, nothing fetched."""
    template = Template((_HERE / "lineage.html").read_text())
    # A script element ends at the first `</`, whatever stands around it.
    data = json.dumps(_data(found), separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")
    return template.substitute(title=html.escape(found.title), data=data)


FORMATS: Mapping[str, Callable[[Lineage], str]] = {"text": text, "json": as_json, "html": page}


def _data(found: Lineage) -> dict[str, Any]:
    """Nodes with the column that they stand in, and edges from what came first."""
    edges: list[tuple[str, str]] = []
    for one in found.executions:
        edges += [(f"a{key}", f"e{one.id}") for key in _ids(one.reads)]
        edges += [(f"e{one.id}", f"a{key}") for key in _ids(one.writes)]
        edges += [(f"l{value}", f"e{one.id}") for value in _locations(one)]
    columns = _columns([f"e{one.id}" for one in found.executions], edges)
    nodes = [
        {
            "id": f"e{one.id}",
            "sort": "execution",
            "name": one.step,
            "kind": one.state,
            "column": columns.get(f"e{one.id}", 0),
            "details": {
                **{f"parameter {name}": _short(value) for name, value in one.inputs.items()},
                **{f"gave {name}": _short(value) for name, value in one.outputs.items()},
                **({"seconds": f"{one.seconds:.1f}"} if one.seconds is not None else {}),
            },
        }
        for one in found.executions
    ] + [
        {
            "id": f"a{one.id}",
            "sort": "artifact",
            "name": one.name,
            "kind": one.kind.removeprefix("system."),
            "column": columns.get(f"a{one.id}", 0),
            "details": {"uri": one.uri, **{name: _short(value) for name, value in one.metadata.items()}},
        }
        for one in found.artifacts.values()
    ]
    nodes += [
        {
            "id": f"l{value}",
            "sort": "location",
            "name": value.rstrip("/").rpartition("/")[2],
            "kind": "outside",
            "column": columns.get(f"l{value}", 0),
            "details": {"location": value},
        }
        for value in dict.fromkeys(value for one in found.executions for value in _locations(one))
    ]
    parameters = {name: _short(value) for name, value in found.parameters.items()}
    return {"title": found.title, "parameters": parameters, "nodes": nodes, "edges": edges}


def _columns(executions: Iterable[str], edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    """The longest way to each node; executions come in their order, so one pass over them suffices."""
    columns: dict[str, int] = {}
    listed = list(edges)
    for execution in executions:
        before = [columns.setdefault(source, 0) for source, to in listed if to == execution]
        columns[execution] = max(before, default=-1) + 1
        for source, to in listed:
            if source == execution:
                columns[to] = max(columns.get(to, 0), columns[execution] + 1)
    return columns


def _locations(one: Execution) -> list[str]:
    """What an execution reads or writes outside of the pipeline: its parameters that are paths or URIs."""
    texts = (value for value in one.inputs.values() if isinstance(value, str) and not set(value) & set(" \n"))
    return [value for value in texts if "://" in value or value.startswith("/")]


def _pairs(named: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    return ((name, key) for name, keys in named.items() for key in keys)


def _ids(named: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    return (key for _, key in _pairs(named))


def _named(found: Lineage, key: str, name: str) -> str:
    artifact = found.artifacts.get(key)
    return f"{name} ({artifact.kind.removeprefix('system.')}) {artifact.uri}" if artifact else f"{name} {key}"


def _short(value: Any) -> str:
    said = value if isinstance(value, str) else f"{value:g}" if is_number(value) else json.dumps(value, default=str)
    said = " ".join(said.split())
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}… ({len(said)} characters)"
