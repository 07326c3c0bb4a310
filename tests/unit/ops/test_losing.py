"""Data that an `up` would lose is named, counted where a cluster can tell, and lost only when accepted by name."""

from typing import Any

import pytest

from ops.losing import losses, refuse
from ops.steps import Change, Step
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

URN = "urn:pulumi:dev::kubeflow::kubeflow:infra:Kubeflow$"


def step(type_: str, name: str, change: Change = "delete", **old: Any) -> Step:
    return Step(urn=f"{URN}{type_}::{name}", type=type_, change=change, old=old)


CLAIM = step("kubernetes:core/v1:PersistentVolumeClaim", "kubeflow/minio-pvc")
BUCKET = step("aws:s3/bucket:Bucket", "dev-artifacts", "replace")
DEFINITION = step(
    "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition",
    "pytorchjobs.kubeflow.org",
    spec={
        "group": "kubeflow.org",
        "names": {"kind": "PyTorchJob"},
        "versions": [{"name": "v2"}, {"name": "v1"}],
    },
)


class Live:
    """A cluster that serves one version of the kind."""

    def __init__(self, *namespaces: str) -> None:
        self.namespaces = namespaces

    def metadata(self, api_version: str, kind: str) -> list[Manifest]:
        assert kind == "PyTorchJob"
        return [{"metadata": {"namespace": one}} for one in self.namespaces] if api_version.endswith("/v1") else []


def test_a_definition_loses_the_objects_that_the_cluster_has() -> None:
    (loss,) = losses([DEFINITION], Live("b", "a", "b"))
    assert str(loss) == "CustomResourceDefinition/pytorchjobs.kubeflow.org (3 PyTorchJobs: 1 in a, 2 in b)"
    assert losses([DEFINITION], Live()) == [], "a kind that nobody used loses nothing"
    assert "all objects of that kind" in str(losses([DEFINITION], None)[0]), "nobody could count them"


def test_what_stays_or_holds_nothing_is_no_loss() -> None:
    kept = Step(urn=BUCKET.urn, type=BUCKET.type, change="delete", retained=True)
    service = step("kubernetes:core/v1:Service", "kubeflow/minio")
    assert losses([kept, service, step(CLAIM.type, "a/b", "update")], Live()) == []


def test_each_loss_is_accepted_by_its_name() -> None:
    found = losses([CLAIM, BUCKET], None)
    both = "Bucket/dev-artifacts,PersistentVolumeClaim/kubeflow/minio-pvc"
    with pytest.raises(UserError) as refused:
        refuse(found, [])
    assert "PersistentVolumeClaim/kubeflow/minio-pvc (the volume's content)" in str(refused.value)
    assert str(refused.value).endswith(f"LOSE={both}")
    with pytest.raises(UserError, match=r"lose for good PersistentVolumeClaim/kubeflow/minio-pvc \("):
        refuse(found, ["Bucket/dev-artifacts"])
    refuse(found, both.split(","))
    refuse([], [])


def test_a_name_that_is_no_loss_is_a_mistake() -> None:
    with pytest.raises(UserError, match=r"LOSE names 'Bucket/dev', which this would not lose: what would be lost is "):
        refuse(losses([BUCKET], None), ["Bucket/dev"])
    with pytest.raises(UserError, match="nothing would be lost"):
        refuse([], ["Bucket/dev"])
