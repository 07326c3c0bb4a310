"""Progress: what a person reads while the engine works."""

import io
from typing import Any

import pytest
from pulumi.automation.events import EngineEvent
from rich.console import Console

from ops.policies import Judge
from ops.progress import Tracker, stage_of
from ops.steps import Recorder

URN = "urn:pulumi:local::kubeflow::"
VPC = f"{URN}kubeflow:infra:Network$aws:ec2/vpc:Vpc::network-vpc"
SUBNET = f"{URN}kubeflow:infra:Network$aws:ec2/subnet:Subnet::network-private-a"


def event(kind: str, **content: Any) -> EngineEvent:
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, kind: content})


def step(kind: str, urn: str, op: str = "create") -> EngineEvent:
    metadata = {"op": op, "urn": urn, "type": "t", "provider": "p"}
    return event(kind, metadata=metadata, planning=False, status=1, steps=1)


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def tracker(output: io.StringIO) -> Tracker:
    return Tracker(console=Console(file=output, force_terminal=False, width=200))


@pytest.mark.parametrize(
    ("urn", "stage"),
    [
        (VPC, "network"),
        (f"{URN}kubeflow:infra:Cluster::cluster", "cluster"),
        (f"{URN}pulumi:pulumi:Stack::kubeflow-local", "stack"),
        (f"{URN}pulumi:providers:aws::default", "stack"),
    ],
)
def test_a_resource_belongs_to_the_component_that_holds_it(urn: str, stage: str) -> None:
    assert stage_of(urn) == stage


def test_plain_output_says_when_a_stage_is_complete(tracker: Tracker, output: io.StringIO) -> None:
    with tracker.showing():
        for kind in ("resourcePreEvent", "resOutputsEvent"):
            for urn in (VPC, SUBNET):
                tracker(step(kind, urn))
    assert output.getvalue().splitlines()[-1].startswith("network: 2 of 2, ")


def test_the_expected_number_is_the_total_from_the_first_line_on(output: io.StringIO) -> None:
    tracker = Tracker(console=Console(file=output, force_terminal=False, width=200), expected=lambda: {"network": 2})
    with tracker.showing():
        tracker(step("resourcePreEvent", VPC))
        tracker(step("resOutputsEvent", VPC))
    assert "network: 1 of 2" in output.getvalue()


def test_a_failure_is_counted_and_its_message_kept_without_colour_marks(tracker: Tracker) -> None:
    tracker(step("resourcePreEvent", VPC))
    tracker(step("resOpFailedEvent", VPC))
    tracker(
        event("diagnosticEvent", urn=VPC, message="<{%reset%}>no such zone\n<{%reset%}>", color="", severity="error")
    )
    assert tracker.stages["network"].failed == {VPC}
    assert tracker.errors == ["network-vpc: no such zone"]


def test_what_the_program_says_is_shown_at_once(tracker: Tracker, output: io.StringIO) -> None:
    stack = f"{URN}pulumi:pulumi:Stack::kubeflow-local"
    tracker(event("diagnosticEvent", urn=stack, message="release 26.03\n", color="", severity="info#err"))
    assert output.getvalue() == "release 26.03\n"


def test_the_summary_event_gives_the_changes(tracker: Tracker) -> None:
    tracker(event("summaryEvent", maybeCorrupt=False, durationSeconds=1, resourceChanges={"create": 3, "same": 1}))
    assert tracker.changes == {"create": 3, "same": 1}


def test_what_is_not_shown_stays_so_in_the_commands_next_run() -> None:
    tracker = Tracker(console=Console(file=io.StringIO()), left_out=("resource plugin",))
    assert Recorder.after(tracker, Judge(rules=[])).left_out == ("resource plugin",)
