"""Whether a node group can hold a platform: what the manifests request against what the nodes offer."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import ceil
from typing import Any

from infra.aws.instances import GI, MI, Instance, instance
from infra.kubeflow.operated import workloads
from ordering.errors import UserError
from ordering.manifests.objects import Manifest, title

_SUFFIXES = {
    "": Decimal(1),
    **{suffix: Decimal(1000) ** power for suffix, power in (("n", -3), ("u", -2), ("m", -1))},
    **{suffix: Decimal(1000) ** (power + 1) for power, suffix in enumerate("kMGTPE")},
    **{suffix + "i": Decimal(1024) ** (power + 1) for power, suffix in enumerate("KMGTPE")},
}
_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)")

_INJECT = "sidecar.istio.io/inject"


@dataclass(frozen=True)
class Load:
    """Pods, thousandths of a CPU, and bytes of memory."""

    pods: int = 0
    cpu: int = 0
    memory: int = 0

    def __add__(self, other: "Load") -> "Load":
        return Load(self.pods + other.pods, self.cpu + other.cpu, self.memory + other.memory)

    def __sub__(self, other: "Load") -> "Load":
        """What is left; nothing where the other is more."""
        return Load(max(self.pods - other.pods, 0), max(self.cpu - other.cpu, 0), max(self.memory - other.memory, 0))

    def times(self, count: int) -> "Load":
        """The load of so many of it."""
        return Load(self.pods * count, self.cpu * count, self.memory * count)

    def __str__(self) -> str:
        return f"{self.pods} pods, {self.cpu / 1000:.1f} vCPU and {self.memory / GI:.1f} GiB"


@dataclass(frozen=True)
class Requirements:
    """What a platform requests.

    `total` is all pods that may run together, apart from those of DaemonSets, and with Istio's sidecars where its
    injector would add them; `per_node` is one pod of every DaemonSet; `largest_cpu` and `largest_memory` are those of
    single pods, each of which must fit one node. `volumes` counts claims and `storage` is their bytes. `pods` are those
    of the total, one by one.
    """

    total: Load
    per_node: Load
    largest_cpu: int
    largest_memory: int
    volumes: int
    storage: int
    pods: tuple[Load, ...] = ()


# What EKS runs beside the platform, from the add-ons' own manifests: on every node aws-node (two containers of 25m),
# kube-proxy (100m), the EBS CSI node plugin (three of 10m and 40Mi) and the monitoring agent (10m, 30Mi); in the
# cluster two pods each of CoreDNS (100m, 70Mi), the EBS CSI controller (six containers of 10m and 40Mi), the metrics
# server (100m, 200Mi) and the snapshot controller (10m, 20Mi).
EKS_PER_NODE = Load(pods=4, cpu=190, memory=150 * MI)
EKS_PER_CLUSTER = Load(pods=8, cpu=540, memory=1060 * MI)


def requirements(objects: Iterable[Manifest]) -> Requirements:
    """Add up the requests of everything that makes pods; UserError naming the object whose request is no quantity.

    A container without a request counts with its limit, as the API server would have it, and otherwise as nothing.
    Horizontal autoscalers count with their minimum, Jobs as if they never ended, CronJobs not at all. What the
    Prometheus operator makes of its resources counts, too.
    """
    given = [*(sent := list(objects)), *workloads(sent)]
    namespaces = {m["metadata"]["name"]: _labels(m) for m in given if m["kind"] == "Namespace"}
    least = minimums(given)
    sidecar = _sidecar(given)
    total, per_node = Load(), Load()
    pods: list[Load] = []
    largest_cpu = largest_memory = volumes = storage = 0
    for manifest in given:
        kind, spec = manifest["kind"], manifest.get("spec")
        if not isinstance(spec, dict):
            continue
        if kind == "PersistentVolumeClaim":
            volumes, storage = volumes + 1, storage + _storage(manifest, spec)
        if kind not in ("Deployment", "StatefulSet", "ReplicaSet", "DaemonSet", "Job", "Pod"):
            continue
        template = manifest if kind == "Pod" else _mapping(spec.get("template"))
        one = _pod(manifest, _mapping(template.get("spec")))
        if sidecar and is_injected(_mapping(template.get("metadata")), namespaces.get(_namespace(manifest), {})):
            one = one + sidecar
        if kind == "DaemonSet":
            per_node = per_node + one
            continue
        count = replicas(manifest, spec, least)
        for claim in spec.get("volumeClaimTemplates") or () if kind == "StatefulSet" else ():
            volumes, storage = volumes + count, storage + count * _storage(manifest, _mapping(claim.get("spec")))
        total = total + one.times(count)
        pods += [one] * count
        if count:
            largest_cpu, largest_memory = max(largest_cpu, one.cpu), max(largest_memory, one.memory)
    return Requirements(total, per_node, largest_cpu, largest_memory, volumes, storage, tuple(pods))


def check_capacity(needed: Requirements, *, instance_type: str, nodes: int, release: str = "this release") -> None:
    """UserError when so many nodes of this type cannot hold the platform beside what EKS runs itself.

    The message says how many nodes could. Types that are not in the table pass: their limits are not known here.
    """
    node = instance(instance_type)
    if node is None:
        return
    free = _free(node, needed)
    total = needed.total + EKS_PER_CLUSTER
    wanted = _nodes_wanted(free, total)
    fits_one = needed.largest_cpu <= free.cpu and needed.largest_memory <= free.memory
    if wanted is not None and wanted <= nodes and fits_one:
        return
    offered = free.times(nodes)
    lead = f"{release} needs {total}, and {nodes} x {instance_type} (nodesDesired x nodesInstanceType) offer {offered}"
    if wanted is None or not fits_one:
        raise UserError(f"{lead}; one such node cannot hold its largest pod: choose a larger nodesInstanceType.")
    raise UserError(f"{lead}; choose nodesDesired >= {wanted}, or a larger nodesInstanceType.")


def check_nodes(needed: Requirements, nodes: Sequence[Load], *, release: str) -> None:
    """UserError when nodes that are there, each with so much left, cannot hold the platform.

    The sums must suffice, and one node must hold the largest pod; how the scheduler would lay them out is not tried.
    """
    left = [node - needed.per_node for node in nodes]
    offered = sum(left, Load())
    lead = f"{release} needs {needed.total}, and {len(nodes)} nodes of the cluster have {offered} left"
    if needed.total - offered != Load():
        raise UserError(f"{lead} (what they allow, less what runs there); add nodes, or remove what is not needed.")
    if needed.total.pods and not any(
        needed.largest_cpu <= node.cpu and needed.largest_memory <= node.memory for node in left
    ):
        largest = f"{needed.largest_cpu / 1000:.1f} vCPU and {needed.largest_memory / GI:.1f} GiB"
        raise UserError(f"{lead}, but no node has room for its largest pod ({largest}); add a larger node.")


def pod_load(pod: Manifest) -> Load:
    """What the scheduler counts for a pod."""
    return _pod(pod, _mapping(pod.get("spec")))


def load_of(allocatable: Mapping[str, Any]) -> Load:
    """What a node allows, as its status has it."""
    return Load(
        int(quantity(allocatable.get("pods", 0))),
        int(quantity(allocatable.get("cpu", 0)) * 1000),
        int(quantity(allocatable.get("memory", 0))),
    )


def _free(node: Instance, needed: Requirements) -> Load:
    return Load(node.pods, node.allocatable_cpu, node.allocatable_memory) - (needed.per_node + EKS_PER_NODE)


def _nodes_wanted(free: Load, total: Load) -> int | None:
    """The fewest nodes whose sums suffice; None when a node has nothing left over its own pods."""
    pairs = ((total.pods, free.pods), (total.cpu, free.cpu), (total.memory, free.memory))
    if any(want > 0 and have <= 0 for want, have in pairs):
        return None
    return max(ceil(want / have) for want, have in pairs if want)


def quantity(value: Any) -> Decimal:
    """A Kubernetes quantity (`100m`, `1.5`, `2Gi`, `1e3`) as a number; ValueError for anything else."""
    match = _QUANTITY.fullmatch(str(value).strip())
    if match is None or match[2] not in _SUFFIXES:
        raise ValueError(f"{value!r} is not a quantity")
    try:
        return Decimal(match[1]) * _SUFFIXES[match[2]]
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a quantity") from None


def _amount(manifest: Manifest, value: Any, unit: int = 1) -> int:
    try:
        return ceil(quantity(value) * unit)
    except ValueError as error:
        raise UserError(f"{title(manifest)} requests {value!r}: {error}, write one like 100m or 1Gi.") from None


def _storage(manifest: Manifest, spec: Mapping[str, Any]) -> int:
    return _amount(manifest, _mapping(_mapping(spec.get("resources")).get("requests")).get("storage", 0))


def _pod(manifest: Manifest, spec: Mapping[str, Any]) -> Load:
    """What the scheduler counts for one pod: all that run together, or the hungriest that starts it, and overhead."""
    running = sum((_container(manifest, c) for c in spec.get("containers") or ()), Load())
    starting = Load()
    for container in spec.get("initContainers") or ():
        one = _container(manifest, container)
        if container.get("restartPolicy") == "Always":
            running = running + one
        else:
            starting = Load(0, max(starting.cpu, one.cpu), max(starting.memory, one.memory))
    overhead = _load(manifest, _mapping(spec.get("overhead")))
    return Load(
        1, max(running.cpu, starting.cpu) + overhead.cpu, max(running.memory, starting.memory) + overhead.memory
    )


def _container(manifest: Manifest, container: Mapping[str, Any]) -> Load:
    resources = _mapping(container.get("resources"))
    return _load(manifest, {**_mapping(resources.get("limits")), **_mapping(resources.get("requests"))})


def _load(manifest: Manifest, amounts: Mapping[str, Any]) -> Load:
    return Load(0, _amount(manifest, amounts.get("cpu", 0), 1000), _amount(manifest, amounts.get("memory", 0)))


def replicas(manifest: Manifest, spec: Mapping[str, Any], least: Mapping[tuple[str, str, str], int]) -> int:
    """How many pods of an object may run together; `least` are `minimums`."""
    kind = manifest["kind"]
    if kind == "Pod":
        return 1
    field = "parallelism" if kind == "Job" else "replicas"
    count = spec.get(field, 1)
    if not isinstance(count, int):
        raise UserError(f"{title(manifest)} has {count!r} as its {field}: write a whole number.")
    return max(count, least.get((kind, _namespace(manifest), manifest["metadata"]["name"]), 0))


def minimums(objects: Iterable[Manifest]) -> dict[tuple[str, str, str], int]:
    """How many pods horizontal autoscalers keep at least, by kind, namespace and name of what they scale."""
    found = {}
    for manifest in objects:
        if manifest["kind"] == "HorizontalPodAutoscaler":
            spec = _mapping(manifest.get("spec"))
            target = _mapping(spec.get("scaleTargetRef"))
            key = (str(target.get("kind")), _namespace(manifest), str(target.get("name")))
            found[key] = int(spec.get("minReplicas", 1))
    return found


def _sidecar(objects: list[Manifest]) -> Load | None:
    """What Istio's injector adds to a pod, from the values that it is configured with; None without an injector."""
    for manifest in objects:
        if manifest["kind"] == "ConfigMap" and manifest["metadata"]["name"] == "istio-sidecar-injector":
            try:
                proxy = json.loads(manifest["data"]["values"])["global"]["proxy"]
            except (KeyError, TypeError, ValueError):
                return None
            return _container(manifest, proxy)
    return None


def is_injected(metadata: Mapping[str, Any], namespace: Mapping[str, str]) -> bool:
    """As the injector's webhooks select (istio.io, "Installing the sidecar"): the pod's label has the last word.

    An annotation of that name brings nothing to the webhooks, and keeps a pod without a label out (istio,
    pkg/kube/inject/inject.go: `injectRequired`).
    """
    labels, annotations = _mapping(metadata.get("labels")), _mapping(metadata.get("annotations"))
    wish = str(labels.get(_INJECT, "")).lower()
    enabled = namespace.get("istio-injection")
    if wish == "false" or enabled == "disabled":
        return False
    return wish == "true" or (enabled == "enabled" and str(annotations.get(_INJECT)) != "false")


def _namespace(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("namespace") or "default")


def _labels(manifest: Manifest) -> dict[str, str]:
    return {str(key): str(value) for key, value in _mapping(manifest["metadata"].get("labels")).items()}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
