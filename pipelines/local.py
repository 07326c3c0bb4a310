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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kfp import components, dsl, local
from kfp.local import config, status
from kfp.local.orchestrator.orchestrator_utils import OrchestratorUtils

from ordering.errors import UserError
from pipelines import conditions, history
from pipelines.cause import cause
from pipelines.package import Package, defaults
from pipelines.record import Artifact, Execution, Record, metrics

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, kw_only=True)
class StepEvent:
    """A step began (`running`) or ended (`succeeded`, `failed`) after so many seconds."""

    step: str
    state: str
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a pipeline ended with: its record, plain values, artifacts by name, and the folder with all of it and
    `run.log`."""

    folder: Path
    record: Record
    values: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)

    @property
    def metrics(self) -> Mapping[str, float]:
        """Metrics by name."""
        return metrics(self.record)


def run(
    package: Package,
    arguments: Mapping[str, Any],
    folder: Path,
    on_step: Callable[[StepEvent], None] = lambda event: None,
) -> Outcome:
    """Run the pipeline in the folder, keep its record there, and give what it ended with.

    Raises UserError with the step that failed and why; the log of all steps is `run.log` in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = io.StringIO()
    watched = _Watch(on_step)
    given = defaults(package.pipeline) | dict(arguments)
    started = datetime.now(UTC)
    state = "failed"
    # Steps of a foreign pipeline may install packages: those go to an environment of their own.
    installs = "pip install" in str(package.pipeline["deploymentSpec"])
    pipeline = components.load_component_from_text(package.yaml())
    try:
        with _runner(folder, installs), conditions.evaluated(), watched, contextlib.redirect_stdout(log):
            outputs = pipeline(**arguments).outputs
        state = "succeeded"
    except (RuntimeError, NotImplementedError, ValueError) as error:
        why = cause(log.getvalue()) or " ".join(str(error).split())
        step = watched.failed or watched.running or package.name
        raise UserError(f"Step {step!r} of pipeline {package.name!r} failed: {why}") from None
    finally:
        (folder / "run.log").write_text(_COLOUR.sub("", log.getvalue()))
        record = Record(
            id=folder.name,
            name=folder.name,
            pipeline=package.name,
            state=state,
            parameters=given,
            executions=tuple(watched.executions),
            artifacts=dict(watched.artifacts),
            started=started,
            ended=datetime.now(UTC),
        )
        history.write(record, folder)
    return _outcome(outputs, folder, record, watched)


@contextlib.contextmanager
def _runner(folder: Path, installs: bool) -> Iterator[None]:
    """kfp's subprocess runner, for as long as the block lasts: it is global, and makes any call of a step run it."""
    with tempfile.TemporaryDirectory() as workspace, _temporary_files(workspace), warnings.catch_warnings():
        # It warns of an image whose name has no "python" in it; ours is not used here at all.
        warnings.filterwarnings("ignore", message="You may be attemping to run a task", category=RuntimeWarning)
        local.init(
            runner=local.SubprocessRunner(use_venv=installs),
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


class _Watch:
    """Sees every step that kfp's runner executes, with what goes in and comes out, while the block lasts.

    kfp tells nobody of the steps within a pipeline, so the one function through which all of them go is replaced
    (`OrchestratorUtils.execute_single_task` in kfp/local/orchestrator of kfp 2.16.1).
    """

    def __init__(self, on_step: Callable[[StepEvent], None]) -> None:
        self._on_step = on_step
        self._execute = OrchestratorUtils.execute_single_task
        self.executions: list[Execution] = []
        self.artifacts: dict[str, Artifact] = {}
        self.running: str | None = None
        self.failed: str | None = None

    def __enter__(self) -> "_Watch":
        OrchestratorUtils.execute_single_task = self._step
        return self

    def __exit__(self, *exception: object) -> None:
        OrchestratorUtils.execute_single_task = self._execute

    def _step(self, **about: Any) -> Any:
        step = about["task_name"]
        given = OrchestratorUtils.make_task_arguments(about["task_spec"].inputs, about["io_store"])
        self.running = step
        self._on_step(StepEvent(step=step, state="running"))
        started = time.monotonic()
        made, ended = self._execute(**about)
        seconds = time.monotonic() - started
        state = "succeeded" if ended == status.Status.SUCCESS else "failed"
        inputs, reads = self._told(step, given)
        outputs, writes = self._told(step, made)
        self.executions.append(
            Execution(
                id=f"{step}-{len(self.executions) + 1}",
                step=step,
                state=state,
                seconds=seconds,
                inputs=inputs,
                outputs=outputs,
                reads=reads,
                writes=writes,
            )
        )
        self.running = None
        if state == "failed":
            self.failed = step
        self._on_step(StepEvent(step=step, state=state, seconds=seconds))
        return made, ended

    def _told(self, step: str, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, tuple[str, ...]]]:
        """Plain values, and the ids of artifacts, by name; an artifact's id is where it is."""
        plain: dict[str, Any] = {}
        ids: dict[str, tuple[str, ...]] = {}
        for name, value in values.items():
            listed = value if isinstance(value, list) else [value]
            found = [one for one in listed if isinstance(one, dsl.Artifact)]
            if not found:
                plain[name] = value
                continue
            for one in found:
                known = self.artifacts.get(one.uri)
                self.artifacts[one.uri] = artifact_of(one, known.name if known else f"{step}.{name}")
            ids[name] = tuple(one.uri for one in found)
        return plain, ids


def artifact_of(one: dsl.Artifact, name: str) -> Artifact:
    """An artifact of kfp's, under a name."""
    return Artifact(id=one.uri, name=name, kind=one.schema_title, uri=one.uri, metadata=dict(one.metadata))


def _outcome(outputs: Mapping[str, Any], folder: Path, record: Record, watched: _Watch) -> Outcome:
    values: dict[str, Any] = {}
    artifacts: dict[str, Artifact] = {}
    for name, output in outputs.items():
        if isinstance(output, dsl.Artifact):
            artifacts[name] = watched.artifacts.get(output.uri) or artifact_of(output, name)
        else:
            # kfp calls the one output of a pipeline that gives no names "Output".
            values["result" if name == "Output" else name] = output
    return Outcome(folder=folder, record=record, values=values, artifacts=artifacts)
