"""Storage classes: which volumes of a release come from the cluster's default one, and whether there is one."""

from collections.abc import Iterable

from infra.kubeflow.operated import workloads
from ordering.manifests.objects import Manifest, title

DEFAULT = "storageclass.kubernetes.io/is-default-class"


def without_class(objects: Iterable[Manifest]) -> list[str]:
    """The claims that name no class, by their titles; none where the release brings a default class of its own.

    A claim that names a volume, or an empty class, wants none (Kubernetes' "Persistent Volumes", "Class").
    """
    given = [*(sent := list(objects)), *workloads(sent)]
    if any(one["kind"] == "StorageClass" and is_default(one) for one in given):
        return []
    found = []
    for one in given:
        spec = one.get("spec") or {}
        if one["kind"] == "PersistentVolumeClaim" and _wants_default(spec):
            found.append(title(one))
        elif one["kind"] == "StatefulSet":
            templates = spec.get("volumeClaimTemplates") or ()
            found += [title(one) for template in templates if _wants_default(template.get("spec") or {})]
    return found


def is_default(storage_class: Manifest) -> bool:
    """Whether a class is the one that claims without a class get."""
    return ((storage_class.get("metadata") or {}).get("annotations") or {}).get(DEFAULT) == "true"


def _wants_default(spec: Manifest) -> bool:
    return spec.get("storageClassName") is None and not spec.get("volumeName")
