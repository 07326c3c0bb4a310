"""What a pool becomes: its node groups, and the labels and taints that its nodes get beside those that are set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.aws import instances
from infra.settings.model import NodeSettings, Pool, Taint

BASE = "base"
"""The name of the group that the platform itself runs on, where those of pools stand beside it."""

POOL_LABEL = "kubeflow-on-pulumi/pool"

POOL_TAG = "pulumi:pool"
"""The tag that tells the node groups of a stack apart: their names, which AWS's provider chooses, begin alike."""

# NVIDIA's own charts look for the first; by the second the cluster autoscaler knows a node whose GPUs are yet to come
# (cluster-autoscaler 1.35, cloudprovider/aws/aws_cloud_provider.go, GPULabel).
GPU_LABEL, ACCELERATOR_LABEL = "nvidia.com/gpu.present", "k8s.amazonaws.com/accelerator"
OWN_LABELS = (POOL_LABEL, GPU_LABEL, ACCELERATOR_LABEL)

GPU_TAINT = Taint(key="nvidia.com/gpu", value="present")
_NEURON_TAINT = Taint(key="aws.amazon.com/neuron", value="present")
_ARM_TAINT = Taint(key="kubernetes.io/arch", value="arm64")


@dataclass(frozen=True, kw_only=True)
class Group:
    """A node group of a pool, of so many nodes in these zones."""

    name: str
    pool: Pool
    zones: tuple[str, ...]
    min: int
    desired: int
    max: int


def groups(pool: Pool) -> list[Group]:
    """The node groups of a pool: one, or one a zone where nodes come and go and some zone may have none.

    A group of several zones starts a node in any of them, and a pod whose volume is in another waits for ever
    (Kubernetes autoscaler, "cluster autoscaler on AWS", "Common Notes and Gotchas"). The nodes that are wanted now, and
    those that are kept, are dealt out to the zones in turn.
    """
    if len(pool.zones) == 1 or pool.min >= min(len(pool.zones), pool.max):
        return [Group(name=pool.name, pool=pool, zones=pool.zones, min=pool.min, desired=pool.desired, max=pool.max)]
    return [
        Group(
            name=f"{pool.name}-{zone}",
            pool=pool,
            zones=(zone,),
            min=_dealt(pool.min, index, pool.zones),
            desired=_dealt(pool.desired, index, pool.zones),
            max=pool.max,
        )
        for index, zone in enumerate(pool.zones)
    ]


def _dealt(nodes: int, index: int, zones: Sequence[str]) -> int:
    each, more = divmod(nodes, len(zones))
    return each + (index < more)


def has_gpus(pool: Pool) -> bool:
    """Whether the nodes of a pool have GPUs of NVIDIA's."""
    return instances.has_nvidia(pool.instance_types[0])


def labels(pool: Pool) -> Mapping[str, str]:
    """All labels of a pool's nodes."""
    return {POOL_LABEL: pool.name, **gpu_labels(pool.instance_types[0]), **pool.labels}


def gpu_labels(instance_type: str) -> dict[str, str]:
    """The labels of nodes that have NVIDIA's GPUs; none for others."""
    return {GPU_LABEL: "true", ACCELERATOR_LABEL: "nvidia"} if instances.has_nvidia(instance_type) else {}


def taints(pool: Pool) -> list[Taint]:
    """All taints of a pool's nodes: accelerators are kept for who asks for them, and ARM from images for x86."""
    first = pool.instance_types[0]
    own = [
        taint
        for taint, wanted in (
            (GPU_TAINT, instances.has_nvidia(first)),
            (_NEURON_TAINT, instances.has_neuron(first)),
            (_ARM_TAINT, instances.is_arm(first)),
        )
        if wanted
    ]
    given = {(one.key, one.effect) for one in pool.taints}
    return [*(one for one in own if (one.key, one.effect) not in given), *pool.taints]


def described(nodes: NodeSettings, pools: Sequence[Pool]) -> dict[str, dict[str, Any]]:
    """What pods must know of the groups of nodes, by name: whether they have GPUs and spot nodes, and their taints."""
    base = {"gpus": instances.has_nvidia(nodes.instance_type), "spot": False, "taints": []}
    return {BASE: base} | {
        pool.name: {
            "gpus": has_gpus(pool),
            "spot": pool.capacity == "spot",
            "taints": [vars(one) for one in taints(pool)],
        }
        for pool in pools
    }
