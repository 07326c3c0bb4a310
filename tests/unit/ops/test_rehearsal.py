"""What a rehearsal plays with: the live objects under other names, and nothing else of people's."""

import subprocess
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops.changes import classify
from ops.existing import Place
from ops.inventory import Inventory
from ops.rehearsal import Accepted, Part, Rehearsed, disguised, forget, rehearse
from ops.steps import Step
from ordering.errors import UserError
from ordering.manifests.objects import Manifest


def made(kind: str, name: str, namespace: str = "", **content: Any) -> dict[str, Any]:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": "kubeflow.org/v1", "kind": kind, "metadata": {"name": name, "uid": "1", **place}, **content}


OBJECTS = [
    made("Notebook", "fraud", "bank", spec={"owner": "bank", "image": "a/bank:1", "mail": "to ada@bank.example"}),
    made("Notebook", "other", "bank", spec={"from": ["fraud"]}),
    made("Profile", "bank", spec={"owner": {"kind": "User", "name": "ada@bank.example"}}),
    made("Experiment", "e", "kubeflow", status={"a": 1}),
    made("Gateway", "ours", "kubeflow"),
]


def test_the_same_objects_under_other_names() -> None:
    ours = frozenset({Place("kubeflow.org", "Gateway", "kubeflow", "ours")})
    found = disguised(Inventory(objects=OBJECTS, kinds=frozenset(), ours=ours), frozenset({"kubeflow"}))
    assert [(one["kind"], one["metadata"]) for one in found] == [
        ("Profile", {"name": "profile-1"}),
        ("Notebook", {"name": "notebook-1", "namespace": "profile-1"}),
        ("Notebook", {"name": "notebook-2", "namespace": "profile-1"}),
        ("Experiment", {"name": "experiment-1", "namespace": "kubeflow"}),
    ]
    assert found[0]["spec"]["owner"]["name"] == "user-1@example.com"
    assert found[1]["spec"] == {"owner": "profile-1", "image": "a/bank:1", "mail": "to user-1@example.com"}
    assert "status" not in found[3]
    assert "ada@" not in str(found)


def test_what_a_rehearsal_tells() -> None:
    found = Rehearsed(
        made=4, refused=["patch x: 409"], wrong=["Notebook a/b is gone"], went=["2 PyTorchJob"], requests=9
    )
    assert str(found) == (
        "Rehearsed with 4 objects on this machine: 9 requests, 1 refused; gone with their definitions: 2 PyTorchJob."
    )
    assert found.faults == ["patch x: 409", "Notebook a/b is gone"]


def claim(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": "kubeflow"}}


def test_what_a_laptop_would_lose_goes_but_for_what_is_to_stay() -> None:
    type_ = "kubernetes:core/v1:PersistentVolumeClaim"
    names = ("kubeflow/kept", "kubeflow/other")
    steps = [Step(urn=name, type=type_, change="delete", old=claim(name.partition("/")[2])) for name in names]
    accepted = Accepted(frozenset({"PersistentVolumeClaim/kubeflow/kept", "PersistentVolumeClaim/kubeflow/absent"}))
    accepted.answer(cast("Any", SimpleNamespace(changes=classify(steps, {}))))
    assert accepted.keep == ["PersistentVolumeClaim/kubeflow/kept"]
    assert accepted.lose == ["PersistentVolumeClaim/kubeflow/other"]


def test_a_claim_that_somebody_has_deleted_is_not_there_in_a_rehearsal_either() -> None:
    did: list[str] = []
    api = SimpleNamespace(
        delete=lambda one: did.append(f"delete {one['metadata']['name']}"),
        drop_finalizers=lambda one: did.append(f"free {one['metadata']['name']}"),
    )
    state = [
        {"type": "kubernetes:core/v1:PersistentVolumeClaim", "inputs": claim("mysql")},
        {"type": "kubernetes:core/v1:PersistentVolumeClaim", "inputs": claim("files")},
    ]
    forget(state, [["kubeflow", "files"]], cast("Any", api))
    assert did == ["delete mysql", "free mysql"]


def test_a_rehearsal_that_fails_says_why_in_its_last_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def played(command: list[str], **given: Any) -> Any:
        if "ops.rehearsal" in command:
            given["stderr"].write("etcd: started\nkubeflow: 3 of 613\nThere is no room\n")
            given["stderr"].flush()
        return SimpleNamespace(returncode=1, stdout="")

    monkeypatch.setattr(subprocess, "run", played)
    part = Part(old="1", new="2", config={}, objects=[], claims=[], keep=[])
    with pytest.raises(UserError, match=r"on this machine failed: There is no room\. Nothing was changed"):
        rehearse(part, lambda _: None)
