import io
import sys
from typing import Any

import pytest
from pulumi.automation.events import EngineEvent
from rich.console import Console

from ops import policies
from ordering.errors import UserError

UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
BUCKET = "aws:s3/bucket:Bucket"


def step(op: str, name: str, inputs: dict[str, Any], *, stack: str = "dev", protect: bool = False) -> EngineEvent:
    """An event as the engine writes it to its log."""
    urn = f"urn:pulumi:{stack}::kubeflow::kubeflow:infra:Storage${BUCKET}::{name}"
    state = {"type": BUCKET, "urn": urn, "id": "", "inputs": inputs, "protect": protect}
    metadata = {"op": op, "urn": urn, "type": BUCKET, "provider": "", "old": None, "new": state}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, "resourcePreEvent": {"metadata": metadata}})


def tagged(stack: str = "dev") -> dict[str, Any]:
    return {"tags": {"pulumi:project": "kubeflow", "pulumi:stack": stack}}


def test_events_become_violations() -> None:
    judge = policies.load()
    judge(step("create", "open", {**tagged(), "acl": "public-read"}))
    judge(step("same", "untagged", {}))
    judge(step("update", "sound", tagged()))
    judge(step("create", "unknown", {"tags": UNKNOWN_TEXT}))
    assert {(violation.rule, violation.urn.split("::")[-1]) for violation in judge.violations()} == {
        ("public-access", "open"),
        ("tags", "untagged"),
    }


def test_what_goes_away_may_be_as_it_is() -> None:
    judge = policies.load()
    judge(step("delete", "open", {"acl": "public-read"}))
    assert judge.violations() == []


def test_protection_is_seen() -> None:
    judge = policies.load()
    judge(step("create", "kept", tagged("prod"), stack="prod", protect=True))
    judge(step("create", "loose", tagged("prod"), stack="prod"))
    (violation,) = judge.violations()
    assert (violation.rule, violation.urn.split("::")[-1]) == ("protected-data", "loose")


def test_only_mandatory_violations_stop_a_run() -> None:
    judge = policies.load()
    judge(step("create", "open", {**tagged(), "acl": "public-read"}))
    (violation,) = judge.violations()
    with pytest.raises(UserError, match=r"^1 policy rule is broken:\n  - open: is public .*\(public-access\)$"):
        policies.refuse([violation])
    policies.refuse([type(violation)(rule="r", level="advisory", urn=violation.urn, message="m")])


def test_violations_are_shown() -> None:
    judge = policies.load()
    judge(step("create", "open", {**tagged(), "acl": "public-read"}))
    console = Console(file=io.StringIO(), width=160)
    policies.print_violations(console, judge.violations())
    assert isinstance(console.file, io.StringIO)
    assert "mandatory  public-access  open" in console.file.getvalue()


def test_rules_that_cannot_be_loaded_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "policy", None)
    with pytest.raises(UserError, match=r"^The policy rules in policy/ cannot be loaded \(ModuleNotFoundError: .*fix"):
        policies.load()
