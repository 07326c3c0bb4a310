"""Pods are renewed when a Secret or a ConfigMap that they read changes: a checksum of it stands in their template.

Kubernetes renews no pod for that. What comes in as environment, or as a single file (`subPath`), stays as it was when
the pod started; of mounted files most programs read what they find at their start.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ordering.graph import ObjectId, id_of
from ordering.graph.index import Platform
from ordering.graph.pods import references
from ordering.manifests.objects import Manifest

ANNOTATION = "checksum/read"

# A Job's pods are not renewed, and its template cannot change.
_RENEWED = ("DaemonSet", "Deployment", "StatefulSet")
_CONTENT = ("binaryData", "data", "stringData")


def with_checksums(objects: Sequence[Manifest], digest: Callable[[Any], Any]) -> list[Manifest]:
    """The objects, each reader's pod template with a checksum; the given ones are left as they are.

    Covered is what the objects fill themselves: what a controller writes later is not known. `digest` makes a text of
    names and contents, in which values may be text or whatever stands for text that is not known yet. It has to give
    nothing away of a secret, since a pod template is read by more people than a Secret.
    """
    contents = {
        (one["kind"], str(one["metadata"].get("namespace") or "default"), str(one["metadata"]["name"])): content
        for one in objects
        if one["kind"] in ("ConfigMap", "Secret")
        and (content := {field: one[field] for field in _CONTENT if one.get(field)})
    }
    checksums: dict[ObjectId, Any] = {}
    for id_, workload in Platform(objects).workloads.items():
        if id_.kind in _RENEWED:
            named = {(one.kind, workload.namespace, one.name) for one in references(workload)}
            if read := sorted(named & contents.keys()):
                checksums[id_] = digest([[*name, contents[name]] for name in read])
    return [_marked(one, checksums[id_]) if (id_ := id_of(one)) in checksums else one for one in objects]


def _marked(workload: Manifest, checksum: Any) -> Manifest:
    spec = workload["spec"]
    template = spec["template"]
    metadata = template.get("metadata") or {}
    annotations = {**(metadata.get("annotations") or {}), ANNOTATION: checksum}
    return {
        **workload,
        "spec": {**spec, "template": {**template, "metadata": {**metadata, "annotations": annotations}}},
    }
