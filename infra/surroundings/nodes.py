"""Room on the nodes of a cluster: what they allow, less what runs there and is not the release's."""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.kubeflow.capacity import Load, load_of, pod_load
from infra.surroundings.look import Surroundings
from ordering.manifests.objects import Manifest

_AUTOSCALER = "cluster-autoscaler-status"
"""The ConfigMap in which Cluster Autoscaler reports (cluster-autoscaler/config/autoscaling_options.go)."""

# Phases of pods that hold nothing any more.
_OVER = ("Succeeded", "Failed")


def free(nodes: Sequence[Manifest], pods: Sequence[Manifest], objects: Sequence[Manifest]) -> list[Load]:
    """What each node that takes pods has left for the release, whose own pods do not count."""
    own = {(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in objects}
    taken: dict[str, Load] = {}
    for pod in pods:
        node = (pod.get("spec") or {}).get("nodeName")
        if node and (pod.get("status") or {}).get("phase") not in _OVER and not _made_by(pod, own):
            taken[node] = taken.get(node, Load()) + pod_load(pod)
    return [
        load_of(one["status"]["allocatable"]) - taken.get(one["metadata"]["name"], Load()) for one in _usable(nodes)
    ]


def grows(found: Surroundings) -> bool:
    """Whether something adds nodes to the cluster: Karpenter, with its pools, or Cluster Autoscaler, which reports."""
    reports = any(one["metadata"]["name"] == _AUTOSCALER for one in found.configuration or ())
    return bool(found.autoscalers) or reports


def _usable(nodes: Sequence[Manifest]) -> list[Manifest]:
    """The nodes that take any pod."""
    return [one for one in nodes if not _closed(one.get("spec") or {}) and (one.get("status") or {}).get("allocatable")]


def _closed(spec: Mapping[str, Any]) -> bool:
    taints = spec.get("taints") or ()
    return bool(spec.get("unschedulable")) or any(one.get("effect") in ("NoSchedule", "NoExecute") for one in taints)


def _made_by(pod: Manifest, own: set[tuple[str, Any, str]]) -> bool:
    """Whether a pod is of one of these objects; a Deployment's pods are those of a ReplicaSet named after it."""
    metadata = pod["metadata"]
    for owner in metadata.get("ownerReferences") or ():
        kind, name = owner["kind"], str(owner["name"])
        if kind == "ReplicaSet" and ("Deployment", metadata.get("namespace"), name.rpartition("-")[0]) in own:
            return True
        if (kind, metadata.get("namespace"), name) in own:
            return True
    return False
