"""Whether a NetworkPolicy lets a caller through, rule by rule as the API defines them."""

from typing import Any

import pytest

from bench.synthetic import manifest, namespace, workload
from infra.kubeflow.traffic.calls import API_SERVER, caller, pod_labels
from infra.kubeflow.traffic.policies import Policies
from ordering.errors import UserError
from ordering.graph.index import Platform

OTHER = {"kubernetes.io/metadata.name": "other"}
PORT = {"containerPort": 9443, "name": "hooks"}


def policy(*ingress: dict[str, Any], selects: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    body = {"podSelector": selects or {}, "ingress": list(ingress), **spec}
    return manifest("networking.k8s.io/v1", "NetworkPolicy", "one", "here", spec=body)


def reached(*policies: dict[str, Any], pod: dict[str, Any] | None = None) -> set[str]:
    """Who reaches port 9443 of the target: a pod beside it, one elsewhere, the API server."""
    spec = {"containers": [{"name": "main", "image": "none", "ports": [PORT]}], **(pod or {})}
    objects = [
        *(namespace("here"), namespace("other", team="blue")),
        workload("target", "here", pod=spec),
        *(workload("beside", "here"), workload("elsewhere", "other")),
    ]
    platform = Platform([*objects, *policies])
    judge = Policies(platform)
    pods = {one.id.name: one for one in platform.workloads.values()}
    labels = pod_labels(platform, pods["target"])
    callers = {
        "beside": caller(platform, pods["beside"]),
        "elsewhere": caller(platform, pods["elsewhere"]),
        "API server": API_SERVER,
    }
    return {name for name, one in callers.items() if judge.lets_in(one, pods["target"], labels, 9443)}


EVERYBODY = {"beside", "elsewhere", "API server"}
CASES: dict[str, tuple[list[dict[str, Any]], set[str]]] = {
    "no policy": ([], EVERYBODY),
    "a policy without rules": ([policy()], set()),
    "an empty rule": ([policy({})], EVERYBODY),
    "a policy for other pods": ([policy(selects={"matchLabels": {"app": "beside"}})], EVERYBODY),
    "one for what is sent": ([policy(policyTypes=["Egress"])], EVERYBODY),
    "pods of the namespace": ([policy({"from": [{"podSelector": {}}]})], {"beside"}),
    "pods of all namespaces": ([policy({"from": [{"namespaceSelector": {}}]})], {"beside", "elsewhere"}),
    "a namespace by its name": ([policy({"from": [{"namespaceSelector": {"matchLabels": OTHER}}]})], {"elsewhere"}),
    "a namespace by a label": (
        [policy({"from": [{"namespaceSelector": {"matchLabels": {"team": "blue"}}}]})],
        {"elsewhere"},
    ),
    "both selectors of one peer": (
        [
            policy(
                {
                    "from": [
                        {"namespaceSelector": {"matchLabels": OTHER}, "podSelector": {"matchLabels": {"app": "beside"}}}
                    ]
                }
            )
        ],
        set(),
    ),
    "two peers": (
        [policy({"from": [{"namespaceSelector": {"matchLabels": OTHER}}, {"podSelector": {}}]})],
        {"beside", "elsewhere"},
    ),
    "the port": ([policy({"ports": [{"port": 9443, "protocol": "TCP"}]})], EVERYBODY),
    "the port by its name": ([policy({"ports": [{"port": "hooks"}]})], EVERYBODY),
    "a range": ([policy({"ports": [{"port": 9000, "endPort": 9999}]})], EVERYBODY),
    "another port": ([policy({"ports": [{"port": 443}]})], set()),
    "another name": ([policy({"ports": [{"port": "metrics"}]})], set()),
    "the same port in UDP": ([policy({"ports": [{"port": 9443, "protocol": "UDP"}]})], set()),
    "peer and port": ([policy({"from": [{"podSelector": {}}], "ports": [{"port": 9443}]})], {"beside"}),
    "every address": ([policy({"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]})], EVERYBODY),
    "some addresses": ([policy({"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]})], set()),
    "policies add up": (
        [policy(), {**policy({"from": [{"podSelector": {}}]}), "metadata": {"name": "two", "namespace": "here"}}],
        {"beside"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_policy_lets_in_whom_it_says(case: str) -> None:
    policies, expected = CASES[case]
    assert reached(*policies) == expected


def test_the_network_of_a_node_has_no_policies() -> None:
    assert reached(policy(), pod={"hostNetwork": True}) == EVERYBODY


def test_a_selector_that_kubernetes_refuses_is_named() -> None:
    with pytest.raises(UserError, match=r"NetworkPolicy here/one has a podSelector that .* fix it"):
        reached(policy({}, selects={"matchExpressions": [{"key": "app", "operator": "Is"}]}))


@pytest.mark.parametrize(
    ("place", "labels", "expected"),
    [
        ({}, {}, None),
        ({"istio-injection": "enabled"}, {}, "target"),
        ({"istio-injection": "enabled"}, {"app.kubernetes.io/name": "trainer"}, "trainer"),
        ({"istio-injection": "enabled"}, {"sidecar.istio.io/inject": "false"}, None),
    ],
)
def test_the_label_that_istio_adds_is_known(
    place: dict[str, str], labels: dict[str, str], expected: str | None
) -> None:
    objects = [
        manifest("v1", "Namespace", "here", labels=place),
        workload("target", "here", labels=labels),
    ]
    platform = Platform(objects)
    (target,) = platform.workloads.values()
    assert pod_labels(platform, target).known.get("service.istio.io/canonical-name") == expected
