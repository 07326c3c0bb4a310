"""What is said about a wait: what for, since when, and why; and nothing where nothing takes long."""

import io
import time
from collections.abc import Callable
from typing import Any

import pytest
from pulumi.automation.events import EngineEvent
from rich.console import Console

from ops import waiting
from ops.progress import Tracker
from ops.waiting import Waits

URN = "urn:pulumi:local::kubeflow::kubeflow:infra:Kubeflow$"
API = f"{URN}kubernetes:apps/v1:Deployment::sample-apps/api"
GATE = f"{URN}kubernetes:apps/v1:DeploymentPatch::kubeflow/mysql"
CLAIM = f"{URN}kubernetes:core/v1:PersistentVolumeClaim::kubeflow/mysql-pvc"


def event(kind: str, **content: Any) -> EngineEvent:
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, kind: content})


def step(kind: str, urn: str, op: str = "create", *, custom: bool = True) -> EngineEvent:
    type_ = urn.split("::")[2].rsplit("$", 1)[-1]
    state = {"type": type_, "urn": urn, "custom": custom, "id": "", "parent": "", "inputs": {}, "outputs": {}}
    metadata = {"op": op, "urn": urn, "type": type_, "provider": "p", "new": {**state, "provider": "p"}}
    return event(kind, metadata=metadata, planning=False, status=1, steps=1)


def said(urn: str, message: str) -> EngineEvent:
    return event("diagnosticEvent", urn=urn, message=message, color="", severity="info", ephemeral=True)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets seconds pass."""
    now = [time.monotonic()]
    monkeypatch.setattr("ops.waiting.time.monotonic", lambda: now[0])

    def passing(seconds: float) -> None:
        now[0] += seconds

    return passing


def line(waits: Waits) -> str | None:
    return waits.line(time.monotonic())


def test_what_takes_long_is_named_with_its_time_and_its_providers_word(later: Callable[[float], None]) -> None:
    waits = Waits()
    waits(step("resourcePreEvent", API))
    later(2)
    waits(step("resourcePreEvent", GATE))
    waits(said(API, "<{%fg 3%}>Waiting for app ReplicaSet to be available (0/2 Pods available)<{%reset%}>\n"))
    later(1)
    assert line(waits) is None
    later(4)
    assert line(waits) == (
        "waiting for Deployment sample-apps/api since 7 s (Waiting for app ReplicaSet to be available (0/2 Pods "
        "available)); Deployment kubeflow/mysql since 5 s"
    )
    waits(said(API, "\n"))
    waits(step("resOutputsEvent", GATE))
    assert line(waits) == "waiting for Deployment sample-apps/api since 7 s"
    waits(step("resOpFailedEvent", API))
    assert line(waits) is None


def test_a_deletion_is_told_as_one(later: Callable[[float], None]) -> None:
    waits = Waits()
    waits(step("resourcePreEvent", CLAIM, "delete"))
    later(65)
    assert line(waits) == "waiting for PersistentVolumeClaim kubeflow/mysql-pvc to be gone since 65 s"


def test_many_short_deletions_are_told_too(later: Callable[[float], None]) -> None:
    waits = Waits()
    for urn in (API, CLAIM):
        waits(step("resourcePreEvent", urn, "delete"))
    later(2)
    assert line(waits) == "deleting 2, none of them for long"
    for urn in (API, CLAIM):
        waits(step("resOutputsEvent", urn, "delete"))
    assert line(waits) is None


def test_many_are_counted_and_a_long_word_is_cut(later: Callable[[float], None]) -> None:
    waits = Waits()
    for number in range(7):
        waits(step("resourcePreEvent", f"{API}{number}"))
        waits(said(f"{API}{number}", "x" * 5000))
    later(5)
    told = line(waits)
    assert told
    assert told.endswith("; and 4 more")
    assert len(told) < 600


def test_a_component_is_waited_for_by_its_parts(later: Callable[[float], None]) -> None:
    waits = Waits(before="")
    waits(step("resourcePreEvent", "urn:pulumi:local::kubeflow::kubeflow:infra:Kubeflow::kubeflow", custom=False))
    later(60)
    assert line(waits) is None


def test_before_the_first_operation_something_is_said_too(later: Callable[[float], None]) -> None:
    waits = Waits()
    later(9)
    told = line(waits)
    assert told
    assert told.startswith("waiting since 9 s: the engine reads the state")
    waits(step("resourcePreEvent", API))
    assert line(waits) is None


@pytest.mark.parametrize("terminal", [False, True])
def test_a_log_gets_the_lines_as_a_terminal_does(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "INTERVAL_S", 0.05)
    output = io.StringIO()
    tracker = Tracker(console=Console(file=output, force_terminal=terminal, width=200))
    with tracker.showing():
        tracker(step("resourcePreEvent", API))
        time.sleep(0.4)
    assert output.getvalue().count("waiting for Deployment sample-apps/api since 0 s") > 2
