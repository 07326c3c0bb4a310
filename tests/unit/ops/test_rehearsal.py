"""What a rehearsal plays with: the live objects under other names, and nothing else of people's."""

from typing import Any

from ops.existing import Place
from ops.inventory import Inventory
from ops.rehearsal import Rehearsed, disguised


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
