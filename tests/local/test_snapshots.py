"""Snapshots of volumes on the local control plane, as the add-on's definitions and controller would serve them."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from localcloud import plane
from ops import snapshots
from ops.cluster import Access, connected
from tests.local.cluster import Cluster, Manifest, namespace, until

SPACE, DRIVER = "saved", "ebs.csi.aws.com"
SIZE = {"requests": {"storage": "1Gi"}}


def made(kind: str, name: str, **content: Any) -> Manifest:
    about = {"name": name} | ({"namespace": SPACE} if kind in ("VolumeSnapshot", "PersistentVolumeClaim") else {})
    version = snapshots.API_VERSION if kind.startswith("VolumeSnapshot") else "v1"
    return {"apiVersion": version, "kind": kind, "metadata": about, **content}


def snapshot(name: str = "one", **spec: Any) -> Manifest:
    return made("VolumeSnapshot", name, spec={"source": {"persistentVolumeClaimName": "data"}} | spec)


def class_(name: str, policy: str = "Delete") -> Manifest:
    return made("VolumeSnapshotClass", name, driver=DRIVER, deletionPolicy=policy)


def content(**spec: Any) -> Manifest:
    given = {"deletionPolicy": "Delete", "driver": DRIVER, "source": {"volumeHandle": "vol-1"}}
    return made(
        "VolumeSnapshotContent", "one", spec=given | {"volumeSnapshotRef": {"namespace": "a", "name": "b"}} | spec
    )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A plane with a claim that is bound to a volume of the driver."""
    root = tmp_path_factory.mktemp("snapshots")
    running = Cluster(plane.start(root))
    claim = {"accessModes": ["ReadWriteOnce"], "resources": SIZE, "storageClassName": "now"}
    stored = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "now"}}
    running.apply(
        namespace(SPACE),
        {**stored, "provisioner": DRIVER},
        made("PersistentVolumeClaim", "data", spec=claim),
    )
    yield running
    plane.stop(root, wipe=True)


REFUSED: list[tuple[Manifest, str]] = [
    (snapshot(source={}), "exactly one of volumeSnapshotContentName and persistentVolumeClaimName must be set"),
    (
        snapshot(source={"persistentVolumeClaimName": "data", "volumeSnapshotContentName": "c"}),
        "exactly one of volumeSnapshotContentName and persistentVolumeClaimName must be set",
    ),
    (snapshot(volumeSnapshotClassName=""), "volumeSnapshotClassName must not be the empty string when set"),
    (made("VolumeSnapshot", "one"), "spec: Required value"),
    (made("VolumeSnapshot", "one", spec={}), "spec.source: Required value"),
    (class_("x", "Keep"), 'deletionPolicy: Unsupported value: "Keep": supported values: "Delete", "Retain"'),
    (made("VolumeSnapshotClass", "x", driver=DRIVER), "deletionPolicy: Required value"),
    (made("VolumeSnapshotClass", "x", deletionPolicy="Delete"), "driver: Required value"),
    (content(source={}), "exactly one of volumeHandle and snapshotHandle must be set"),
    (content(driver=None), "spec.driver in body must be of type string"),
    (
        content(volumeSnapshotRef={"name": "b"}),
        "both spec.volumeSnapshotRef.name and spec.volumeSnapshotRef.namespace must be set",
    ),
]
"""What the definitions of external-snapshotter's client/config/crd at 8.7.0 refuse, in the words of the API server with
these definitions in place of ours."""


def test_the_kinds_are_there_and_as_strict_as_the_add_on_s(cluster: Cluster) -> None:
    with connected(Access(cluster.plane.kubeconfig.read_text(), None)) as api:
        assert "no VolumeSnapshotClass for ebs.csi.aws.com" in told(cluster, api, "a_1")
    for manifest, why in REFUSED:
        done = cluster.try_apply(manifest)
        assert done.returncode, manifest
        assert why in done.stderr, done.stderr
    assert cluster.get("volumesnapshots", "-A") is None


def told(cluster: Cluster, api: Any, backup: str) -> str:
    """What a backup says of its snapshots; it begins once the claim is bound."""
    state = [{"type": "kubernetes:core/v1:PersistentVolumeClaim", "inputs": made("PersistentVolumeClaim", "data")}]
    until(lambda: cluster.at("pvc", "data", "-n", SPACE)["status"]["phase"] == "Bound", "the claim is bound")
    return str(snapshots.take(state, api, backup))


def test_a_backup_takes_a_snapshot_by_the_class_of_the_volume_s_driver(cluster: Cluster) -> None:
    cluster.apply(class_("ebs"))
    with connected(Access(cluster.plane.kubeconfig.read_text(), None)) as api:
        assert told(cluster, api, "a_2") == " Snapshots of volumes: data-2."
    found = until(lambda: ready("data-2", cluster), "it is whole")
    assert found["spec"] == {"volumeSnapshotClassName": "ebs", "source": {"persistentVolumeClaimName": "data"}}
    assert found["status"]["restoreSize"] == "1Gi"
    bound = cluster.at("volumesnapshotcontent", found["status"]["boundVolumeSnapshotContentName"])
    assert bound["spec"]["volumeSnapshotRef"]["uid"] == found["metadata"]["uid"]
    for field in ({"persistentVolumeClaimName": "other"}, None):
        change = json.dumps({"spec": {"source": field}})
        assert cluster.run("patch", "vs/data-2", "-n", SPACE, "--type=merge", "-p", change).returncode, field


def ready(name: str, cluster: Cluster) -> Manifest | None:
    found = cluster.at("volumesnapshot", name, "-n", SPACE)
    return found if (found.get("status") or {}).get("readyToUse") else None


def test_what_goes_takes_its_content_along_unless_that_is_to_be_retained(cluster: Cluster) -> None:
    cluster.apply(class_("kept", "Retain"), snapshot("kept", volumeSnapshotClassName="kept"))
    until(lambda: ready("kept", cluster), "it is whole")
    assert len(cluster.at("volumesnapshotcontents")["items"]) == 2
    cluster.delete("volumesnapshots", "--all", "-n", SPACE)
    (left,) = cluster.at("volumesnapshotcontents")["items"]
    assert left["spec"]["volumeSnapshotRef"]["name"] == "kept"
    cluster.run("patch", f"vsc/{left['metadata']['name']}", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')


def test_one_that_cannot_be_taken_says_why(cluster: Cluster) -> None:
    cluster.apply(snapshot("unclassed"), snapshot("unknown", volumeSnapshotClassName="gone"))
    for name, why in {"unclassed": "cannot find default snapshot class", "unknown": "snapshot class gone"}.items():
        error = until(partial(failed, name, cluster), f"{name} says why")
        assert why in error["message"]
        assert not status(name, cluster)["readyToUse"]


def failed(name: str, cluster: Cluster) -> Manifest | None:
    return status(name, cluster).get("error")


def status(name: str, cluster: Cluster) -> Manifest:
    return cluster.at("volumesnapshot", name, "-n", SPACE).get("status") or {}
