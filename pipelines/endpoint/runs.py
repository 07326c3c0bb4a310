"""Runs of an endpoint: started, followed, listed, started again from where they failed, stopped, archived."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import kfp_server_api

from ordering.errors import UserError
from pipelines.cause import cause
from pipelines.endpoint.connection import Connection, equals, only
from pipelines.endpoint.metadata import Metadata
from pipelines.package import Package, defaults, pipeline_of, steps, unique_name
from pipelines.record import Record

FINAL_STATES = frozenset({"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"})
_PAGE = 100


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of a run: its name, its state in lower case, and how long it took where it has ended."""

    name: str
    state: str
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run: its id, its state as the API has it, its steps, why it failed, and where to look at it."""

    id: str
    name: str
    state: str
    pipeline: str
    parameters: Mapping[str, Any]
    steps: tuple[Step, ...]
    error: str | None
    link: str
    created: datetime | None
    finished: datetime | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in FINAL_STATES


class Runs:
    """The runs in a connection's namespace."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._api = connection.runs
        self._metadata = Metadata(connection.session)
        self._versions: dict[str, Any] = {}

    def submit(self, package: Package, arguments: Mapping[str, Any]) -> Run:
        """Start a run of a compiled pipeline; UserError when the API refuses it."""
        name = unique_name(package)
        body = kfp_server_api.V2beta1Run(
            display_name=name,
            experiment_id=self._connection.experiment(),
            pipeline_spec=package.body(),
            runtime_config=kfp_server_api.V2beta1RuntimeConfig(parameters=dict(arguments)),
        )

        def find() -> Any:
            wanted = only(equals("display_name", name))
            listed = self._api.run_service_list_runs(experiment_id=body.experiment_id, filter=wanted)
            return (listed.runs or [None])[0]

        return self._run(self._connection.create(f"run {name!r}", lambda: self._api.run_service_create_run(body), find))

    def get(self, run_id: str) -> Run:
        """The run as it is now; UserError when there is none of this id."""
        return self._run(self._get(run_id))

    def list(self, *, state: str | None, name: str | None, archived: bool, limit: int) -> list[Run]:
        """The newest runs first: those in a state, with a text in their names, archived or not; at most so many."""
        predicates = [equals("storage_state", "ARCHIVED", "EQUALS" if archived else "NOT_EQUALS")]
        if state:
            predicates.append(equals("state", state.upper()))
        if name:
            predicates.append(equals("display_name", name, "IS_SUBSTRING"))
        found: list[Run] = []
        token = None
        while len(found) < limit:
            page = self._page(only(*predicates), min(_PAGE, limit - len(found)), token)
            found += [self._run(one, explained=False) for one in page.runs or ()]
            token = page.next_page_token
            if not token:
                break
        return found[:limit]

    def retry(self, run_id: str) -> Run:
        """Start a failed run again from what failed; what has succeeded is kept. UserError unless it failed."""
        run = self.get(run_id)
        if run.state not in ("FAILED", "CANCELED"):
            raise UserError(f"Run {run_id} is {run.state.lower()}; only a run that failed or was stopped starts again.")

        def goes_on() -> Any:
            found = self._api.run_service_get_run(run_id)
            return found if found.state != run.state else None

        # A second retry of a run that goes on already is refused, so an answer that was lost is looked for.
        self._connection.create(
            f"the retry of run {run_id!r}", lambda: self._api.run_service_retry_run(run_id), goes_on
        )
        return self.get(run_id)

    def stop(self, run_id: str) -> None:
        """End a run's steps; UserError for one that has ended."""
        run = self.get(run_id)
        if run.ended:
            raise UserError(f"Run {run_id} has ended ({run.state.lower()}); there is nothing to stop.")
        self._act(run_id, "stop of", self._api.run_service_terminate_run)

    def archive(self, run_id: str) -> None:
        """Take a run out of the list; it stays for `runs --archived`, compare and lineage."""
        self._act(run_id, "archiving of", self._api.run_service_archive_run)

    def log(self, run_id: str, step: str) -> str:
        """What a step's pod printed; UserError when the run has no such step, or the log is gone."""
        run = self.get(run_id)
        names = [one.name for one in run.steps]
        if step not in names:
            raise UserError(f"Run {run_id} has no step {step!r}; it has {', '.join(names)}.")
        pod = self._metadata.pod(run_id, step)
        if not pod:
            raise UserError(f"Step {step!r} of run {run_id} has no pod: it has not begun, or came from the cache.")
        text = self._log(run_id, pod)
        if text is None:
            raise UserError(f"The log of step {step!r} of run {run_id} is gone with its pod {pod}.")
        return text

    def record(self, run_id: str) -> Record:
        """Everything that is known of a run, for comparison and lineage."""
        found = self._get(run_id)
        run = self._run(found, explained=False)
        executions, artifacts = self._metadata.of_run(run_id)
        return Record(
            id=run.id,
            name=run.name,
            pipeline=run.pipeline,
            state=run.state.lower(),
            parameters=run.parameters,
            executions=executions,
            artifacts=artifacts,
            started=run.created,
            ended=run.finished,
        )

    def _get(self, run_id: str) -> Any:
        missing = f"There is no run {run_id!r} at {self._connection.session.url}."
        return self._connection.call(f"run {run_id!r}", lambda: self._api.run_service_get_run(run_id), missing=missing)

    def _page(self, wanted: str, size: int, token: str | None) -> Any:
        scope = {"namespace": self._connection.namespace} if self._connection.namespace else {}
        return self._connection.call(
            "the list of runs",
            lambda: self._api.run_service_list_runs(
                **scope, filter=wanted, sort_by="created_at desc", page_size=size, page_token=token or ""
            ),
        )

    def _act(self, run_id: str, what: str, call: Callable[[str], Any]) -> None:
        missing = f"There is no run {run_id!r} at {self._connection.session.url}."
        self._connection.call(f"the {what} run {run_id!r}", lambda: call(run_id), missing=missing)

    def _run(self, found: Any, explained: bool = True) -> Run:
        details = (found.run_details.task_details if found.run_details else None) or []
        spec = pipeline_of(found.pipeline_spec or self._version(found.pipeline_version_reference) or {})
        given = (found.runtime_config.parameters if found.runtime_config else None) or {}
        state = found.state or "PENDING"
        return Run(
            id=found.run_id,
            name=str(found.display_name or found.run_id),
            state=state,
            pipeline=str(spec.get("pipelineInfo", {}).get("name", "")),
            parameters=defaults(spec) | given,
            steps=tuple(_states(details, steps(spec))),
            error=self._error(found, details) if explained and state == "FAILED" else None,
            link=self._connection.link(f"runs/details/{found.run_id}"),
            created=_time(found.created_at),
            finished=_time(found.finished_at),
        )

    def _version(self, reference: Any) -> Any:
        """The specification of an uploaded version that a run or schedule refers to; None when it is deleted."""
        if reference is None:
            return None
        key = reference.pipeline_version_id
        if key not in self._versions:
            try:
                found = self._connection.call(
                    f"pipeline version {key!r}",
                    lambda: self._connection.packages.pipeline_service_get_pipeline_version(reference.pipeline_id, key),
                )
                self._versions[key] = found.pipeline_spec
            except UserError:
                self._versions[key] = None
        return self._versions[key]

    def _error(self, found: Any, details: Iterable[Any]) -> str:
        """Why a run failed: what a failed step's log says, else what the API says."""
        failed = [detail for detail in details if detail.state == "FAILED"]
        for detail in failed:
            pod = self._pod(found.run_id, detail.display_name)
            why = cause(self._log(found.run_id, pod) or "") if pod else None
            if why:
                return why
        messages = [part.error.message for part in (found, *failed) if part.error]
        return next(
            (message for message in messages if message), "the API does not say why; open the run to see its logs"
        )

    def _pod(self, run_id: str, step: str) -> str | None:
        try:
            return self._metadata.pod(run_id, step)
        except UserError:  # the run's own failure is what is asked for
            return None

    def _log(self, run_id: str, pod: str) -> str | None:
        query = {"podname": pod, "podnamespace": self._connection.namespace, "runid": run_id}
        return self._connection.session.text("/pipeline/k8s/pod/logs", query)


def watch(runs: Runs, run: Run, on_change: Callable[[Step], None], pause: Callable[[], None]) -> Run:
    """Follow a run to its end; tells of every step whose state changed, and pauses between two looks."""
    seen: dict[str, str] = {}
    while True:
        for step in run.steps:
            if seen.get(step.name) != step.state:
                seen[step.name] = step.state
                on_change(step)
        if run.ended:
            return run
        pause()
        run = runs.get(run.id)


def _states(details: Iterable[Any], names: Iterable[str]) -> Iterable[Step]:
    """The pipeline's own steps among the nodes that the API lists, which also has drivers, executors and groups."""
    by_name = {detail.display_name: detail for detail in details}
    for step in names:
        detail = by_name.get(step)
        start, end = (_time(detail.start_time), _time(detail.end_time)) if detail else (None, None)
        yield Step(
            name=step,
            state=((detail.state if detail else None) or "PENDING").lower(),
            seconds=(end - start).total_seconds() if start and end else None,
        )


def _time(said: datetime | None) -> datetime | None:
    """A time of the API, which says 1970 for one that has not come."""
    return said if said is not None and said.timestamp() > 0 else None
