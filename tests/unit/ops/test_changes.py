"""Every change has the gravest class that it is, with a reason; data is held by kinds, in whatever version."""

from collections import Counter
from typing import Any

import pytest

from ops.changes import Change, Live, classify, counts
from ops.steps import Op, Step

URN = "urn:pulumi:dev::kubeflow::kubeflow:infra:Kubeflow$"
CRD = "apiextensions.k8s.io/v1:CustomResourceDefinition"


def step(kind: str, change: Op, *paths: str, name: str = "a/b", type_: str = "", **more: Any) -> Step:
    of = type_ or f"kubernetes:{kind}"
    return Step(urn=f"{URN}{of}::{name}", type=of, change=change, paths=paths, **more)


def one(given: Step, live: Live | None = None) -> Change:
    (found,) = classify([given], live or {})
    return found


@pytest.mark.parametrize(
    ("given", "kind", "why"),
    [
        (step("apps/v1:Deployment", "update", "spec.replicas"), "in place", ""),
        (step("apps/v1:Deployment", "update", "spec.templates"), "in place", ""),
        (
            step("apps/v1:Deployment", "update", "spec.template.metadata.labels.a"),
            "restarted",
            "its pod template changes",
        ),
        (step("batch/v1:CronJob", "update", "spec.jobTemplate.spec.template.spec"), "in place", ""),
        (step("core/v1:Service", "create"), "created", ""),
        (step("core/v1:Service", "delete"), "deleted", ""),
        (step("core/v1:Service", "replace", causes=("spec.clusterIP",)), "replaced", "spec.clusterIP cannot change"),
    ],
)
def test_classes_without_data(given: Step, kind: str, why: str) -> None:
    found = one(given)
    assert (found.kind, found.why, found.data) == (kind, why, "")


def test_another_api_version_is_a_move_and_with_new_pods_a_restart() -> None:
    versions: dict[str, Any] = {"old": {"apiVersion": "policy/v1beta1"}, "new": {"apiVersion": "policy/v1"}}
    moved = one(step("policy/v1:PodDisruptionBudget", "update", "apiVersion", **versions))
    assert (moved.kind, moved.why) == ("moved", "from policy/v1beta1 to policy/v1")
    both = one(step("apps/v1:Deployment", "update", "spec.template", **versions))
    assert (both.kind, both.why) == ("restarted", "its pod template changes; from policy/v1beta1 to policy/v1")


def test_pods_that_a_person_has_to_delete_do_not_restart() -> None:
    by_hand = {"spec": {"updateStrategy": {"type": "OnDelete"}}}
    assert one(step("apps/v1:DaemonSet", "update", "spec.template", new=by_hand)).kind == "in place"


@pytest.mark.parametrize("change", ["replace", "delete"])
@pytest.mark.parametrize(
    "given",
    [
        *(
            "aws:backup/vault:Vault",
            "aws:s3/bucket:Bucket",
            "aws:rds/instance:Instance",
            "aws:efs/fileSystem:FileSystem",
            "aws:kms/key:Key",
        ),
        "aws:cognito/userPool:UserPool",
        *("kubernetes:core/v1:PersistentVolumeClaim", "kubernetes:core/v1:Namespace", f"kubernetes:{CRD}"),
        *("kubernetes:kubeflow.org/v1:Profile", "kubernetes:kubeflow.org/v1beta1:Profile"),
    ],
)
def test_what_holds_data_loses_it_unless_it_is_kept(given: str, change: Op) -> None:
    found = one(step("", change, type_=given))
    assert found.kind == "data"
    assert found.data
    assert one(step("", change, type_=given, retained=True)).kind == "kept"
    assert one(step("", "update", type_=given)).kind == "in place"


def test_a_definition_and_a_namespace_hold_what_the_cluster_has() -> None:
    given = step(CRD, "delete", name="pytorchjobs.kubeflow.org")
    full = one(given, {given.urn: Counter({("PyTorchJob", "b"): 2, ("PyTorchJob", "a"): 1})})
    assert str(full) == "CustomResourceDefinition/pytorchjobs.kubeflow.org (3 PyTorchJobs: 1 in a, 2 in b)"
    assert one(given, {given.urn: Counter()}).kind == "deleted", "a kind that nobody used loses nothing"
    assert one(given).data == "all objects of that kind", "nobody could count them"
    place = step("core/v1:Namespace", "delete", name="a")
    assert one(place, {place.urn: Counter({("Secret", "a"): 1})}).data == "1 Secret: 1 in a"


CLAIMS = [{"metadata": {"name": "data"}}]


def stateful(change: Op, replicas: int = 3, **policy: str) -> Step:
    before = {"replicas": 3, "volumeClaimTemplates": CLAIMS, "persistentVolumeClaimRetentionPolicy": policy}
    old, new = {"spec": before}, {"spec": {**before, "replicas": replicas}}
    return step("apps/v1:StatefulSet", change, "spec.replicas", old=old, new=new)


def test_a_stateful_set_keeps_its_claims_unless_it_says_otherwise() -> None:
    assert [one(stateful(change)).data for change in ("replace", "delete", "update")] == ["", "", ""]
    assert one(stateful("delete", whenDeleted="Delete")).data == "the claims that it made (data)"
    assert one(stateful("replace", whenDeleted="Delete")).kind == "data"
    assert one(stateful("update", 2, whenScaled="Delete")).kind == "data"
    assert one(stateful("update", 4, whenScaled="Delete")).kind == "in place"
    assert one(stateful("update", 2)).kind == "in place"


def test_the_pods_of_a_replaced_stateful_set_go_on_unless_its_selector_changes() -> None:
    kept = one(step("apps/v1:StatefulSet", "replace", causes=("spec.serviceName",)))
    assert (kept.keeps_pods, kept.stops) == (True, "nothing: `make up` lets its pods go on")
    ended = one(step("apps/v1:StatefulSet", "replace", causes=("spec.selector.matchLabels.app", "spec.serviceName")))
    assert (ended.keeps_pods, ended.stops) == (False, "its pods")
    assert not one(step("apps/v1:Deployment", "replace", causes=("spec.a",))).keeps_pods


def test_the_gravest_comes_first_and_what_stays_is_no_change() -> None:
    steps = [
        step("core/v1:Service", "create"),
        step("core/v1:Service", "same", name="a/c"),
        step("core/v1:PersistentVolumeClaim", "delete"),
        step("core/v1:Service", "delete", name="a/d"),
    ]
    found = classify(steps, {})
    assert [change.kind for change in found] == ["data", "deleted", "created"]
    assert list(counts(found).items()) == [("data", 1), ("deleted", 1), ("created", 1)]


@pytest.mark.parametrize(
    ("change", "inputs", "kind"),
    [
        ("delete", {"finalSnapshotIdentifier": "last-1", "skipFinalSnapshot": False}, "deleted"),
        ("delete", {"finalSnapshotIdentifier": "last-1", "skipFinalSnapshot": True}, "data"),
        ("delete", {"skipFinalSnapshot": True}, "data"),
        # The one that is made in its place starts empty, or from what it once started from.
        ("replace", {"finalSnapshotIdentifier": "last-1", "skipFinalSnapshot": False}, "data"),
    ],
)
def test_a_managed_database_that_leaves_a_last_snapshot_loses_nothing(
    change: Op, inputs: dict[str, Any], kind: str
) -> None:
    found = one(step("", change, type_="aws:rds/instance:Instance", old=inputs))
    assert found.kind == kind
    assert found.why == ("its data stays as the snapshot last-1" if kind == "deleted" else found.why)
