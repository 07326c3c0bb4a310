"""Nodes and pods of a played week as objects for a real API server, scheduler and autoscaler."""

import json
from collections.abc import Sequence
from typing import Any

from bench.synthetic import manifest
from infra.settings.groups import gpu_labels
from ops.costs.week.model import NodeGroup, Pod, Room
from ordering.manifests.objects import Manifest

PLACE = "bench"
GROUP, POOL, STARTING, WORK = "bench/group", "bench/pool", "bench/starting", "bench/work"
_ZONE, _ARCH = "topology.kubernetes.io/zone", "kubernetes.io/arch"
_GPU = "nvidia.com/gpu"
_PROVIDER = "cluster-autoscaler.kwok.nodegroup"
_TEMPLATES = "kwok-provider-templates"


def surroundings(groups: Sequence[NodeGroup]) -> list[Manifest]:
    """What is there before the work: what kwok's provider reads, and what runs on every node."""
    config = {
        "apiVersion": "v1alpha1",
        "readNodesFrom": "configmap",
        "nodegroups": {"fromNodeLabelKey": GROUP},
        "nodes": {"skipTaint": True, "gpuConfig": {"gpuLabelKey": _accelerator(), "availableGPUTypes": {"nvidia": {}}}},
        "configmap": {"name": _TEMPLATES},
    }
    templates = {"apiVersion": "v1", "kind": "List", "items": [template(group) for group in groups]}
    return [
        manifest("v1", "Namespace", PLACE),
        manifest("v1", "ConfigMap", "kwok-provider-config", "kube-system", data={"config": json.dumps(config)}),
        manifest("v1", "ConfigMap", _TEMPLATES, "kube-system", data={"templates": json.dumps(templates)}),
        _everywhere(groups[0]),
    ]


def template(group: NodeGroup) -> Manifest:
    """A node that the provider makes; it takes pods when somebody takes the taint STARTING from it."""
    own = group.room.pods - group.free.pods
    allocatable = group.room._replace(pods=group.room.pods - own + 1)  # one pod stands for those of every node
    taints = [{"key": one.key, "value": one.value, "effect": one.effect} for one in sorted(group.taints, key=str)]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": group.name,
            "labels": {
                GROUP: group.name,
                POOL: group.pool,
                _ARCH: group.arch,
                _ZONE: group.zones[0],
                **(gpu_labels("g5.xlarge") if group.room.gpus else {}),
            },
            "annotations": {
                f"{_PROVIDER}/{size}-count": str(count)
                for size, count in (("min", group.min), ("desired", group.desired), ("max", group.max))
            },
        },
        "spec": {"taints": [*taints, {"key": STARTING, "value": "", "effect": "NoSchedule"}]},
        "status": {
            "capacity": _amounts(allocatable._replace(cpu=group.capacity.cpu, memory=group.capacity.memory)),
            "allocatable": _amounts(allocatable),
            "nodeInfo": dict.fromkeys(_INFO, "") | {"architecture": group.arch, "operatingSystem": "linux"},
        },
    }


_INFO = (
    *("machineID", "systemUUID", "bootID", "kernelVersion", "osImage"),
    *("containerRuntimeVersion", "kubeletVersion", "kubeProxyVersion"),
)


def first(group: NodeGroup, number: int) -> Manifest:
    """A node that is there from the start, which the provider takes for its own."""
    node = template(group)
    name = f"{group.name}-first-{number}"
    taints = [one for one in node["spec"]["taints"] if one["key"] != STARTING]
    metadata = node["metadata"]
    marks = {f"{_PROVIDER}/name": group.name, "kwok.x-k8s.io/node": "fake"}
    annotations = {**metadata["annotations"], **marks}
    return {
        **node,
        "metadata": {**metadata, "name": name, "annotations": annotations},
        "spec": {"taints": taints, "providerID": f"kwok:{name}"},
    }


def work(pod: Pod, key: str) -> Manifest:
    """What makes a pod run: itself, or where it is made again, a StatefulSet or a Deployment; a zone for its volume."""
    place = "kube-system" if pod.name == "eks" else PLACE
    labels = {WORK: key}
    spec = {
        # A pod that takes long to end would hold its node; how long is no matter of the autoscaler's.
        "terminationGracePeriodSeconds": 0,
        "nodeSelector": {
            label: value for label, value in ((POOL, pod.pool), (_ARCH, pod.arch), (_ZONE, pod.zone)) if value
        },
        "tolerations": [
            {"key": one.key, "value": one.value, "effect": one.effect} for one in sorted(pod.tolerates, key=str)
        ],
        "containers": [{"name": "main", "image": "registry.example/work:1", "resources": _resources(pod.request)}],
    }
    if pod.seconds is not None and not pod.movable:
        return manifest("v1", "Pod", key, place, labels=labels, spec=spec)
    body = {"replicas": 1, "selector": {"matchLabels": labels}}
    body["template"] = {"metadata": {"labels": labels}, "spec": spec}
    kind = "StatefulSet" if pod.claim else "Deployment"
    return manifest("apps/v1", kind, key, place, labels=labels, spec=body)


def scaled(seconds: float, scale: float) -> str:
    """A time of the played week as an argument for a program whose hour takes `scale` times less."""
    return f"{seconds / scale * 1000:.0f}ms"


def arguments(kubeconfig: str, port: int, scale: float) -> list[str]:
    """The autoscaler's: those of manifests/autoscaler, its delays by the scale, and what a laptop takes.

    A pod is not left for two seconds, or one with GPUs for thirty, before it counts, for those cannot be scaled: naming
    any scheduler whose pods do not wait for it turns that off (core/static_autoscaler.go: `allPodsAreNew`).
    """
    delays = {
        "scan-interval": 10,
        "scale-down-unneeded-time": 600,
        "scale-down-unready-time": 1200,
        "scale-down-delay-after-add": 600,
        "scale-down-delay-after-failure": 180,
        "unremovable-node-recheck-timeout": 300,
        "node-delete-delay-after-taint": 5,
        # An hour, after which EKS's own pods are moved; what is played are weeks, in which it is over.
        "blocking-system-pod-distruption-timeout": 0,
    }
    return [
        "--cloud-provider=kwok",
        "--expander=least-waste",
        "--skip-nodes-with-local-storage=false",
        *(f"--{name}={scaled(seconds, scale)}" for name, seconds in delays.items()),
        "--bypassed-scheduler-names=nobody",
        # The provider counts the nodes that it sees, and looking again at once it would not see those just made.
        "--frequent-loops-enabled=false",
        f"--startup-taint={STARTING}",
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--write-status-configmap=false",
        "--kube-client-qps=200",
        "--kube-client-burst=400",
        f"--address=127.0.0.1:{port}",
        "--v=4",
    ]


def _everywhere(group: NodeGroup) -> Manifest:
    """What runs on every node, beside the pods of the trace, as one pod."""
    own = Room(group.room.cpu - group.free.cpu, group.room.memory - group.free.memory)
    labels = {"app": "everywhere"}
    spec = {
        "terminationGracePeriodSeconds": 0,
        "tolerations": [{"operator": "Exists"}],
        "containers": [{"name": "main", "image": "registry.example/node:1", "resources": _resources(own)}],
    }
    body = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}}
    return manifest("apps/v1", "DaemonSet", "everywhere", "kube-system", spec=body)


def _amounts(room: Room) -> dict[str, str]:
    gpus = {_GPU: str(room.gpus)} if room.gpus else {}
    return {"cpu": f"{room.cpu}m", "memory": str(room.memory), "pods": str(room.pods), **gpus}


def _resources(request: Room) -> dict[str, Any]:
    gpus = {_GPU: str(request.gpus)} if request.gpus else {}
    return {"requests": {"cpu": f"{request.cpu}m", "memory": str(request.memory), **gpus}, "limits": gpus}


def _accelerator() -> str:
    return next(label for label in gpu_labels("g5.xlarge") if label.startswith("k8s.amazonaws.com"))
