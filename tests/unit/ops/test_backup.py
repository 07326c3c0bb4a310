"""What a backup holds and in which order, that it is whole, and what is said where it cannot be made."""

import errno
import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ops import backup, inventory
from ops.backup import Bucket, Folder, close, newest, save
from ops.inventory import Inventory
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

CRD = "apiextensions.k8s.io/v1"


def definition(kind: str) -> dict[str, Any]:
    return {
        "apiVersion": CRD,
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.lower()}s.kubeflow.org"},
        "spec": {
            "group": "kubeflow.org",
            "names": {"kind": kind},
            "versions": [{"name": "v2", "served": False}, {"name": "v1", "served": True}],
        },
    }


def made(kind: str, name: str, namespace: str = "", **metadata: Any) -> dict[str, Any]:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": "kubeflow.org/v1", "kind": kind, "metadata": {"name": name, **place, **metadata}}


DEFINITIONS = [definition("Notebook"), definition("Profile"), definition("Run")]
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "mysql-pv-claim", "namespace": "kubeflow"},
    "spec": {"volumeName": "v"},
}
SENT = [
    *DEFINITIONS,
    CLAIM,
    made("Profile", "ours"),
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "kubeflow"}},
]
STATE = [{"type": f"kubernetes:{one['apiVersion']}:{one['kind']}", "inputs": one} for one in SENT]


class Live:
    """A cluster with a database whose dump is `dump`."""

    def __init__(self, *objects: Manifest, dump: str | None = None) -> None:
        self.objects, self.dump = objects, dump

    def list(self, api_version: str, kind: str) -> list[Manifest]:
        return [one for one in self.objects if (one["apiVersion"], one["kind"]) == (api_version, kind)]

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        if (kind, name) != ("Deployment", "mysql"):
            live = (one for one in self.list(api_version, kind) if one["metadata"]["name"] == name)
            return next((one for one in live if one["metadata"].get("namespace", "") == namespace), None)
        return None if self.dump is None else {"spec": {"template": {"spec": {"containers": [{"name": "mysql"}]}}}}

    def create(self, manifest: Manifest) -> None:
        self.objects = (*self.objects, {**manifest, "status": {"creationTime": "2026-01-01T00:00:00Z"}})

    def output(self, pod: Manifest, container: str, script: str) -> Iterator[bytes]:
        assert (pod["metadata"]["name"], container) == ("mysql-0", "mysql")
        assert self.dump is not None
        yield from self.dump.encode().splitlines(keepends=True)


POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "mysql-0", "namespace": "kubeflow", "labels": {"app": "mysql"}},
    "status": {"phase": "Running"},
}
OBJECTS = (
    made("Notebook", "mine", "team", uid="1", resourceVersion="7", finalizers=["f"]),
    made("Run", "of-mine", "team", ownerReferences=[{"kind": "Notebook", "name": "mine", "uid": "1"}]),
    made("Profile", "team"),
    made("Profile", "ours"),
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "team"}, "data": {"k": "dg=="}},
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ours", "namespace": "kubeflow"}},
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "other", "namespace": "elsewhere"}},
    {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "token", "namespace": "team"},
        "type": "kubernetes.io/service-account-token",
    },
)


def saved(folder: Path, live: Live, *, databases: bool = True, run_pods: bool = True) -> backup.Saved:
    found = inventory.look(STATE, live)
    secrets = inventory.secrets(found, STATE, live)
    return save(Folder(folder), "dev_a_to_b_1", STATE, found, secrets, live, databases=databases, run_pods=run_pods)


def test_a_list_that_can_be_made_again(tmp_path: Path) -> None:
    told = saved(tmp_path, Live(*OBJECTS))
    assert str(told) == f"Saved 4 custom objects and 2 Secrets in {tmp_path}."
    (file,) = tmp_path.iterdir()
    assert oct(os.stat(file).st_mode)[-3:] == "600"
    items = json.loads(gzip.decompress(file.read_bytes()))["items"]
    assert [f"{one['kind']}/{one['metadata']['name']}" for one in items] == [
        *(f"CustomResourceDefinition/{name}s.kubeflow.org" for name in ("notebook", "profile", "run")),
        *("Profile/team", "Profile/ours", "Notebook/mine", "Run/of-mine", "Secret/key", "Secret/ours"),
    ]
    notebook = next(one for one in items if one["kind"] == "Notebook")
    assert notebook["metadata"] == {"name": "mine", "namespace": "team", "finalizers": ["f"]}


def test_what_was_there_is_told_by_the_newest_whole_backup(tmp_path: Path) -> None:
    live = Live(*OBJECTS)
    saved(tmp_path, live)
    (tmp_path / "dev_a_to_b_2.mysql.sql.gz").write_bytes(b"broken off")
    found = newest(Folder(tmp_path), "dev_a_to_b_")
    assert found is not None
    assert found.places == inventory.look(STATE, live).places
    assert {one.kind for one in found.places} == {"Notebook", "Profile"}, "a run goes when its notebook likes"
    assert newest(Folder(tmp_path), "dev_b_to_a_") is None


@pytest.mark.parametrize("where", ["folder", "bucket"])
def test_a_backup_that_is_over_hides_those_before_it_and_none_after(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="ours")
        store = Folder(tmp_path) if where == "folder" else Bucket("ours", "us-east-1")

        def save_at(moment: int, *objects: Manifest) -> None:
            live = Live(*objects)
            found = inventory.look(STATE, live)
            save(store, f"dev_a_to_b_{moment}", STATE, found, [], live, databases=False, run_pods=True)

        close(store, "dev_a_to_b_")
        assert store.names() == []
        save_at(1, *OBJECTS)
        save_at(2, *OBJECTS[:1])
        close(store, "dev_b_to_a_")
        assert len((newest(store, "dev_a_to_b_") or Inventory(objects=[], kinds=frozenset())).objects) == 1
        for _ in range(2):
            close(store, "dev_a_to_b_")
            assert newest(store, "dev_a_to_b_") is None
        assert [one for one in store.names() if "over" in one] == ["dev_a_to_b_2.over.json.gz"]
        save_at(3, *OBJECTS)
        assert newest(store, "dev_a_to_b_") is not None


def test_a_database_is_dumped_to_its_end_or_said_not_to_be(tmp_path: Path) -> None:
    whole = "CREATE TABLE a;\n-- Dump completed on 2026-01-01\n"
    told = saved(tmp_path, Live(POD, dump=whole))
    assert (told.dumps, told.undumped) == (("mysql",), ())
    assert gzip.decompress((tmp_path / "dev_a_to_b_1.mysql.sql.gz").read_bytes()).decode() == whole
    told = saved(tmp_path / "other", Live(POD, dump="CREATE TABLE a;\n"))
    assert (told.dumps, told.undumped) == ((), ("the database mysql (the dump broke off)",))
    assert not list((tmp_path / "other").glob("*.sql.gz"))
    assert "no pod of it runs" in saved(tmp_path / "b", Live(dump=whole)).undumped[0]
    assert "pods on this machine run nothing" in str(saved(tmp_path / "c", Live(POD, dump=whole), run_pods=False))
    assert "BACKUP=objects" in str(saved(tmp_path / "d", Live(POD, dump=whole), databases=False))


VOLUME = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v"}, "spec": {"csi": {"driver": "d"}}}
CLASS = {
    "apiVersion": "snapshot.storage.k8s.io/v1",
    "kind": "VolumeSnapshotClass",
    "metadata": {"name": "c"},
    "driver": "d",
}


def test_a_snapshot_stands_in_for_a_dump_and_is_taken_beside_one(tmp_path: Path) -> None:
    broken = "CREATE TABLE a;\n"
    told = saved(tmp_path, Live(POD, CLAIM, VOLUME, CLASS, dump=broken))
    assert (told.dumps, told.undumped, dict(told.volumes.taken)) == (
        (),
        (),
        {"kubeflow/mysql-pv-claim": "mysql-pv-claim-1"},
    )
    told = saved(tmp_path, Live(POD, CLAIM, VOLUME, CLASS, dump=f"{broken}-- Dump completed"))
    assert str(told).endswith(f", the databases mysql in {tmp_path}. Snapshots of volumes: mysql-pv-claim-1.")
    told = saved(tmp_path, Live(POD, CLAIM, VOLUME, dump=broken))
    assert told.undumped == ("the database mysql (the dump broke off)",)
    assert "No snapshot of kubeflow/mysql-pv-claim: the cluster has no VolumeSnapshotClass for d." in str(told)
    assert not saved(tmp_path, Live(POD, CLAIM, VOLUME, CLASS, dump=broken), databases=False).volumes.taken


def test_a_disk_that_is_full_by_a_dump_is_no_database_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    live = Live(POD, CLAIM, VOLUME, CLASS, dump="-- Dump completed")
    with pytest.raises(UserError, match=r"There is no room for the backup in .*BACKUP=no"):
        saved(tmp_path, live)
    assert not live.list("snapshot.storage.k8s.io/v1", "VolumeSnapshot")


def test_a_disk_without_room_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UserError, match=r"There is no room for the backup in .*BACKUP=no"):
        saved(tmp_path, Live(*OBJECTS))
    assert not list(tmp_path.iterdir())


def test_nothing_of_a_kind_that_is_not_served() -> None:
    found = inventory.look(STATE, Live())
    assert (found.objects, found.people, len(found.kinds)) == ([], [], 3)
    assert Inventory(objects=OBJECTS[:3], kinds=frozenset()).counts == {"Notebook": 1, "Run": 1, "Profile": 1}
