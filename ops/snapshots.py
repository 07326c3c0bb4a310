"""Snapshots of a stack's volumes, where its cluster has a class for them: what a backup has beside dumps.

A snapshot holds what was on the disk at one moment: a database opens it as it does after a power cut. The objects are
the snapshot controller's (kubernetes-csi/external-snapshotter, client/apis/volumesnapshot/v1/types.go): `creationTime`
is set once the moment is over, before the storage has written all of it down.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ops.existing import objects
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

API_VERSION, KIND, CLASS = "snapshot.storage.k8s.io/v1", "VolumeSnapshot", "VolumeSnapshotClass"
DEFAULT = "snapshot.storage.kubernetes.io/is-default-class"
OF = "kubeflow-on-pulumi/backup-of"
"""The annotation that says which backup a snapshot belongs to."""

TAKEN_S = 120.0
"""Seconds in which the storage takes a snapshot."""
POLL_S = 1.0


class Api(Protocol):
    """What this needs of a cluster; of a kind that is not served there is nothing, and nothing is made."""

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None: ...

    def list(self, api_version: str, kind: str) -> list[Manifest]: ...

    def create(self, manifest: Manifest) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Snapshots:
    """By claim (`namespace/name`), the snapshot that was taken of it, or why there is none."""

    taken: Mapping[str, str] = field(default_factory=dict)
    untaken: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Sentences, each with a space before it."""
        told = f" Snapshots of volumes: {', '.join(self.taken.values())}." if self.taken else ""
        for why in sorted(set(self.untaken.values())):
            claims = ", ".join(claim for claim, reason in self.untaken.items() if reason == why)
            told += f" No snapshot of {claims}: {why}."
        return told


def take(state: Iterable[Mapping[str, Any]], api: Api, backup: str) -> Snapshots:
    """Takes a snapshot of each volume that the stack's claims are bound to; one of no volume holds nothing yet.

    They are named after their claims, with the moment that the backup's name ends in. All are asked for before any is
    waited for.
    """
    suffix = backup.rpartition("_")[2].lower()
    claims = [at for at, _ in objects(state) if at.kind == "PersistentVolumeClaim"]
    classes = _classes(api)
    asked: dict[str, Manifest] = {}
    untaken: dict[str, str] = {}
    for at in claims:
        namespace = at.namespace or "default"
        title = f"{namespace}/{at.name}"
        driver = _driver(api, namespace, at.name)
        if driver is None:
            continue
        if driver not in classes:
            untaken[title] = f"the cluster has no {CLASS} for {driver or 'volumes that no driver made'}"
            continue
        about = {"namespace": namespace, "name": f"{at.name}-{suffix}", "annotations": {OF: backup}}
        spec = {"volumeSnapshotClassName": classes[driver], "source": {"persistentVolumeClaimName": at.name}}
        asked[title] = {"apiVersion": API_VERSION, "kind": KIND, "metadata": about, "spec": spec}
        try:
            api.create(asked[title])
        except UserError as error:
            untaken[title] = str(error)
    taken = {title: one["metadata"]["name"] for title, one in asked.items() if title not in untaken}
    end = time.monotonic() + TAKEN_S
    for title, name in list(taken.items()):
        if failed := _failed(api, title.partition("/")[0], name, end):
            untaken[title] = f"{failed} (VolumeSnapshot {name})"
            del taken[title]
    return Snapshots(taken=taken, untaken=untaken)


def _classes(api: Api) -> dict[str, str]:
    """By driver, the class to take: the one that is marked as the default, else the first by name."""
    found = sorted(api.list(API_VERSION, CLASS), key=lambda one: (not _default(one), one["metadata"]["name"]))
    return {str(one["driver"]): str(one["metadata"]["name"]) for one in reversed(found)}


def _default(one: Manifest) -> bool:
    return (one["metadata"].get("annotations") or {}).get(DEFAULT) == "true"


def _driver(api: Api, namespace: str, name: str) -> str | None:
    """The driver of the volume that a claim is bound to, empty for one without; None for no volume."""
    claim = api.get("v1", "PersistentVolumeClaim", namespace, name) or {}
    bound = (claim.get("spec") or {}).get("volumeName")
    volume = api.get("v1", "PersistentVolume", "", str(bound)) if bound else None
    return None if volume is None else str((volume["spec"].get("csi") or {}).get("driver") or "")


def _failed(api: Api, namespace: str, name: str, end: float) -> str:
    """Why a snapshot was not taken until then; empty once it was. The controller tries again after an error."""
    while True:
        status = (api.get(API_VERSION, KIND, namespace, name) or {}).get("status") or {}
        if status.get("creationTime"):
            return ""
        if time.monotonic() > end:
            error = str((status.get("error") or {}).get("message") or "nobody says why")
            return f"it was not taken within {TAKEN_S:.0f} s: {error.strip().rstrip('.')}"
        time.sleep(POLL_S)
