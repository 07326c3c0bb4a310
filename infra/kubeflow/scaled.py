"""How many pods a workload has where an autoscaler says so: that field is not ours.

Kubernetes' own advice ("Horizontal Pod Autoscaling", "Migrating Deployments and StatefulSets to horizontal
autoscaling"): take `spec.replicas` out of what is applied, or each apply undoes what the autoscaler did. Left out it
defaults to 1, and an autoscaler brings it to its minimum at once, metrics or not (v1.35,
pkg/controller/podautoscaler/horizontal.go, `reconcileAutoscaler`). A rendered 0 is sent at first, for it has a meaning:
a HorizontalPodAutoscaler is off there until somebody scales up.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ordering.graph import Graph, ObjectId
from ordering.graph.index import CRD, mapping
from ordering.manifests.objects import Manifest

_REPLICAS = "spec.replicas"


def scaled(graph: Graph) -> Mapping[ObjectId, str]:
    """The workloads that an autoscaler of the graph scales, each with the path of the field that says how many.

    Whatever has a `spec.scaleTargetRef` scales its target: HorizontalPodAutoscaler, KEDA's ScaledObject and
    HTTPScaledObject, Knative's PodAutoscaler. Of a kind that has a definition here, that names the field.
    """
    targets: dict[tuple[str, str, str], list[str]] = {}
    for node in graph.nodes:
        reference = mapping(mapping(node.manifest.get("spec")).get("scaleTargetRef"))
        if name := reference.get("name"):
            # KEDA's own defaults (kedacore/keda, apis/keda/v1alpha1/scaledobject_types.go).
            kind, version = reference.get("kind") or "Deployment", reference.get("apiVersion") or "apps/v1"
            place = (node.id.namespace or "default", str(kind), str(name))
            targets.setdefault(place, []).append(str(version).rpartition("/")[0])
    paths = _paths(node.manifest for node in graph.nodes if (node.id.group, node.id.kind) == CRD and not node.gate)
    return {
        node.id: paths.get((node.id.group, node.id.kind), _REPLICAS)
        for node in graph.nodes
        if node.gate is None
        and node.id.group in targets.get((node.id.namespace or "default", node.id.kind, node.id.name), ())
    }


def without(manifest: Manifest, path: str) -> Manifest:
    """The manifest without the field at the path, unless that is 0; the given one is left as it is.

    >>> without({"kind": "Deployment", "spec": {"replicas": 3, "paused": False}}, "spec.replicas")
    {'kind': 'Deployment', 'spec': {'paused': False}}
    >>> without({"kind": "Deployment", "spec": {"replicas": 0}}, "spec.replicas")
    {'kind': 'Deployment', 'spec': {'replicas': 0}}
    """
    key, _, rest = path.partition(".")
    inner = manifest.get(key)
    if rest:
        return {**manifest, key: without(inner, rest)} if isinstance(inner, dict) else manifest
    return manifest if inner == 0 else {name: value for name, value in manifest.items() if name != key}


def _paths(definitions: Iterable[Manifest]) -> dict[tuple[str, str], str]:
    """The field of each defined kind that can be scaled, as its definition names it (`.spec.replicas`)."""
    found = {}
    for definition in definitions:
        spec: Mapping[str, Any] = definition["spec"]
        for version in spec.get("versions") or ():
            scale = mapping(mapping(version.get("subresources")).get("scale"))
            if path := scale.get("specReplicasPath"):
                found[str(spec["group"]), str(spec["names"]["kind"])] = str(path).lstrip(".")
    return found
