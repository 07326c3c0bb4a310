"""What a run may not bring: another product, an older release, and one that leaves objects which nobody lets go of."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infra.kubeflow.release import Origin
from ops.changes import Change
from ops.inventory import Inventory
from ops.onward import changes, check, unheld
from ops.run import Session
from ops.steps import Step
from ordering.errors import UserError
from tests.unit.inputs import inputs


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


def session(ran: str, named: str, before: str = "", origin: Origin = "git") -> Session:
    """A session whose program has run, on a state that a release has left."""
    found = inputs(kubeflowRelease=named, kubeflowReleaseBefore=before)
    given = replace(found, release=replace(found.release, source=replace(found.release.source, origin=origin)))
    state = [{"type": "pulumi:pulumi:Stack", "outputs": {"kubeflow_release": ran}}]
    return cast("Session", SimpleNamespace(program=SimpleNamespace(given=given), resources=state))


@pytest.mark.parametrize(
    ("ran", "named", "told"),
    [
        (
            "26.03",
            "1.10.2",
            "dev has 26.03, and kubeflowRelease is 1.10.2, which is older: go back with `make rollback S",
        ),
        ("26.03", "pipelines-2.16.0", "dev has 26.03, and pipelines-2.16.0 is another product"),
        ("pipelines-2.16.0", "26.03", "dev has pipelines-2.16.0, and 26.03 is another product"),
    ],
)
def test_up_refuses_what_upgrade_would(ran: str, named: str, told: str) -> None:
    with pytest.raises(UserError) as refused:
        check(session(ran, named))
    assert told in str(refused.value)


@pytest.mark.parametrize(
    "able",
    [
        session("1.10.2", "26.03"),
        session("26.03", "26.03"),
        session("26.03", "1.10.2", before="26.03"),
        session("26.03", "1.10.2", origin="folder"),
        session("sample", "1.10.2"),
    ],
    ids=["newer", "same", "a rollback that has begun", "a folder", "on top of the sample"],
)
def test_up_goes_on_where_upgrade_would(able: Session) -> None:
    check(able)


def test_people_s_objects_are_looked_at_where_the_release_changes() -> None:
    assert changes(session("1.10.2", "26.03"))
    assert not changes(session("26.03", "26.03"))
    assert not changes(session("1.10.2", "26.03", origin="folder"))
