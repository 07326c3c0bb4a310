"""What EKS's add-ons bring to a cluster besides pods: the definitions of kinds.

Of those that a stack has, `snapshot-controller` alone brings any that it makes objects of: the kinds and rules of
kubernetes-csi/external-snapshotter's client/config/crd at 8.7, without descriptions and group snapshots.
"""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localcloud.plane.api import ApiServer

PLANE = "LOCALCLOUD_PLANE"
"""Names the folder of the plane that is the cluster; unset where there is none, and an add-on is AWS's record alone."""

SERVED_S = 30.0
POLL_S = 0.1

_GROUP = "snapshot.storage.k8s.io"
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_TEXT = {"type": "string"}
_POLICY = {**_TEXT, "enum": ["Delete", "Retain"]}

Schema = dict[str, Any]


def definitions(addon: str) -> list[dict[str, Any]]:
    """The CustomResourceDefinitions of an add-on."""
    if addon != "snapshot-controller":
        return []
    snapshot = _object(
        required=("source",),
        source=_one_of("volumeSnapshotContentName", "persistentVolumeClaimName"),
        volumeSnapshotClassName={
            **_TEXT,
            **_rules(("size(self) > 0", "volumeSnapshotClassName must not be the empty string when set")),
        },
    )
    fields: dict[str, Schema] = dict.fromkeys(("apiVersion", "fieldPath", "kind", "name", "namespace", "uid"), _TEXT)
    referred = {"type": "object", "properties": fields, "x-kubernetes-map-type": "atomic"}
    both = "both spec.volumeSnapshotRef.name and spec.volumeSnapshotRef.namespace must be set"
    content = _object(
        required=("deletionPolicy", "driver", "source", "volumeSnapshotRef"),
        deletionPolicy=_POLICY,
        driver=_TEXT,
        source=_one_of("volumeHandle", "snapshotHandle"),
        sourceVolumeMode={**_TEXT, **_rules(_never_changes("sourceVolumeMode"))},
        volumeSnapshotClassName=_TEXT,
        volumeSnapshotRef={**referred, **_rules(("has(self.name) && has(self.__namespace__)", both))},
    )
    content |= _rules(_once_set("sourceVolumeMode"))
    parameters = {"type": "object", "additionalProperties": _TEXT}
    # What the controllers write, which nobody else does.
    status = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    one = _object(required=("spec",), spec=snapshot, status=status)
    bound = _object(required=("spec",), spec=content, status=status)
    class_ = _object(required=("deletionPolicy", "driver"), deletionPolicy=_POLICY, driver=_TEXT, parameters=parameters)
    return [
        _definition("VolumeSnapshot", "volumesnapshots", "vs", "Namespaced", one),
        _definition("VolumeSnapshotContent", "volumesnapshotcontents", "vsc", "Cluster", bound),
        _definition("VolumeSnapshotClass", "volumesnapshotclasses", "vsclass", "Cluster", class_),
    ]


def _definition(kind: str, plural: str, short: str, scope: str, schema: Schema) -> dict[str, Any]:
    version: dict[str, Any] = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    if "status" in schema["properties"]:
        version["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{_GROUP}",
            "annotations": {
                "api-approved.kubernetes.io": "https://github.com/kubernetes-csi/external-snapshotter/pull/814"
            },
        },
        "spec": {
            "group": _GROUP,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "shortNames": [short]},
            "scope": scope,
            "versions": [version],
        },
    }


def _object(*, required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


def _rules(*rules: tuple[str, str]) -> Schema:
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in rules]}


def _never_changes(field: str) -> tuple[str, str]:
    return "self == oldSelf", f"{field} is immutable"


def _once_set(field: str) -> tuple[str, str]:
    return f"!has(oldSelf.{field}) || has(self.{field})", f"{field} is required once set"


def _one_of(one: str, other: str) -> Schema:
    """Two texts of which exactly one is given, and never changes."""
    exactly = f"has(self.{one}) != has(self.{other})"
    fields = {field: {**_TEXT, **_rules(_never_changes(field))} for field in (one, other)}
    told = (exactly, f"exactly one of {one} and {other} must be set")
    return {"type": "object", "properties": fields} | _rules(_once_set(other), _once_set(one), told)


def bring(addon: str) -> None:
    """Makes an add-on's definitions, and waits until they are served; OSError where the cluster refuses them."""
    wanted, server = definitions(addon), _cluster()
    if server is None:
        return
    for one in wanted:
        server.create(_DEFINITIONS, one)
    end = time.monotonic() + SERVED_S
    for name in map(_name, wanted):
        while not _is_served(server.get(f"{_DEFINITIONS}/{name}")):
            if time.monotonic() > end:
                raise OSError(f"{name} is not served within {SERVED_S:.0f} s")
            time.sleep(POLL_S)


def take(addon: str) -> None:
    """Deletes an add-on's definitions, and with them what is left of their kinds."""
    if server := _cluster():
        for name in map(_name, definitions(addon)):
            server.delete(f"{_DEFINITIONS}/{name}")


def _name(definition: dict[str, Any]) -> str:
    return str(definition["metadata"]["name"])


def _is_served(definition: dict[str, Any] | None) -> bool:
    conditions = ((definition or {}).get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def _cluster() -> "ApiServer | None":
    root = os.environ.get(PLANE)
    if not root:
        return None
    # A third of a second to import, which only this needs.
    from localcloud.plane.api import ApiServer
    from localcloud.plane.layout import Layout, read_state

    layout = Layout(Path(root))
    return ApiServer(read_state(layout).ports["kube-apiserver"], layout.certificates)
