"""Runs and schedules at a Kubeflow, after they were made."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from ordering.errors import UserError
from pipelines import cron
from tests.unit.pipelines.kubeflow_server import API, DROP_AFTER, DROP_BEFORE, Kubeflow

IMAGE = ["--image", "registry.example.com/pipeline:1"]
At = Callable[..., int]
LOG = "I1122 starting\nTraceback (most recent call last):\n  File 'x', line 1\nValueError: count is 0.\n"


def _run(at: At, *more: str) -> int:
    return at("run", "sequential", *IMAGE, *more)


def test_runs_are_listed_newest_first_and_filtered(at: At, kubeflow: Kubeflow, capsys: Any) -> None:
    assert _run(at) == 0
    kubeflow.api.failing_step = "average"
    assert _run(at) == 1
    capsys.readouterr()
    assert at("runs") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["run-2", "failed"], ["run-1", "succeeded"]]
    assert "2026-11-02 09:00" in lines[0]
    assert at("runs", "--state", "succeeded") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["run-1"]
    assert at("runs", "--limit", "1") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["run-2"]
    assert at("runs", "--name", "salary") == 0
    assert capsys.readouterr().out == "No runs.\n"


def test_more_runs_than_a_page_holds(at: At, kubeflow: Kubeflow, capsys: Any) -> None:
    assert _run(at) == 0
    (first,) = kubeflow.api.runs.values()
    kubeflow.api.runs |= {f"run-{number}": first | {"run_id": f"run-{number}"} for number in range(2, 251)}
    capsys.readouterr()
    assert at("runs", "--limit", "240") == 0
    assert len(capsys.readouterr().out.splitlines()) == 240


def test_an_archived_run_leaves_the_list(at: At, kubeflow: Kubeflow, capsys: Any) -> None:
    assert _run(at) == 0
    assert at("archive", "run-1") == 0
    capsys.readouterr()
    assert at("runs") == 0
    assert capsys.readouterr().out == "No runs.\n"
    assert at("runs", "--archived") == 0
    assert capsys.readouterr().out.startswith("run-1")


def test_a_failed_run_goes_on_from_the_step_that_failed(at: At, kubeflow: Kubeflow, capsys: Any) -> None:
    kubeflow.api.failing_step = "average"
    assert _run(at) == 1
    kubeflow.api.failing_step = None
    before = len(kubeflow.api.executed)
    capsys.readouterr()
    assert at("retry", "run-1") == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()[:3]] == [
        ["draw", "succeeded"],
        ["average", "running"],
        ["average", "succeeded"],
    ]
    again = [one.custom_properties[0].value.string_value for one in kubeflow.api.executed[before:]]
    assert again == ["average"]


@pytest.mark.parametrize("fault", [503, DROP_BEFORE, DROP_AFTER])
def test_what_was_not_answered_is_done_once(fault: int | str, at: At, kubeflow: Kubeflow) -> None:
    kubeflow.api.failing_step = "average"
    assert _run(at) == 1
    kubeflow.api.failing_step = None
    kubeflow.fault("POST", f"{API}/runs/run-1:retry", fault)
    assert at("retry", "run-1") == 0
    assert at("schedule", "sequential", *IMAGE, "--every", "1h") == 0
    kubeflow.fault("DELETE", f"{API}/recurringruns/recurring-run-1", fault)
    assert at("schedules", "delete", "recurring-run-1") == 0
    assert kubeflow.api.schedules == {}


def test_a_run_that_did_not_fail_is_not_retried(at: At, capsys: Any) -> None:
    assert _run(at) == 0
    assert at("retry", "run-1") == 1
    assert capsys.readouterr().err == (
        "error: Run run-1 is succeeded; only a run that failed or was stopped starts again.\n"
    )


def test_a_run_is_stopped(at: At, kubeflow: Kubeflow, capsys: Any) -> None:
    assert _run(at) == 0
    assert at("stop", "run-1") == 1
    assert capsys.readouterr().err == "error: Run run-1 has ended (succeeded); there is nothing to stop.\n"
    kubeflow.api.runs["run-1"]["state"] = "RUNNING"
    kubeflow.api.runs["run-1"]["run_details"]["task_details"] = []
    assert at("stop", "run-1") == 0
    assert at("status", "run-1") == 1
    assert capsys.readouterr().err == "error: Run run-1 canceled: somebody stopped it.\n"


@pytest.mark.parametrize("command", ["status", "retry", "stop", "archive"])
def test_a_run_that_is_gone(command: str, at: At, kubeflow: Kubeflow, capsys: Any) -> None:
    assert at(command, "run-9") == 1
    assert capsys.readouterr().err == f"error: There is no run 'run-9' at {kubeflow.url}.\n"


def test_the_log_of_a_step_comes_from_the_pod_that_the_metadata_store_names(
    at: At, kubeflow: Kubeflow, capsys: Any
) -> None:
    kubeflow.pod_log = LOG
    kubeflow.api.failing_step = "average"
    assert _run(at) == 1
    assert capsys.readouterr().err == "error: Run run-1 failed: count is 0.\n"
    assert at("logs", "run-1", "draw") == 0
    assert capsys.readouterr().out == LOG


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ("train", "Run run-1 has no step 'train'; it has draw, average."),
        ("draw", "The log of step 'draw' of run run-1 is gone with its pod pod-of-draw."),
    ],
)
def test_a_log_that_is_not_there(step: str, sentence: str, at: At, capsys: Any) -> None:
    assert _run(at) == 0
    assert at("logs", "run-1", step) == 1
    assert capsys.readouterr().err == f"error: {sentence}\n"


def test_a_step_that_has_not_begun_has_no_log(at: At, kubeflow: Kubeflow, capsys: Any) -> None:
    assert _run(at) == 0
    kubeflow.api.executed.clear()
    assert at("logs", "run-1", "draw") == 1
    assert "has no pod: it has not begun, or came from the cache." in capsys.readouterr().err


def test_schedules_are_listed_paused_resumed_and_deleted(at: At, kubeflow: Kubeflow, capsys: Any) -> None:
    more = ["--every", "90m", "--concurrency", "3", "--catch-up"]
    assert at("schedule", "sequential", *IMAGE, *more) == 0
    assert at("schedule", "sequential", *IMAGE, "--cron", "0 6 * * *") == 0
    made = kubeflow.api.schedules["recurring-run-1"]
    assert made["trigger"] == {"periodic_schedule": {"interval_second": "5400"}}
    assert (made["max_concurrency"], made["no_catchup"]) == ("3", False)
    assert at("schedules", "pause", "recurring-run-1") == 0
    capsys.readouterr()
    assert at("schedules", "list") == 0
    newest, oldest = capsys.readouterr().out.splitlines()
    assert newest.startswith("recurring-run-2  on      at 0 0 6 * * * UTC, 1 at a time  sequential-")
    assert oldest.startswith("recurring-run-1  paused  every 90m, 3 at a time, catches up  sequential-")
    assert at("schedules", "resume", "recurring-run-1") == 0
    assert kubeflow.api.schedules["recurring-run-1"]["status"] == "ENABLED"
    assert at("schedules", "delete", "recurring-run-1") == 0
    assert list(kubeflow.api.schedules) == ["recurring-run-2"]
    assert at("schedules", "pause", "recurring-run-1") == 1
    assert "There is no schedule 'recurring-run-1'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Say when with either --cron or --every."),
        (["--cron", "0 6 * * *", "--every", "1h"], "Say when with either --cron or --every."),
        (
            ["--every", "1w"],
            "Interval '1w' must be a whole number of minutes, hours or days, such as 30m, 6h or 1d.",
        ),
        (
            ["--cron", "0 6 * * *", "--timezone", "Mars/Base"],
            "There is no time zone 'Mars/Base'; write it as Europe/Berlin or UTC.",
        ),
    ],
)
def test_a_schedule_that_says_no_time(words: list[str], sentence: str, at: At, kubeflow: Kubeflow, capsys: Any) -> None:
    assert at("schedule", "sequential", *IMAGE, *words) == 1
    assert capsys.readouterr().err == f"error: {sentence}\n"
    assert kubeflow.requests == []


WINTER = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "zone", "in_utc"),
    [
        ("0 0 6 * * *", "UTC", "0 0 6 * * *"),
        ("0 30 6 * * 1-5", "Europe/Berlin", "0 30 5 * * 1-5"),
        ("0 0 0 * * MON", "Europe/Berlin", "0 0 23 * * 0"),
        ("0 15 9 * * *", "Asia/Kolkata", "0 45 3 * * *"),
        ("0 0 8-18/2 * * *", "America/New_York", "0 0 13,15,17,19,21,23 * * *"),
        ("0 0 22 * * 6", "America/New_York", "0 0 3 * * 0"),
        ("0 */10 * * * *", "Europe/Berlin", "0 */10 * * * *"),
        ("0 0 6 1 * *", "Europe/London", "0 0 6 1 * *"),
    ],
)
def test_a_zone_is_translated_to_utc(expression: str, zone: str, in_utc: str) -> None:
    fields, note = cron.in_utc(expression, zone, WINTER)
    assert fields == in_utc
    changes = zone not in ("UTC", "Asia/Kolkata")
    assert bool(note) == changes
    if zone == "Europe/Berlin":
        assert "Clocks in Europe/Berlin change on 2027-03-28" in str(note)


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("0 0 0 1 * *", "Europe/Berlin"),
        ("0 0 0,6 * * 1", "Europe/Berlin"),
        ("0 */10 * * * *", "Asia/Kolkata"),
        ("0 0 * * * 1", "Europe/Berlin"),
    ],
)
def test_what_no_expression_in_utc_stands_for_is_refused(expression: str, zone: str) -> None:
    with pytest.raises(UserError, match="cannot be said in UTC"):
        cron.in_utc(expression, zone, WINTER)
