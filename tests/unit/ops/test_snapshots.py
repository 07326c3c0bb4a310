"""Which volumes a backup takes snapshots of, by which class, and what it says of the others."""

from typing import Any

import pytest

from ops import snapshots
from ops.snapshots import take
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

EBS = "ebs.csi.aws.com"


def made(kind: str, name: str, namespace: str = "", version: str = "v1", **content: Any) -> Manifest:
    about = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": about, **content}


def claim(name: str, volume: str = "") -> Manifest:
    return made("PersistentVolumeClaim", name, "kubeflow", spec={"volumeName": volume} if volume else {})


def volume(name: str, driver: str = EBS) -> Manifest:
    return made("PersistentVolume", name, spec={"csi": {"driver": driver}} if driver else {"hostPath": {}})


def class_(name: str, driver: str = EBS, *, default: bool = False) -> Manifest:
    found = made("VolumeSnapshotClass", name, version=snapshots.API_VERSION, driver=driver)
    found["metadata"]["annotations"] = {snapshots.DEFAULT: "true"} if default else {}
    return found


class Cluster:
    """A cluster whose snapshot controller writes `status` on what is made."""

    def __init__(self, *objects: Manifest, status: Manifest | None = None) -> None:
        self.objects = list(objects)
        self.status = {"creationTime": "2026-01-01T00:00:00Z"} if status is None else status
        self.made: list[Manifest] = []

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        wanted = (kind, namespace, name)
        named = ((one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]) for one in self.objects)
        return next((one for one, about in zip(self.objects, named, strict=True) if about == wanted), None)

    def list(self, api_version: str, kind: str) -> list[Manifest]:
        return [one for one in self.objects if one["kind"] == kind]

    def create(self, manifest: Manifest) -> None:
        if self.get("", manifest["kind"], manifest["metadata"]["namespace"], manifest["metadata"]["name"]):
            raise UserError("The cluster refuses: it is there already.")
        self.made.append(manifest)
        self.objects.append({**manifest, "status": self.status})


def taken(cluster: Cluster, *names: str) -> snapshots.Snapshots:
    state = [{"type": "kubernetes:core/v1:PersistentVolumeClaim", "inputs": claim(name)} for name in names or ("data",)]
    return take(state, cluster, "dev_1.10.2_to_26.03_20261127T021500Z")


def test_a_bound_claim_of_the_stack_gets_one_by_the_class_of_its_driver() -> None:
    cluster = Cluster(claim("data", "v"), claim("somebody-s", "v"), volume("v"), class_("a", "other"), class_("b"))
    found = taken(cluster)
    assert dict(found.taken) == {"kubeflow/data": "data-20261127t021500z"}
    (made_,) = cluster.made
    assert made_["spec"] == {"volumeSnapshotClassName": "b", "source": {"persistentVolumeClaimName": "data"}}
    assert made_["metadata"]["annotations"][snapshots.OF] == "dev_1.10.2_to_26.03_20261127T021500Z"
    assert str(found) == " Snapshots of volumes: data-20261127t021500z."


def test_the_default_class_comes_before_the_first_by_name() -> None:
    for classes, wanted in (
        ((class_("z", default=True), class_("a")), "z"),
        ((class_("z"), class_("a")), "a"),
    ):
        cluster = Cluster(claim("data", "v"), volume("v"), *classes)
        taken(cluster)
        assert cluster.made[0]["spec"]["volumeSnapshotClassName"] == wanted


def test_what_is_bound_to_nothing_holds_nothing_and_is_not_named() -> None:
    assert str(taken(Cluster(claim("data"), class_("a")))) == ""
    assert str(taken(Cluster(class_("a")))) == ""


def test_volumes_without_a_class_are_named_with_the_driver_that_lacks_one() -> None:
    cluster = Cluster(claim("a", "v"), claim("b", "v"), claim("c", "w"), volume("v"), volume("w", ""))
    assert str(taken(cluster, "a", "b", "c")) == (
        f" No snapshot of kubeflow/a, kubeflow/b: the cluster has no VolumeSnapshotClass for {EBS}."
        " No snapshot of kubeflow/c: the cluster has no VolumeSnapshotClass for volumes that no driver made."
    )


def test_one_that_the_storage_does_not_take_is_said_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "TAKEN_S", -1.0)
    refused = Cluster(claim("data", "v"), volume("v"), class_("a"), status={"error": {"message": "quota is used up."}})
    found = taken(refused)
    assert not found.taken
    assert "quota is used up (VolumeSnapshot data-20261127t021500z)." in str(found)
    silent = Cluster(claim("data", "v"), volume("v"), class_("a"), status={})
    assert "nobody says why" in str(taken(silent))
    assert "it is there already" in str(taken(silent))
