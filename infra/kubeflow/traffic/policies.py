"""Whether NetworkPolicies let a caller through, as the Kubernetes API defines them (networking.k8s.io/v1)."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ordering.errors import UserError
from ordering.graph import ObjectId, selectors
from ordering.graph.index import Platform, Workload, mapping, mappings
from ordering.graph.selectors import Labels

GROUP, KIND = "networking.k8s.io", "NetworkPolicy"
NAME_LABEL = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Caller:
    """Who calls: pods, by their own and their namespace's labels; without `pods`, something that is no pod.

    That is the API server and a load balancer: they have addresses that no manifest knows, so that only a rule without
    `from` lets them in. `peer` is how a policy names the caller.
    """

    title: str
    pods: tuple[Labels, Labels] | None
    peer: Mapping[str, Any] | None


class Policies:
    """The NetworkPolicies of a platform, by namespace."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._of: dict[str, list[tuple[ObjectId, Mapping[str, Any]]]] = defaultdict(list)
        for id_ in platform.of_kind(GROUP, KIND):
            spec = mapping(platform.objects[id_].get("spec"))
            types = spec.get("policyTypes") or ["Ingress"]
            if "Ingress" in types:
                self._of[platform.namespace(id_)].append((id_, spec))

    def lets_in(self, caller: Caller, target: Workload, labels: Labels, port: int) -> bool:
        """Whether the caller surely reaches a TCP port of the target's pods, which carry these labels.

        A pod that no policy selects takes everything, and so does one in the network of its node. UserError for a
        selector that Kubernetes would refuse.
        """
        if target.spec.get("hostNetwork") is True:
            return True
        chosen = [
            (id_, spec)
            for id_, spec in self._of[target.namespace]
            if selectors.matches(_selector(id_, spec.get("podSelector"), "podSelector"), labels) is not False
        ]
        if not chosen:
            return True
        return any(
            self._takes(id_, rule, caller, target, port)
            for id_, spec in chosen
            if selectors.matches(_selector(id_, spec.get("podSelector"), "podSelector"), labels)
            for rule in mappings(spec.get("ingress"))
        )

    def _takes(self, id_: ObjectId, rule: Mapping[str, Any], caller: Caller, target: Workload, port: int) -> bool:
        ports, peers = list(mappings(rule.get("ports"))), list(mappings(rule.get("from")))
        if ports and not any(_fits(one, target, port) for one in ports):
            return False
        return not peers or any(self._is(id_, peer, caller, target.namespace) for peer in peers)

    def _is(self, id_: ObjectId, peer: Mapping[str, Any], caller: Caller, here: str) -> bool:
        if block := mapping(peer.get("ipBlock")):
            return block.get("cidr") == "0.0.0.0/0" and not block.get("except")
        if caller.pods is None:
            return False
        namespace, pods = caller.pods
        if "namespaceSelector" in peer:
            selector = _selector(id_, peer["namespaceSelector"], "namespaceSelector")
            if not selectors.matches(selector, namespace):
                return False
        elif namespace.known.get(NAME_LABEL) != here:
            return False
        return selectors.matches(_selector(id_, peer.get("podSelector"), "podSelector"), pods) is True


def _fits(wanted: Mapping[str, Any], target: Workload, port: int) -> bool:
    if (wanted.get("protocol") or "TCP") != "TCP":
        return False
    first = wanted.get("port")
    if first is None:
        return True
    if isinstance(first, str):
        return port_number(target, first) == port
    last = wanted.get("endPort") or first
    return isinstance(first, int) and isinstance(last, int) and first <= port <= last


def port_number(target: Workload, name: str) -> int | None:
    """The number of a container's port of this name; None where no container has one."""
    for container in target.containers:
        for port in mappings(container.get("ports")):
            if port.get("name") == name and isinstance(port.get("containerPort"), int):
                return int(port["containerPort"])
    return None


def _selector(id_: ObjectId, selector: Any, field: str) -> selectors.Selector:
    return selectors.parse(selector, _where(id_, field))


def _where(id_: ObjectId, field: str) -> Callable[[str], str]:
    return lambda fault: str(UserError(f"{id_.title} has a {field} that {fault}: fix it."))
