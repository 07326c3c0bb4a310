"""What the command needs of the Pipelines API, version v2beta1, as Kubeflow Pipelines 2.16 serves it."""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ordering.errors import UserError
from pipelines.cause import cause
from pipelines.defaults import EXPERIMENT
from pipelines.endpoint.session import API, Json, RefusedError, Session
from pipelines.spec import Spec, name, steps

FINAL_STATES = frozenset({"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"})


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of a run: its name, and its state in lower case."""

    name: str
    state: str


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run: its id, its state as the API has it, its steps, why it failed, and where to look at it."""

    id: str
    name: str
    state: str
    steps: tuple[Step, ...]
    error: str | None
    link: str

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in FINAL_STATES


class Pipelines:
    """The Pipelines API in one namespace of an endpoint."""

    def __init__(self, session: Session, namespace: str | None = None, shown_at: str | None = None) -> None:
        """The person's own namespace when none is given; links start with `shown_at`, or the session's address."""
        self._session = session
        self._shown_at = (shown_at or session.url).rstrip("/")
        self.namespace = namespace or self._own_namespace()

    def submit(self, spec: Spec, arguments: Mapping[str, Any]) -> Run:
        """Start a run of a compiled pipeline; UserError when the API refuses it."""
        unique = _unique_name(spec)
        body = {
            "display_name": unique,
            "experiment_id": self._experiment(),
            "pipeline_spec": spec,
            "runtime_config": {"parameters": dict(arguments)},
        }
        made = self._create("runs", "runs", body, f"run {unique!r}")
        return self._run(made)

    def schedule(self, spec: Spec, arguments: Mapping[str, Any], cron: str) -> str:
        """Start a run whenever the cron expression (six fields) says so, one at a time; give the recurring run's id."""
        unique = _unique_name(spec)
        body = {
            "display_name": unique,
            "experiment_id": self._experiment(),
            "pipeline_spec": spec,
            "runtime_config": {"parameters": dict(arguments)},
            "trigger": {"cron_schedule": {"cron": cron}},
            "mode": "ENABLE",
            "max_concurrency": "1",
            "no_catchup": True,
        }
        return str(self._create("recurringruns", "recurringRuns", body, f"schedule {unique!r}")["recurring_run_id"])

    def run(self, run_id: str) -> Run:
        """The run as it is now; UserError when there is none of this id."""
        try:
            return self._run(self._session.get(f"{API}/runs/{run_id}"))
        except RefusedError as refusal:
            if refusal.status in (400, 404):
                raise UserError(f"There is no run {run_id!r} at {self._session.url}.") from None
            raise self._refused(refusal, f"run {run_id!r}") from None

    def link(self, kind: str, identifier: str) -> str:
        """Where the dashboard, or the UI of Pipelines alone, shows a run (`runs`) or a schedule (`recurringrun`)."""
        if not self.namespace:
            return f"{self._shown_at}/#/{kind}/details/{identifier}"
        return f"{self._shown_at}/_/pipeline/?ns={self.namespace}#/{kind}/details/{identifier}"

    def _run(self, found: Json) -> Run:
        details = found.get("run_details", {}).get("task_details", [])
        names = steps(found.get("pipeline_spec") or {})
        state = found.get("state", "PENDING")
        return Run(
            id=found["run_id"],
            name=str(found.get("display_name", found["run_id"])),
            state=state,
            steps=tuple(_states(details, names)),
            error=self._error(found, details) if state == "FAILED" else None,
            link=self.link("runs", found["run_id"]),
        )

    def _error(self, found: Json, details: Iterable[Json]) -> str:
        """Why a run failed: what a failed step's log says, else what the API says."""
        failed = [detail for detail in details if detail.get("state") == "FAILED"]
        for detail in failed:
            if not detail.get("pod_name"):
                continue
            query = {"podname": detail["pod_name"], "podnamespace": self.namespace, "runid": found["run_id"]}
            why = cause(self._session.text("/pipeline/k8s/pod/logs", query) or "")
            if why:
                return why
        messages = [part.get("error", {}).get("message") for part in (found, *failed)]
        return next(
            (message for message in messages if message), "the API does not say why; open the run to see its logs"
        )

    def _experiment(self) -> str:
        """The id of our experiment, made when it is not there."""
        body = {"display_name": EXPERIMENT, "namespace": self.namespace}
        found = self._find("experiments", "experiments", EXPERIMENT, namespace=self.namespace)
        made = found or self._create("experiments", "experiments", body, f"experiment {EXPERIMENT!r}")
        return str(made["experiment_id"])

    def _create(self, path: str, key: str, body: Json, what: str) -> Json:
        def find() -> Json | None:
            # The API lists experiments by namespace, and everything else by experiment.
            scope = "experiment_id" if "experiment_id" in body else "namespace"
            return self._find(path, key, body["display_name"], **{scope: body[scope]})

        try:
            return self._session.create(f"{API}/{path}", body, find)
        except RefusedError as refusal:
            # Somebody else made it between our looking for it and making it.
            found = find() if refusal.status == 409 else None
            if found is None:
                raise self._refused(refusal, what) from None
            return found

    def _find(self, path: str, key: str, display_name: str, **scope: str) -> Json | None:
        predicate = {"operation": "EQUALS", "key": "display_name", "string_value": display_name}
        query = {"filter": json.dumps({"predicates": [predicate]}), **{k: v for k, v in scope.items() if v}}
        try:
            found: list[Json] = self._session.get(f"{API}/{path}", query).get(key) or []
        except RefusedError as refusal:
            raise self._refused(refusal, path) from None
        return found[0] if found else None

    def _own_namespace(self) -> str:
        """The namespace of the person's own profile, as the dashboard tells it; empty where Pipelines has one user."""
        try:
            known = self._session.get("/api/workgroup/env-info").get("namespaces", [])
        except RefusedError as refusal:
            if refusal.status == 404:
                return ""
            raise self._refused(refusal, "the list of profiles") from None
        owned = [item["namespace"] for item in known if item.get("role") == "owner"]
        if not owned:
            raise UserError(
                f"At {self._session.url} no profile is yours; name a namespace that you may use with --namespace."
            )
        return str(owned[0])

    def _refused(self, refusal: RefusedError, what: str) -> UserError:
        advice = "ask for the namespace to be shared with you" if refusal.status == 403 else "check what was asked for"
        return UserError(f"{self._session.url} refuses {what} ({refusal.status}: {refusal.message}); {advice}.")


def watch(api: Pipelines, run: Run, on_change: Callable[[Step], None], pause: Callable[[], None]) -> Run:
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
        run = api.run(run.id)


def _states(details: Iterable[Json], names: Iterable[str]) -> Iterable[Step]:
    """The pipeline's own steps among the nodes that the API lists, which also has drivers, executors and groups."""
    by_name = {detail.get("display_name"): detail for detail in details}
    for step in names:
        state = by_name.get(step, {}).get("state") or "PENDING"
        yield Step(name=step, state=state.lower())


def _unique_name(spec: Spec) -> str:
    """A name that no other run has: by it a run is found again whose creation was not answered."""
    return f"{name(spec)}-{uuid.uuid4().hex[:8]}"
