"""Running a pipeline on this machine: every step for real, in a process of its own, with what the .venv holds."""

import contextlib
import io
import os
import re
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kfp import dsl, local
from kfp.local import config

from ordering.errors import UserError
from pipelines.catalog import Definition
from pipelines.cause import cause
from pipelines.defaults import IMAGE_REPOSITORY
from pipelines.sdk import Execution

# What kfp's runner logs when a step begins and ends, once the colours are gone.
_EVENT = re.compile(r"Task '(?P<ended>[\w-]+)' finished with status (?P<status>\w+)|Executing task '(?P<begun>[\w-]+)'")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, kw_only=True)
class StepEvent:
    """A step began (`running`) or ended (`succeeded`, `failed`) after so many seconds."""

    step: str
    state: str
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A file that a pipeline ended with, and what is known about it."""

    path: Path
    metadata: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a pipeline ended with: metrics by name, plain values, files, and the folder with all of it and `run.log`."""

    folder: Path
    metrics: Mapping[str, float] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)


def run(
    definition: Definition,
    arguments: Mapping[str, Any],
    folder: Path,
    on_step: Callable[[StepEvent], None] = lambda event: None,
) -> Outcome:
    """Run the pipeline in the folder and give what it ended with.

    Raises UserError with the step that failed and why; the log of all steps is `run.log` in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = _Log(on_step)
    pipeline = definition.pipeline(Execution(image=IMAGE_REPOSITORY))
    try:
        with _runner(folder), contextlib.redirect_stdout(log):
            outputs = pipeline(**arguments).outputs
    except RuntimeError as error:
        why = cause(log.getvalue()) or str(error)
        step = log.failed or log.running or definition.name
        raise UserError(f"Step {step!r} of pipeline {definition.name!r} failed: {why}") from None
    finally:
        (folder / "run.log").write_text(_COLOUR.sub("", log.getvalue()))
    return _outcome(outputs, folder)


@contextlib.contextmanager
def _runner(folder: Path) -> Iterator[None]:
    """kfp's subprocess runner, for as long as the block lasts: it is global, and makes any call of a step run it."""
    with tempfile.TemporaryDirectory() as workspace, _temporary_files(workspace), warnings.catch_warnings():
        # It warns of an image whose name has no "python" in it; ours is not used here at all.
        warnings.filterwarnings("ignore", message="You may be attemping to run a task", category=RuntimeWarning)
        local.init(
            runner=local.SubprocessRunner(use_venv=False),
            pipeline_root=str(folder),
            workspace_root=workspace,
            raise_on_error=True,
        )
        try:
            yield
        finally:
            config.LocalExecutionConfig.instance = None


@contextlib.contextmanager
def _temporary_files(folder: str) -> Iterator[None]:
    """Has the steps make their temporary files in the folder: each begins with a `mktemp -d` that nobody removes.

    `_get_command_and_args_for_lightweight_component` in kfp/dsl/component_factory.py of kfp 2.16.1.
    """
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = folder
    try:
        yield
    finally:
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before


class _Log(io.StringIO):
    """Everything that the runner and the steps print; tells of a step's beginning and end as the runner logs it."""

    def __init__(self, on_step: Callable[[StepEvent], None]) -> None:
        super().__init__()
        self._on_step = on_step
        self._started = 0.0
        self.running: str | None = None
        self.failed: str | None = None

    def write(self, text: str) -> int:
        found = _EVENT.search(_COLOUR.sub("", text))
        if found and found["begun"]:
            self.running, self._started = found["begun"], time.monotonic()
            self._on_step(StepEvent(step=found["begun"], state="running"))
        elif found:
            state = "succeeded" if found["status"] == "SUCCESS" else "failed"
            if state == "failed":
                self.failed = found["ended"]
            self.running = None
            self._on_step(StepEvent(step=found["ended"], state=state, seconds=time.monotonic() - self._started))
        return super().write(text)


def _outcome(outputs: Mapping[str, Any], folder: Path) -> Outcome:
    metrics: dict[str, float] = {}
    values: dict[str, Any] = {}
    artifacts: dict[str, Artifact] = {}
    for name, output in outputs.items():
        if isinstance(output, dsl.Metrics):
            metrics |= {key: float(value) for key, value in output.metadata.items()}
        elif isinstance(output, dsl.Artifact):
            artifacts[name] = Artifact(path=Path(output.path), metadata=dict(output.metadata))
        else:
            # kfp calls the one output of a pipeline that gives no names "Output".
            values["result" if name == "Output" else name] = output
    return Outcome(folder=folder, metrics=metrics, values=values, artifacts=artifacts)
