"""Objects that nobody would let go of stop a change of release before it begins."""

from typing import Any

import pytest

from ops.changes import Change
from ops.inventory import Inventory
from ops.releasing import unheld
from ops.steps import Step
from ordering.errors import UserError


def job(name: str, **metadata: Any) -> dict[str, Any]:
    about = {"name": name, "namespace": "team", **metadata}
    return {"apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "metadata": about}


def gone(kind: str) -> Change:
    old = {"spec": {"group": "kubeflow.org", "names": {"kind": kind}}}
    type_ = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
    step = Step(urn=f"u::p::{type_}::x", type=type_, change="delete", old=old)
    return Change(step=step, kind="data")


def look(*objects: dict[str, Any], going: str = "Other") -> None:
    unheld(Inventory(objects=objects, kinds=frozenset()), [gone(going)])


def test_what_a_controller_that_goes_has_to_let_go_of_is_named_with_its_finalizer() -> None:
    with pytest.raises(UserError, match=r"team/a \(finalizers: f\): a controller has to let go of that"):
        look(job("a", finalizers=["f"]), job("b"), going="PyTorchJob")
    look(job("a"), going="PyTorchJob")
    look(job("a", finalizers=["f"]))


def test_so_is_what_is_being_deleted_and_does_not_go() -> None:
    with pytest.raises(UserError, match="Nothing was changed; delete it, see that it is gone"):
        look(job("a", finalizers=["f"], deletionTimestamp="2026-01-01T00:00:00Z"))
