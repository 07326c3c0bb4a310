"""The kinds of volume snapshots, which EKS's add-on `snapshot-controller` brings to a cluster: here they always are.

Names and rules are those of kubernetes-csi/external-snapshotter's client/config/crd at 8.7, without descriptions and
snapshots of groups.
"""

from typing import Any

_GROUP = "snapshot.storage.k8s.io"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
"""Where the API server takes them."""

_TEXT = {"type": "string"}
_POLICY = {**_TEXT, "enum": ["Delete", "Retain"]}

Schema = dict[str, Any]


def definitions() -> list[dict[str, Any]]:
    """The CustomResourceDefinitions."""
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
