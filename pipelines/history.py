"""The records of the runs on this machine: `run.json` in each run's folder."""

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ordering.errors import UserError
from pipelines.record import Artifact, Execution, Record

FILE = "run.json"


def write(record: Record, folder: Path) -> None:
    """Keep the record of a run in its folder."""
    (folder / FILE).write_text(json.dumps(dataclasses.asdict(record), default=str, indent=1))


def runs(root: Path) -> list[Record]:
    """The runs under a folder, the newest first; what cannot be read is left out."""
    found = []
    for file in root.glob(f"*/{FILE}"):
        try:
            found.append(_read(file))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda record: record.started.timestamp() if record.started else 0.0, reverse=True)


def run(root: Path, run_id: str) -> Record:
    """The run of an id under a folder; UserError when there is none."""
    if "/" not in run_id and (root / run_id / FILE).exists():
        try:
            return _read(root / run_id / FILE)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"The record of run {run_id!r} in {root} is damaged ({error}); run it again.") from None
    raise UserError(f"There is no run {run_id!r} in {root}; `runs --local` lists them.")


def having(root: Path, artifact: str) -> Record:
    """The newest run that an artifact belongs to, by its id or the end of it; UserError when there is none."""
    for record in runs(root):
        if any(one.id.endswith(artifact) or one.name == artifact for one in record.artifacts.values()):
            return record
    raise UserError(f"There is no run or artifact {artifact!r} in {root}; `runs --local` lists the runs.")


def _read(file: Path) -> Record:
    found: Mapping[str, Any] = json.loads(file.read_text())
    executions = tuple(
        Execution(**one | {name: {key: tuple(ids) for key, ids in one[name].items()} for name in ("reads", "writes")})
        for one in found["executions"]
    )
    return Record(
        **{
            **found,
            "executions": executions,
            "artifacts": {key: Artifact(**one) for key, one in found["artifacts"].items()},
            "started": _time(found["started"]),
            "ended": _time(found["ended"]),
        }
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
