"""Recurring runs of an endpoint: made, listed, paused, resumed, deleted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import kfp_server_api

from pipelines.endpoint.connection import UNKNOWN, Connection, equals, only
from pipelines.endpoint.session import RefusedError
from pipelines.package import Package, unique_name

_PAGE = 100


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """When: a cron expression of six fields in UTC, or a number of seconds."""

    cron: str | None = None
    every_seconds: int | None = None


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A recurring run: when it starts, how many at once, whether it catches up what it missed, whether it is on."""

    id: str
    name: str
    trigger: Trigger
    enabled: bool
    max_concurrency: int
    catches_up: bool


class Schedules:
    """The recurring runs in a connection's namespace."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._api = connection.schedules

    def create(
        self,
        package: Package,
        arguments: Mapping[str, Any],
        trigger: Trigger,
        *,
        max_concurrency: int,
        catch_up: bool,
    ) -> Schedule:
        """Start a run whenever the trigger says so; UserError when the API refuses it."""
        name = unique_name(package)
        cron, periodic = None, None
        if trigger.cron:
            cron = kfp_server_api.V2beta1CronSchedule(cron=trigger.cron)
        else:
            periodic = kfp_server_api.V2beta1PeriodicSchedule(interval_second=str(trigger.every_seconds))
        body = kfp_server_api.V2beta1RecurringRun(
            display_name=name,
            experiment_id=self._connection.experiment(),
            pipeline_spec=package.body(),
            runtime_config=kfp_server_api.V2beta1RuntimeConfig(parameters=dict(arguments)),
            trigger=kfp_server_api.V2beta1Trigger(cron_schedule=cron, periodic_schedule=periodic),
            mode="ENABLE",
            max_concurrency=str(max_concurrency),
            no_catchup=not catch_up,
        )

        def find() -> Any:
            wanted = only(equals("display_name", name))
            listed = self._api.recurring_run_service_list_recurring_runs(
                experiment_id=body.experiment_id, filter=wanted
            )
            return (listed.recurring_runs or [None])[0]

        made = self._connection.create(
            f"schedule {name!r}", lambda: self._api.recurring_run_service_create_recurring_run(body), find
        )
        return _schedule(made)

    def list(self) -> list[Schedule]:
        """All of them, the newest first."""
        found: list[Schedule] = []
        token = ""
        scope = {"namespace": self._connection.namespace} if self._connection.namespace else {}
        while True:
            page = self._page(scope, token)
            found += map(_schedule, page.recurring_runs or ())
            token = page.next_page_token
            if not token:
                return found

    def pause(self, schedule_id: str) -> None:
        """Start no run until it is resumed."""
        self._act(schedule_id, "pausing of", self._api.recurring_run_service_disable_recurring_run)

    def resume(self, schedule_id: str) -> None:
        """Start runs again."""
        self._act(schedule_id, "resuming of", self._api.recurring_run_service_enable_recurring_run)

    def delete(self, schedule_id: str) -> None:
        """Forget it; runs that it started stay."""
        self._act(schedule_id, "deletion of", self._delete)

    def _delete(self, schedule_id: str) -> Any:
        """One that is gone after an answer was lost is deleted, not unknown."""
        self._api.recurring_run_service_get_recurring_run(schedule_id)

        def gone() -> bool | None:
            try:
                self._api.recurring_run_service_get_recurring_run(schedule_id)
            except RefusedError as refusal:
                return True if refusal.status in UNKNOWN else None
            return None

        return self._connection.session.persist(
            lambda: self._api.recurring_run_service_delete_recurring_run(schedule_id), gone
        )

    def _page(self, scope: Mapping[str, str], token: str) -> Any:
        return self._connection.call(
            "the list of schedules",
            lambda: self._api.recurring_run_service_list_recurring_runs(
                **scope, sort_by="created_at desc", page_size=_PAGE, page_token=token
            ),
        )

    def _act(self, schedule_id: str, what: str, call: Callable[[str], Any]) -> None:
        missing = f"There is no schedule {schedule_id!r} at {self._connection.session.url}."
        self._connection.call(f"the {what} schedule {schedule_id!r}", lambda: call(schedule_id), missing=missing)


def _schedule(found: Any) -> Schedule:
    cron = found.trigger.cron_schedule if found.trigger else None
    periodic = found.trigger.periodic_schedule if found.trigger else None
    return Schedule(
        id=found.recurring_run_id,
        name=str(found.display_name or found.recurring_run_id),
        trigger=Trigger(
            cron=cron.cron if cron else None, every_seconds=int(periodic.interval_second) if periodic else None
        ),
        enabled=found.status == "ENABLED",
        max_concurrency=int(found.max_concurrency or 1),
        catches_up=not found.no_catchup,
    )
