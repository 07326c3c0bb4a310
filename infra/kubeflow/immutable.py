"""Fields of built-in kinds that the API server lets nobody change: an object that needs another value is made again.

pulumi-kubernetes has a table of its own (provider/pkg/provider/diff.go of 4.32, `forceNew`). What that lacks is told to
the engine with each object; docs/upgrading.md has all of it, each row with its source in Kubernetes 1.35, and
tests/local/test_changes.py holds each row against a real API server.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.kubeflow.capacity import quantity
from ordering.manifests.objects import Manifest, group_of

Judge = Callable[[Manifest, Manifest], bool]


@dataclass(frozen=True)
class Field:
    """One field that cannot change, by its path.

    `known` says that the plugin replaces the object by itself. `default` is what the API server fills in, which is no
    change. `when` says of which changes it is true, where that is not all of them: given the object before and after.
    """

    path: str
    known: bool = False
    default: Any = None
    when: Judge | None = None


def _was_immutable(before: Manifest, _: Manifest) -> bool:
    return bool(before.get("immutable"))


def _is_or_was_immutable(before: Manifest, after: Manifest) -> bool:
    return bool(before.get("immutable") or after.get("immutable"))


def _smaller(before: Manifest, after: Manifest) -> bool:
    old, new = (quantity(at(one, "spec.resources.requests.storage") or 0) for one in (before, after))
    return bool(new < old)


def _both_balance(before: Manifest, after: Manifest) -> bool:
    return all(at(one, "spec.type") == "LoadBalancer" for one in (before, after))


def _was_set(path: str) -> Judge:
    return lambda before, _: at(before, path) is not None


def _not_indexed(_: Manifest, after: Manifest) -> bool:
    return bool(at(after, "spec.completionMode") != "Indexed")


def _headless(before: Manifest, after: Manifest) -> bool:
    """Whether one of both has no address of its own, or both name one."""
    old, new = (at(one, "spec.clusterIP") for one in (before, after))
    return "None" in (old, new) or bool(old and new)


_IMMUTABLE_DATA = (
    Field("immutable", when=_was_immutable),
    Field("data", known=True, when=_is_or_was_immutable),
)
# Those that the API still has; the plugin knows the others, too.
_VOLUMES = ("spec.csi", "spec.fc", "spec.hostPath", "spec.iscsi", "spec.local", "spec.nfs")
_BINDING = (Field("roleRef", known=True),)

FIELDS: Mapping[str, tuple[Field, ...]] = {
    "apiextensions.k8s.io/CustomResourceDefinition": (Field("spec.scope"), Field("spec.names.kind")),
    "apps/ControllerRevision": (Field("data"),),
    "apps/DaemonSet": (Field("spec.selector", known=True),),
    "apps/Deployment": (Field("spec.selector", known=True),),
    "apps/ReplicaSet": (Field("spec.selector"),),
    "apps/StatefulSet": (
        Field("spec.podManagementPolicy", known=True, default="OrderedReady"),
        Field("spec.selector", known=True),
        Field("spec.serviceName", known=True),
        Field("spec.volumeClaimTemplates", known=True),
    ),
    "batch/Job": (
        Field("spec.backoffLimitPerIndex"),
        Field("spec.completionMode", default="NonIndexed"),
        Field("spec.completions", known=True, default=1, when=_not_indexed),
        Field("spec.managedBy"),
        Field("spec.podFailurePolicy"),
        Field("spec.selector", known=True),
        Field("spec.successPolicy"),
        Field("spec.template", known=True),
    ),
    "core/ConfigMap": (*_IMMUTABLE_DATA, Field("binaryData", known=True, when=_is_or_was_immutable)),
    "core/PersistentVolume": (
        *(Field(source, known=True) for source in _VOLUMES),
        Field("spec.nodeAffinity", when=_was_set("spec.nodeAffinity")),
        Field("spec.volumeMode", default="Filesystem"),
    ),
    "core/PersistentVolumeClaim": (
        Field("spec.accessModes", known=True),
        Field("spec.dataSource"),
        Field("spec.dataSourceRef"),
        Field("spec.resources.requests.storage", when=_smaller),
        Field("spec.selector", known=True),
        Field("spec.storageClassName", known=True, when=_was_set("spec.storageClassName")),
        Field("spec.volumeMode", default="Filesystem"),
        Field("spec.volumeName", known=True, when=_was_set("spec.volumeName")),
    ),
    "core/ResourceQuota": (Field("spec.scopes", known=True),),
    "core/Secret": (*_IMMUTABLE_DATA, Field("type", known=True, default="Opaque")),
    "core/Service": (
        Field("spec.clusterIP", known=True, when=_headless),
        Field("spec.loadBalancerClass", when=_both_balance),
    ),
    "discovery.k8s.io/EndpointSlice": (Field("addressType"),),
    "networking.k8s.io/IngressClass": (Field("spec.controller"),),
    "node.k8s.io/RuntimeClass": (Field("handler"),),
    "rbac.authorization.k8s.io/ClusterRoleBinding": _BINDING,
    "rbac.authorization.k8s.io/RoleBinding": _BINDING,
    "resource.k8s.io/ResourceClaim": (Field("spec"),),
    "resource.k8s.io/ResourceClaimTemplate": (Field("spec"),),
    "scheduling.k8s.io/PriorityClass": (Field("preemptionPolicy", default="PreemptLowerPriority"), Field("value")),
    "storage.k8s.io/CSIDriver": (
        Field("spec.attachRequired", default=True),
        Field("spec.volumeLifecycleModes", default=["Persistent"]),
    ),
    "storage.k8s.io/StorageClass": (
        Field("parameters", known=True),
        Field("provisioner", known=True),
        Field("reclaimPolicy", default="Delete"),
        Field("volumeBindingMode", default="Immediate"),
    ),
    "storage.k8s.io/VolumeAttributesClass": (Field("driverName"), Field("parameters")),
}


def kind_of(manifest: Manifest) -> str:
    """An object's kind as the table names it."""
    return f"{group_of(manifest) or 'core'}/{manifest['kind']}"


def replacing(manifest: Manifest, before: Manifest | None) -> list[str]:
    """The fields of an object that the engine is to replace it for, beside those that the plugin knows.

    `before` is the object as it was sent. Where that is not known, these are the fields of which any change is refused.
    """
    return [
        field.path
        for field in FIELDS.get(kind_of(manifest), ())
        if not field.known and (field.when is None if before is None else _differs(field, before, manifest))
    ]


def changed(before: Manifest, after: Manifest) -> list[str]:
    """The fields that differ between two forms of an object, and that the API server lets nobody change."""
    return [field.path for field in FIELDS.get(kind_of(after), ()) if _differs(field, before, after)]


def _differs(field: Field, before: Manifest, after: Manifest) -> bool:
    old, new = (at(one, field.path, field.default) for one in (before, after))
    return old != new and (field.when is None or field.when(before, after))


def at(node: Any, path: str, default: Any = None) -> Any:
    """What an object has at a path, or the default where it has nothing there."""
    for key in path.split("."):
        node = node.get(key) if isinstance(node, Mapping) else None
    return default if node in (None, [], {}) else node  # the server leaves out what is empty
