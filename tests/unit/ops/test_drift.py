"""What differs from the state is told by the account of fields, with whose it is now, and nothing that is others'."""

import json
from contextlib import nullcontext
from typing import Any

import pytest
from click.testing import CliRunner
from pulumi.automation.events import EngineEvent
from rich.console import Console

from ops import comment
from ops.commands import drift as command
from ops.drift import Drift, Drifted, Field, Told, forgotten, in_cluster
from ops.unanswered import SECRET
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

OURS, TIME = "pulumi-kubernetes-1", "2026-11-01T10:00:00Z"
URN = "urn:pulumi:dev::kubeflow::kubeflow:infra:Kubeflow$"


def sent(kind: str, name: str, fields: dict[str, Any], *, api_version: str = "v1", **content: Any) -> dict[str, Any]:
    """An object of the state, whose given fields its apply has made the stack's."""
    inputs = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "a"}, **content}
    entries = [{"manager": OURS, "operation": "Apply", "fieldsV1": fields}]
    return {
        "urn": f"{URN}kubernetes:core/v1:{kind}::a/{name}",
        "type": f"kubernetes:core/v1:{kind}",
        "custom": True,
        "inputs": inputs,
        "outputs": {**inputs, "__fieldManager": OURS, "metadata": {**inputs["metadata"], "managedFields": entries}},
    }


class Live:
    """A cluster with the objects of a state, in which others write."""

    def __init__(self, *state: dict[str, Any]) -> None:
        self.objects = {one["inputs"]["metadata"]["name"]: json.loads(json.dumps(one["outputs"])) for one in state}
        self.read: list[str] = []
        self.hidden: set[str] = set()

    def written(self, name: str, fields: dict[str, Any], by: str = "kubectl-edit", **content: Any) -> None:
        """Others own all of the object's fields that ours are not any more."""
        live = self.objects[name]
        entries = live["metadata"]["managedFields"]
        entries[0]["fieldsV1"] = {}
        entries.append({"manager": by, "operation": "Update", "time": TIME, "fieldsV1": fields})
        live.update(content)

    def metadata(self, api_version: str, kind: str) -> list[Manifest]:
        if kind in self.hidden:
            raise UserError("The cluster refuses: forbidden")
        return [{"metadata": one["metadata"]} for one in self.objects.values() if one["kind"] == kind]

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        self.read.append(name)
        found: Manifest | None = self.objects.get(name)
        return found


DATA: dict[str, Any] = {"f:data": {"f:a": {}}}
CONFIG = sent("ConfigMap", "config", DATA, data={"a": "1"})


def test_nothing_is_read_of_what_is_as_it_was() -> None:
    live = Live(CONFIG)
    live.objects["config"]["metadata"]["managedFields"].append(
        {"manager": "other", "operation": "Update", "time": TIME, "fieldsV1": {"f:data": {"f:more": {}}}}
    )
    live.objects["config"]["data"]["more"] = "theirs"
    assert in_cluster([CONFIG], live) == ([], [])
    assert live.read == []


def test_a_field_that_somebody_wrote_is_told_with_whose_it_is() -> None:
    live = Live(CONFIG)
    live.written("config", DATA, data={"a": "2"})
    ((one,), unseen) = in_cluster([CONFIG], live)
    assert str(one) == f"ConfigMap a/config changed: data.a by kubectl-edit since {TIME}"
    assert unseen == []


def test_a_field_that_was_removed_is_told_though_nobody_owns_it() -> None:
    live = Live(CONFIG)
    live.written("config", {"f:data": {}}, data={})
    ((one,), _) = in_cluster([CONFIG], live)
    assert one.fields == (Field(path="data.a"),)


def test_what_was_added_to_a_list_of_ours_is_told() -> None:
    role = sent("Role", "role", {"f:rules": {}}, rules=[{"verbs": ["get"]}])
    live = Live(role)
    live.written("role", {"f:rules": {}}, by="intruder", rules=[{"verbs": ["get"]}, {"verbs": ["*"]}])
    ((one,), _) = in_cluster([role], live)
    assert (one.fields[0].path, one.fields[0].by) == ("rules", "intruder")


def test_what_was_written_back_is_no_drift() -> None:
    live = Live(CONFIG)
    live.written("config", DATA, data={"a": "1"})
    assert in_cluster([CONFIG], live)[0] == []


def test_what_is_gone_is_told_and_a_kind_that_is_not_shown() -> None:
    secret = sent("Secret", "secret", DATA, data={"a": "MQ=="})
    live = Live(CONFIG, secret)
    del live.objects["config"]
    live.hidden = {"Secret"}
    found, unseen = in_cluster([CONFIG, secret], live)
    assert [str(one) for one in found] == ["ConfigMap a/config deleted"]
    assert unseen == ["Secret: The cluster refuses: forbidden"]


def test_a_secret_in_the_state_is_compared_with_what_is_there() -> None:
    sealed = {SECRET: "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps({"a": "MQ=="})}
    secret = sent("Secret", "secret", DATA, data={"a": "MQ=="})
    secret["inputs"]["data"] = sealed
    live = Live(secret)
    live.written("secret", DATA, data={"a": "MQ=="})
    assert in_cluster([secret], live)[0] == []
    live.objects["secret"]["data"] = {"a": "Mg=="}
    ((one,), _) = in_cluster([secret], live)
    assert one.fields[0].path == "data.a"
    (known,) = forgotten({"resources": [secret]}, {one.urn: one.paths})["resources"]
    assert "data" not in known["inputs"], "what is sealed goes as a whole"
    assert known["inputs"]["metadata"] == secret["inputs"]["metadata"]


def test_others_may_write_what_they_take_over() -> None:
    hook = {"name": "rev.validation.istio.io", "failurePolicy": "Ignore"}
    path: dict[str, Any] = {"f:webhooks": {'k:{"name":"rev.validation.istio.io"}': {"f:failurePolicy": {}}}}
    version = "admissionregistration.k8s.io/v1"
    istio = sent("ValidatingWebhookConfiguration", "istio", path, api_version=version, webhooks=[hook])
    istio["inputs"]["metadata"]["labels"] = {"istio.io/rev": "default"}
    scaled = sent("Deployment", "web", {"f:spec": {"f:replicas": {}}}, spec={"replicas": 1})
    target = {"kind": "Deployment", "name": "web"}
    scaler = sent("HorizontalPodAutoscaler", "web-scaler", {}, spec={"scaleTargetRef": target})
    hint: dict[str, Any] = {"f:metadata": {"f:annotations": {"f:pulumi.com/waitFor": {}}}}
    gated = sent("Service", "gated", hint)
    gated["inputs"]["metadata"]["annotations"] = {"pulumi.com/waitFor": "condition=Ready"}
    live = Live(istio, scaled, gated)
    live.written("istio", path, by="pilot-discovery", webhooks=[{**hook, "failurePolicy": "Fail"}])
    live.written("web", {"f:spec": {"f:replicas": {}}}, by="kube-controller-manager", spec={"replicas": 3})
    live.written("gated", hint, by="pulumi-kubernetes-2")
    state = [istio, scaled, gated]
    assert [one.name for one in in_cluster(state, live)[0]] == ["a/web"], "nothing of the stack scales it"
    assert in_cluster([*state, scaler], Live(istio, scaled, gated, scaler))[0] == []
    live.objects["web-scaler"] = scaler["outputs"]
    assert in_cluster([*state, scaler], live)[0] == []


def test_the_state_forgets_only_what_differs() -> None:
    two = sent("ConfigMap", "two", DATA, data={"a": "1", "b": "2"})
    after = forgotten({"resources": [CONFIG, two]}, {two["urn"]: [("f:data", "f:a")]})["resources"]
    assert after[0] == CONFIG
    assert (after[1]["inputs"]["data"], after[1]["outputs"]["data"]) == ({"b": "2"}, {"b": "2"})


def test_what_a_run_that_was_cut_short_was_to_put_right_is_drift_still() -> None:
    live = Live(CONFIG)
    live.written("config", DATA, data={"a": "2"})
    ((one,), _) = in_cluster([CONFIG], live)
    (left,) = forgotten({"resources": [CONFIG]}, {one.urn: one.paths})["resources"]
    assert in_cluster([left], live)[0] == [one]
    assert forgotten({"resources": [left]}, {one.urn: one.paths})["resources"] == [left]


def refreshed(op: str, name: str, **diff: str) -> EngineEvent:
    urn = f"urn:pulumi:dev::kubeflow::aws:iam/role:Role::{name}"
    detailed = {path: {"diffKind": kind, "inputDiff": False} for path, kind in diff.items()}
    metadata = {"op": op, "urn": urn, "type": "aws:iam/role:Role", "provider": "", "detailedDiff": detailed}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, "resOutputsEvent": {"metadata": metadata}})


def test_of_aws_the_engine_tells_and_tags_of_others_are_theirs() -> None:
    told = Told()
    told(refreshed("update", "tagged", **{'tags["eks:cluster"]': "add", "tagsAll.x": "add"}))
    told(refreshed("update", "ours", **{'tags["pulumi:stack"]': "update", "description": "add"}))
    told(refreshed("same", "same"))
    told(refreshed("update", "only its outputs"))
    told(refreshed("delete", "gone"))
    assert [(one.name, one.change, [field.path for field in one.fields]) for one in told.found] == [
        ("ours", "changed", ["description", 'tags["pulumi:stack"]']),
        ("gone", "deleted", []),
    ]


FOUND = Drift(
    found=(
        Drifted(
            urn=f"{URN}kubernetes:core/v1:Secret::a/b",
            type="kubernetes:core/v1:Secret",
            change="changed",
            fields=(Field(path="data.x|y", by="kubectl", since=TIME),),
        ),
        Drifted(urn=f"{URN}aws:iam/role:Role::role", type="aws:iam/role:Role", change="deleted"),
    ),
    unseen=("Secret: refused <b>",),
)


def test_an_issue_has_a_row_for_each_field() -> None:
    text = comment.drift("dev", FOUND)
    assert text.startswith("## Drift of `dev`: 2 resources not as the stack says")
    assert f"| `Secret a/b` | changed | `data.x\\|y` | `kubectl` | `{TIME}` |" in text
    assert "| `Role role` | deleted |  |  |  |" in text
    assert "Not looked at: Secret: refused &lt;b&gt;" in text
    assert "`make up STACK=dev` puts it right." in text


@pytest.mark.parametrize(("found", "code"), [(FOUND, 2), (Drift(), 0)])
def test_the_exit_code_says_whether_anything_differs(found: Drift, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "sound_settings", lambda stack: None)
    monkeypatch.setattr("ops.run.session", lambda *_, **__: nullcontext(None))
    monkeypatch.setattr("ops.drift.look", lambda session: found)
    done = CliRunner().invoke(command.command, ["--stack=dev", "--format=markdown"], standalone_mode=False)
    assert done.return_value == code, done.output
    assert "## Drift of `dev`" in done.output


def test_a_cluster_that_does_not_answer_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(session: Any) -> Drift:
        raise OSError("no route")

    monkeypatch.setattr(command, "sound_settings", lambda stack: None)
    monkeypatch.setattr("ops.run.session", lambda *_, **__: nullcontext(None))
    monkeypatch.setattr("ops.drift.look", silent)
    done = CliRunner().invoke(command.command, ["--stack=dev"])
    assert str(done.exception) == "The cluster of dev does not answer (no route), so nobody can look at it."


def test_a_person_reads_each_field_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    command.show(Console(), "dev", FOUND)
    shown = capsys.readouterr().out
    assert f"Secret a/b: changed\n    data.x|y by kubectl since {TIME}\nRole role: deleted\n" in shown
    assert "2 resources are not as the stack says; `make up STACK=dev` puts that right." in shown
