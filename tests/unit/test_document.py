"""What programs get: documents that keep to their schema and to docs/json.md, alone on standard output."""

import json
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import jsonschema
import pytest
from click.testing import CliRunner
from pulumi.automation import OutputValue

from ops import audit, cost, document
from ops.commands import cost as cost_command
from ops.commands import doctor as doctor_command
from ops.commands import leftovers as leftovers_command
from ops.comment import CostLine
from ops.doctor.finding import broken, ok, warning
from ops.drift import Drift, Drifted, Field
from ops.leftovers import Leftover
from ops.preview import Preview
from ops.steps import Step
from ordering.errors import UserError
from ordering.graph import build
from policy import Violation

DOCS = Path(__file__).resolve().parents[2] / "docs"
COMMANDS = ("doctor", "cost", "leftovers", "preview", "drift", "up")
VIOLATION = Violation(rule="tags", level="mandatory", urn="urn:pulumi:dev::kubeflow::a::b", message="has no tags")


def schema(command: str) -> dict[str, Any]:
    """The published schema of one command's document."""
    published: dict[str, Any] = json.loads((DOCS / "json.schema.json").read_text())
    return {**published, "$ref": f"#/$defs/{command}"}


def valid(command: str, content: dict[str, Any]) -> dict[str, Any]:
    """A document as a program reads it, which keeps to its schema and says no key that the schema does not know."""
    read: dict[str, Any] = json.loads(document.text(content))
    jsonschema.Draft202012Validator.check_schema(schema(command))
    jsonschema.validate(read, schema(command))
    assert (read["version"], read["command"]) == (1, command)
    assert set(read) == keys(command)
    return read


def keys(command: str) -> set[str]:
    """The keys that the schema names for a command's document."""
    defined = schema(command)["$defs"]
    found = defined[command]
    parts = [defined["planned"] if "$ref" in part else part for part in found.get("allOf", [found])]
    return {key for part in parts for key in part["properties"]}


def planned(costs: tuple[CostLine, ...] | None = (CostLine(name="nodes", before=700.8, after=840.96),)) -> Preview:
    urn = "urn:pulumi:dev::kubeflow::kubeflow:infra:Storage$aws:s3/bucket:Bucket::dev-artifacts"
    kept = Step(urn="urn:pulumi:dev::kubeflow::pulumi:pulumi:Stack::s", type="pulumi:pulumi:Stack", change="same")
    lost = Step(
        urn=urn,
        type="aws:s3/bucket:Bucket",
        change="replace",
        paths=("bucket", "tags"),
        causes=("bucket",),
        was_protected=True,
    )
    return Preview(stack="dev", steps=(kept, lost), violations=(VIOLATION,), costs=costs, note="", parts={})


def test_a_doctors_findings() -> None:
    told = valid(
        "doctor", document.doctor("dev", [ok("a", "fine"), warning("b", "so so", "look"), broken("c", "", "")])
    )
    assert told["counts"] == {"ok": 1, "warning": 1, "broken": 1}
    assert told["findings"][1] == {"check": "b", "state": "warning", "found": "so so", "advice": "look"}


def line(name: str, amount: str) -> cost.Line:
    price = Decimal(amount)
    return cost.Line(name=name, what="5 x m5.xlarge", on_demand=price, savings_plan=price / 2, spot=price / 3)


def test_a_bill_and_what_a_setting_changes() -> None:
    bill = cost.Bill(lines=(line("nodes", "700.80"), line("key", "1")), volumes_gib=0, note="Volumes are not counted")
    differing = [cost.Change(name="nodes", before=line("nodes", "700.80"), after=line("nodes", "840.96"))]
    told = valid("cost", document.cost("dev", "us-west-2", bill, {"nodesDesired": "6"}, differing))
    assert told["total"] == {"onDemand": 701.8, "savingsPlan": 350.9, "spot": 233.93}
    assert told["changes"] == [{"name": "nodes", "before": 700.8, "after": 840.96, "difference": 140.16}]
    assert told["difference"] == 140.16
    assert valid("cost", document.cost("dev", "us-west-2", bill, {}, []))["difference"] == 0


def test_leftovers_and_what_became_of_them() -> None:
    left = [Leftover(kind="volume", id=f"vol-{name}", what="10 GiB", monthly=Decimal("0.80")) for name in "ab"]
    told = valid("leftovers", document.leftovers("dev", "us-west-2", left, lives=True, deleted=False))
    assert (told["inUse"], told["total"]) == (True, 1.6)
    assert [one["deleted"] for one in told["leftovers"]] == [False, False]
    failed = [(left[1], "in use")]
    told = valid("leftovers", document.leftovers("dev", "r", left, lives=False, deleted=True, failed=failed))
    assert [(one["deleted"], one["error"]) for one in told["leftovers"]] == [(True, ""), (False, "in use")]


def test_a_preview_says_what_is_lost_what_it_costs_and_which_rules_are_broken() -> None:
    told = valid("preview", document.preview(planned()))
    assert told["counts"] == {"replace": 1, "delete": 0, "update": 0, "create": 0, "same": 1}
    [change] = told["changes"]
    assert (change["name"], change["data"], change["protected"]) == ("dev-artifacts", "the objects in it", True)
    assert (change["class"], change["object"], change["why"]) == (
        "data",
        "Bucket/dev-artifacts",
        "bucket cannot change",
    )
    assert told["classes"] == {"data": 1}
    assert (change["properties"], change["causes"]) == (["bucket", "tags"], ["bucket"])
    assert told["cost"]["difference"] == 140.16
    assert told["violations"][0]["rule"] == "tags"
    assert valid("preview", document.preview(planned(costs=None)))["cost"] is None


def test_a_drift_says_which_fields_whose_they_are_now_and_since_when() -> None:
    changed = Drifted(
        urn="urn:pulumi:dev::kubeflow::kubernetes:core/v1:Secret::a/b",
        type="kubernetes:core/v1:Secret",
        change="changed",
        fields=(Field(path="data.x", by="kubectl", since="2026-11-01T10:00:00Z"),),
    )
    told = valid("drift", document.drift("dev", Drift(found=(changed,), unseen=("Role: refused",))))
    (one,) = told["drifted"]
    assert (one["name"], one["change"]) == ("a/b", "changed")
    assert one["fields"] == [{"path": "data.x", "by": "kubectl", "since": "2026-11-01T10:00:00Z"}]
    assert told["unseen"] == ["Role: refused"]


@pytest.mark.parametrize("before", [None, planned()])
@pytest.mark.parametrize("asked", [None, audit.Report()])
def test_an_up_says_what_was_made_and_no_secret(before: Preview | None, asked: audit.Report | None) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}
    session = SimpleNamespace(
        stack=SimpleNamespace(name="dev"),
        tracker=SimpleNamespace(changes={"create": 2}, stages={"stack": SimpleNamespace(done={"a"}, seconds=1.26)}),
        seconds={"engine": 3.14},
        ground=SimpleNamespace(stand_ins=("aws",), recorded=lambda: Counter({"EKS add-ons": 4}), asked=lambda: asked),
        program=SimpleNamespace(graph=build([namespace])),
    )
    outputs = {"bucket": OutputValue("b", False), "kubeconfig": OutputValue("hush", True)}
    told = valid("up", document.up(cast("Any", session), outputs, before, [VIOLATION]))
    assert "hush" not in document.text(told)
    assert told["outputs"][1] == {"name": "kubeconfig", "secret": True, "value": None}
    assert told["kubeflow"] == {"objects": 1, "levels": 1, "kinds": {"Namespace": 1}}
    assert (told["preview"] is None) == (before is None)
    assert (told["requests"] is None) == (asked is None)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_describes_every_key(command: str) -> None:
    section = (DOCS / "json.md").read_text().partition(f"\n## {command}\n")[2].partition("\n## ")[0]
    described = set(re.findall(r"^\| `(\w+)(?:\[\])?` \|", section, re.MULTILINE))
    assert keys(command) - {"version", "command", "stack"} <= described


def test_the_commands_print_the_document_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "claimed_gib", lambda settings: 50)
    done = CliRunner().invoke(cost_command.command, ["--stack", "dev", "--set", "nodesDesired=6", "--format", "json"])
    told = valid("cost", json.loads(done.stdout))
    assert told["settings"] == {"nodesDesired": "6"}
    assert told["difference"] == 148.16, "a node and its disk"

    monkeypatch.setattr(doctor_command, "examine", lambda stack: [broken("tools", "none", "install some")])
    done = CliRunner().invoke(doctor_command.command, ["--stack", "dev", "--format", "json"])
    assert done.exit_code == 1
    assert valid("doctor", json.loads(done.stdout))["counts"]["broken"] == 1


@pytest.mark.parametrize("failed", [False, True])
def test_leftovers_prints_its_document_even_where_aws_did_not_delete(
    monkeypatch: pytest.MonkeyPatch, failed: bool
) -> None:
    left = [Leftover(kind="volume", id="vol-a", what="10 GiB", monthly=Decimal("0.80"))]
    monkeypatch.setattr(leftovers_command, "in_state", lambda stack: [])
    monkeypatch.setattr(leftovers_command, "environment", lambda stack: {})
    monkeypatch.setattr(leftovers_command, "find", lambda *args, **kwargs: left)
    monkeypatch.setattr(leftovers_command, "check_gone", lambda *args: None)
    monkeypatch.setattr(leftovers_command, "delete", lambda *args: [(left[0], "in use")] if failed else [])
    arguments = ["--stack", "dev", "--delete=yes", "--yes=1", "--format=json"]
    done = CliRunner().invoke(leftovers_command.command, arguments)
    assert isinstance(done.exception, UserError) == failed
    assert valid("leftovers", json.loads(done.stdout))["leftovers"][0]["deleted"] is not failed
    asked = CliRunner().invoke(leftovers_command.command, ["--stack", "dev", "--delete", "--format=json"], input="")
    assert asked.stdout == ""
    assert "nothing was deleted; say YES=1" in str(asked.exception)
