"""Data that an `up` would lose is named, counted where a cluster can tell, and lost only when accepted by name."""

from typing import Any

import pytest

from ops.changes import classify
from ops.losing import look, lost, possible, refuse
from ops.steps import Op, Step
from ordering.errors import UserError
from ordering.graph import build
from ordering.manifests.objects import Manifest

URN = "urn:pulumi:dev::kubeflow::kubeflow:infra:Kubeflow$"


def step(type_: str, name: str, change: Op = "delete", **old: Any) -> Step:
    return Step(urn=f"{URN}{type_}::{name}", type=type_, change=change, old=old)


CLAIM = step("kubernetes:core/v1:PersistentVolumeClaim", "kubeflow/minio-pvc")
BUCKET = step("aws:s3/bucket:Bucket", "dev-artifacts", "replace")
DEFINITION = step(
    "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition",
    "pytorchjobs.kubeflow.org",
    spec={"group": "kubeflow.org", "names": {"kind": "PyTorchJob"}, "versions": [{"name": "v2"}, {"name": "v1"}]},
)
OURS = step(
    "kubernetes:kubeflow.org/v1:PyTorchJob",
    "b/ours",
    apiVersion="kubeflow.org/v1",
    kind="PyTorchJob",
    metadata={"name": "ours", "namespace": "b"},
)
NAMESPACE = step("kubernetes:core/v1:Namespace", "b")


class Live:
    """A cluster with objects by kind, namespace and name."""

    def __init__(self, *objects: str, **metadata: Any) -> None:
        self.objects, self.about = objects, metadata

    def namespaced_kinds(self) -> list[tuple[str, str]]:
        return [("kubeflow.org/v1", "PyTorchJob"), ("v1", "ConfigMap"), ("v1", "Event")]

    def metadata(self, api_version: str, kind: str, namespace: str = "") -> list[Manifest]:
        if (api_version, kind) not in self.namespaced_kinds():
            return []
        found = (one.split("/") for one in self.objects)
        return [
            {"metadata": {"namespace": place, "name": name, **self.about}}
            for of, place, name in found
            if of == kind and namespace in ("", place)
        ]


def test_a_definition_loses_the_objects_that_people_made_of_it() -> None:
    live = Live("PyTorchJob/b/x", "PyTorchJob/a/y", "PyTorchJob/b/z", "PyTorchJob/b/ours")
    found = look([DEFINITION, OURS, CLAIM], live)
    assert found == {DEFINITION.urn: {("PyTorchJob", "a"): 1, ("PyTorchJob", "b"): 2}}, "ours has a step"
    assert lost(classify([DEFINITION], look([DEFINITION], Live()))) == []


def test_a_namespace_loses_what_is_in_it_but_for_what_makes_itself() -> None:
    made = ("ConfigMap/b/kube-root-ca.crt", "Event/b/x", "PyTorchJob/b/ours", "ConfigMap/a/other")
    assert look([NAMESPACE, OURS], Live(*made)) == {NAMESPACE.urn: {}}
    assert look([NAMESPACE, OURS], Live(*made, "ConfigMap/b/notes")) == {NAMESPACE.urn: {("ConfigMap", "b"): 1}}
    owned = Live("ConfigMap/b/notes", ownerReferences=[{"kind": "Notebook"}])
    assert look([NAMESPACE], owned) == {NAMESPACE.urn: {}}, "it goes with what it belongs to, which is counted"


def test_sign_ins_of_dex_are_nothing_that_anybody_misses_but_its_passwords_are() -> None:
    class Dex(Live):
        def namespaced_kinds(self) -> list[tuple[str, str]]:
            return [("dex.coreos.com/v1", kind) for kind in ("AuthCode", "SigningKey", "Password")]

    auth = step("kubernetes:core/v1:Namespace", "auth")
    code = {"group": "dex.coreos.com", "names": {"kind": "AuthCode"}, "versions": [{"name": "v1"}]}
    codes = step(DEFINITION.type, "authcodes.dex.coreos.com", spec=code)
    live = Dex("AuthCode/auth/x", "SigningKey/auth/keys", "Password/auth/ada")
    assert look([auth, codes], live) == {auth.urn: {("Password", "auth"): 1}, codes.urn: {}}


def test_what_stays_is_not_looked_at() -> None:
    kept = Step(urn=NAMESPACE.urn, type=NAMESPACE.type, change="delete", retained=True)
    assert look([kept, step(NAMESPACE.type, "b", "update")], Live("ConfigMap/b/notes")) == {}


def test_each_loss_is_accepted_by_its_name() -> None:
    found = lost(classify([CLAIM, BUCKET], {}))
    both = "Bucket/dev-artifacts,PersistentVolumeClaim/kubeflow/minio-pvc"
    with pytest.raises(UserError) as refused:
        refuse(found, [])
    assert "PersistentVolumeClaim/kubeflow/minio-pvc (the volume's content)" in str(refused.value)
    assert str(refused.value).endswith(f"LOSE={both}")
    with pytest.raises(UserError, match=r"lose for good PersistentVolumeClaim/kubeflow/minio-pvc \("):
        refuse(found, ["Bucket/dev-artifacts"])
    refuse(found, both.split(","))
    refuse([], [])


def test_a_name_that_is_no_loss_is_a_mistake_while_a_loss_has_no_name() -> None:
    with pytest.raises(UserError, match=r"LOSE names 'Bucket/dev', which this would not lose: what would be lost is "):
        refuse(lost(classify([BUCKET], {})), ["Bucket/dev"])
    refuse([], ["lost before the last run was cut short"])


def claimed(size: str = "1Gi") -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "b", "namespace": "a"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
    }


CONFIG: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "a"}}
OWN_BUCKET = {"type": "aws:s3/bucket:Bucket", "urn": "u$kubeflow:infra:Storage$aws:s3/bucket:Bucket::b", "custom": True}


@pytest.mark.parametrize(
    ("state", "after", "expected"),
    [
        ([claimed(), CONFIG], [claimed()], False),
        ([claimed()], [claimed("2Gi")], False),
        ([claimed("2Gi")], [claimed()], True),
        ([claimed()], [CONFIG], True),
    ],
)
def test_a_run_without_a_preview_knows_by_state_and_graph_whether_it_needs_one(
    state: list[Manifest], after: list[Manifest], expected: bool
) -> None:
    resources = [
        {"type": f"kubernetes:core/v1:{one['kind']}", "urn": f"u::{one['kind']}", "custom": True, "inputs": one}
        for one in state
    ]
    assert possible([*resources, OWN_BUCKET], build(after)) is expected
    teams = {**OWN_BUCKET, "urn": "u::team:extension:Data$aws:s3/bucket:Bucket::b"}
    assert possible([*resources, teams], build(after))


def test_the_release_s_databases_are_named_when_a_managed_one_takes_their_place() -> None:
    names = ("kubeflow/mysql-pv-claim", "kubeflow/katib-mysql")
    sent = [
        {
            "type": "kubernetes:core/v1:PersistentVolumeClaim",
            "urn": f"{URN}kubernetes:core/v1:PersistentVolumeClaim::{name}",
            "custom": True,
            "inputs": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": dict(zip(("namespace", "name"), name.split("/"), strict=True)),
            },
        }
        for name in names
    ]
    assert possible(sent, build([]))
    found = lost(classify([step("kubernetes:core/v1:PersistentVolumeClaim", name) for name in names], {}))
    with pytest.raises(UserError, match="LOSE=PersistentVolumeClaim/kubeflow/katib-mysql,"):
        refuse(found, [])


def test_a_managed_database_is_named_when_the_release_s_own_takes_its_place() -> None:
    found = lost(classify([step("aws:rds/instance:Instance", "dev-database")], {}))
    with pytest.raises(UserError, match=r"Instance/dev-database \(the databases in it\)"):
        refuse(found, [])
