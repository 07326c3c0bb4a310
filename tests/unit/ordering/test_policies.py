"""Admission policies: what comes before the binding, and what comes after it."""

from typing import Any

import pytest

from bench.synthetic import config_map, definition, manifest, namespace, policy, policy_binding, rule, workload
from ordering.errors import UserError
from ordering.graph import DEFAULT, Graph, Wait, build
from ordering.manifests.objects import Manifest

SHOP = namespace("shop", tier="web")
LIMITS, FEW = (
    definition("rules.example.org", "Limit", scope="Cluster"),
    manifest("rules.example.org/v1", "Limit", "few"),
)
WEB = workload("web", "shop")
EARLY = workload("early", "default")
BOTH = ("CREATE", "UPDATE")
REPLICAS = policy("replicas", [rule("apps", "deployments", BOTH)], "rules.example.org/v1 Limit")
BOUND = policy_binding("replicas-all", REPLICAS, "few", validationActions=["Deny"])


def needs(graph: Graph, name: str) -> set[str]:
    """What a thing needs, directly or not, by name."""
    (node,) = [node for node in graph.nodes if node.id.name == name]
    return {need.name for need in graph.needs_of(node.id)}


def judged(*objects: Manifest, of: Manifest, kind: str = "Validating", **spec: Any) -> set[str]:
    """What comes after a binding of a policy."""
    bound = policy_binding("bound", of, **spec)
    graph = build([*objects, of, bound])
    return {edge.source.name for edge in graph.edges if edge.target.name == "bound"}


def test_parameters_before_the_binding_and_the_binding_before_what_it_judges() -> None:
    """The case from the field: a parameter that goes first has everything refused that is still being deleted."""
    graph = build([LIMITS, FEW, SHOP, WEB, EARLY, REPLICAS, BOUND])
    assert needs(graph, "replicas-all") == {"replicas", "few", LIMITS["metadata"]["name"]}
    for name in ("web", "early"):
        assert {"replicas-all", "replicas", "few"} < needs(graph, name)
    assert not graph.dropped
    assert not graph.unresolved


def test_what_a_binding_judges_waits_until_the_api_server_acts_by_it() -> None:
    graph = build([LIMITS, FEW, SHOP, WEB, REPLICAS, BOUND])
    waits = {node.id.name: node.wait for node in graph.nodes}
    assert waits["replicas-all"] == Wait(seconds=2)
    assert str(waits["replicas-all"]) == "2 s"
    assert waits["replicas"] == DEFAULT
    alone = build([LIMITS, FEW, REPLICAS, BOUND])
    assert {node.wait for node in alone.nodes if node.id.name == "replicas-all"} == {DEFAULT}, "nothing waits for it"


DEPLOYMENTS = [rule("apps", "deployments")]


def test_what_a_policy_is_for() -> None:
    objects = [SHOP, WEB, EARLY, config_map("settings", "shop")]
    assert judged(*objects, of=policy("p", DEPLOYMENTS)) == {"web", "early"}
    assert judged(*objects, of=policy("p", [rule("", "pods")])) == {"web", "early"}, "the pods that they make"
    assert judged(*objects, of=policy("p", [rule("apps", "deployments", ("DELETE",))])) == set()
    assert judged(*objects, of=policy("p", [{**DEPLOYMENTS[0], "resourceNames": ["web"]}])) == {"web"}
    named = policy("p", DEPLOYMENTS, excludeResourceRules=[{**DEPLOYMENTS[0], "resourceNames": ["web"]}])
    assert judged(*objects, of=named) == {"early"}
    selected = policy("p", DEPLOYMENTS, namespaceSelector={"matchLabels": {"tier": "web"}})
    assert judged(*objects, of=selected) == {"web"}
    elsewhere = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}}}
    assert judged(*objects, of=policy("p", DEPLOYMENTS), matchResources=elsewhere) == {"early"}
    assert judged(*objects, of=selected, matchResources=elsewhere) == set(), "both must match"
    assert judged(*objects, of=policy("p", DEPLOYMENTS, kind="Mutating")) == {"web", "early"}


def test_a_condition_in_cel_leaves_it_open_and_the_need_soft() -> None:
    given = policy("p", DEPLOYMENTS)
    given["spec"]["matchConditions"] = [{"name": "c", "expression": "object.spec.replicas > 3"}]
    graph = build([SHOP, WEB, given, policy_binding("bound", given)])
    (edge,) = [edge for edge in graph.edges if (edge.source.name, edge.target.name) == ("web", "bound")]
    assert not edge.hard
    assert edge.reason == "its CREATE may be judged by ValidatingAdmissionPolicy p"


def test_what_a_policy_itself_needs_is_not_judged_by_it() -> None:
    """Its parameter is a ConfigMap in a namespace, and it judges both."""
    given = policy("p", [rule("", "*")], "v1 ConfigMap")
    bound = policy_binding(
        "bound", given, paramRef={"name": "few", "namespace": "shop", "parameterNotFoundAction": "Deny"}
    )
    graph = build([SHOP, config_map("few", "shop"), config_map("other", "shop"), given, bound])
    assert needs(graph, "bound") == {"few", "shop", "p"}
    assert "bound" in needs(graph, "other")
    assert {dropped.edge.source.name for dropped in graph.dropped} == {"few", "shop"}


def test_parameters_by_selector_and_in_the_namespace_of_what_is_judged() -> None:
    given = policy("p", DEPLOYMENTS, "v1 ConfigMap")
    objects = [SHOP, config_map("few", "shop", labels={"rank": "few"}), config_map("other", "shop"), given]
    chosen = {"selector": {"matchLabels": {"rank": "few"}}, "parameterNotFoundAction": "Deny"}
    assert needs(build([*objects, policy_binding("b", given, paramRef=chosen)]), "b") == {"few", "shop", "p"}
    assert needs(build([*objects, policy_binding("b", given, "other")]), "b") == {"other", "shop", "p"}


def test_parameters_that_an_api_server_would_keep_are_told() -> None:
    given = policy("p", DEPLOYMENTS, "v1 ConfigMap")
    (warned,) = build([SHOP, config_map("few", "shop"), given, policy_binding("b", given, "few")]).warnings
    assert warned.message.startswith("ValidatingAdmissionPolicy p judges by ConfigMaps: once its binding has been gone")
    assert not build([LIMITS, FEW, REPLICAS, BOUND]).warnings


def test_what_nobody_brings_is_named() -> None:
    graph = build([REPLICAS, BOUND, policy_binding("lost", policy("nowhere", []))])
    assert {(one.asker.name, one.wanted) for one in graph.unresolved} == {
        ("replicas", "CustomResourceDefinition for Limit in rules.example.org"),
        ("replicas-all", "Limit few"),
        ("lost", "ValidatingAdmissionPolicy nowhere"),
    }


@pytest.mark.parametrize(
    ("match", "message"),
    [
        ({"resourceRules": "all"}, "ValidatingAdmissionPolicy p has 'all' as its rules, which must be a list: fix it."),
        (
            {"namespaceSelector": {"matchLabels": []}},
            "ValidatingAdmissionPolicy p has a namespaceSelector that has [] as matchLabels, which must be a mapping: "
            "fix it.",
        ),
    ],
)
def test_a_malformed_policy_is_named(match: dict[str, Any], message: str) -> None:
    given = policy("p", DEPLOYMENTS)
    given["spec"]["matchConstraints"] = match
    with pytest.raises(UserError) as refused:
        build([given, policy_binding("bound", given)])
    assert str(refused.value) == message
