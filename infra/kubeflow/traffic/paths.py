"""The NetworkPolicies that a platform lacks: without them, an engine that enforces the others would break it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from infra.kubeflow.traffic.calls import Call, calls, pod_labels
from infra.kubeflow.traffic.policies import GROUP, KIND, Policies, port_number
from ordering.graph import ObjectId
from ordering.graph.index import Platform, Workload, mapping, mappings
from ordering.manifests.objects import Manifest


@dataclass(frozen=True)
class Path:
    """A call to one workload behind the Service, at a port of its pods."""

    call: Call
    workload: Workload
    port: int


def paths(platform: Platform) -> Iterator[Path]:
    """Every call, to each workload behind its Service, at each port; Services whose pods nobody knows have none."""
    for call in calls(platform):
        for port in mappings(mapping(platform.objects[call.service].get("spec")).get("ports")):
            if (port.get("protocol") or "TCP") != "TCP" or call.port not in (None, port.get("port")):
                continue
            for workload in platform.behind(call.service):
                target = port.get("targetPort") or port.get("port")
                number = port_number(workload, target) if isinstance(target, str) else target
                if isinstance(number, int):
                    yield Path(call, workload, number)


def closed(objects: Iterable[Manifest]) -> list[Path]:
    """The paths that the objects need and their own NetworkPolicies close."""
    platform = Platform(objects)
    if not platform.of_kind(GROUP, KIND):
        return []
    policies = Policies(platform)
    labels = {id_: pod_labels(platform, workload) for id_, workload in platform.workloads.items()}
    return [
        path
        for path in paths(platform)
        if not policies.lets_in(path.call.caller, path.workload, labels[path.workload.id], path.port)
    ]


def with_open_paths(objects: list[Manifest]) -> list[Manifest]:
    """The objects, and a NetworkPolicy for each Service to which a path is closed; one a Service, the same each time.

    Policies only ever add, so what a release closes on purpose stays closed to all others.
    """
    platform = Platform(objects)
    wanted: dict[ObjectId, list[Path]] = defaultdict(list)
    for path in closed(objects):
        wanted[path.call.service].append(path)
    return [*objects, *(_policy(platform, service, wanted[service]) for service in sorted(wanted))]


def _policy(platform: Platform, service: ObjectId, needed: list[Path]) -> Manifest:
    ports: dict[str, set[int]] = defaultdict(set)
    peers: dict[str, dict[str, Any]] = {}
    for path in needed:
        peer = path.call.caller.peer
        rule = {"from": [dict(peer)]} if peer else {}
        peers[repr(rule)] = rule
        ports[repr(rule)].add(path.port)
    rules = [
        {**peers[key], "ports": [{"port": port, "protocol": "TCP"} for port in sorted(ports[key])]}
        for key in sorted(peers)
    ]
    selector = dict(mapping(mapping(platform.objects[service].get("spec")).get("selector")))
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": KIND,
        "metadata": {"name": f"callers-of-{service.name}"[:253], "namespace": platform.namespace(service)},
        "spec": {"podSelector": {"matchLabels": selector}, "policyTypes": ["Ingress"], "ingress": rules},
    }
