"""Who is intercepted: only what the API server would really send through the webhook."""

from typing import Any

import pytest

from bench.synthetic import (
    config_map,
    configuration,
    definition,
    manifest,
    namespace,
    rule,
    secret,
    service,
    volume,
    webhook,
    workload,
)
from ordering.graph import Graph, Strength, build
from ordering.manifests.objects import Manifest
from tests.unit.ordering.runs import objects_of, real_platforms

OPERATOR = [namespace("system"), workload("operator", "system"), service("operator", "system")]
INJECTED = namespace("a", inject="on")
PLAIN = namespace("b")


def interceptions(objects: list[Manifest], *hooks: dict[str, Any]) -> dict[str, Strength]:
    """What needs the webhooks, and how firmly, apart from the objects that make up their backend."""
    graph = build([*OPERATOR, *objects, configuration("operator", *hooks)])
    return {
        edge.source.title: edge.strength
        for edge in graph.edges
        if edge.rule == "object_needs_webhook" and edge.source.namespace != "system"
    }


def hook(*rules: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return webhook("hook", ("system", "operator"), rules, **fields)


PODS = rule("", "pods")
APP = workload("app", "a")
THINGS = definition("example.com", "Thing", versions=("v2", "v1"))
THING = manifest("example.com/v1", "Thing", "thing", "a")


@pytest.mark.parametrize(
    ("rules", "hit"),
    [
        (rule("", "configmaps"), True),
        (rule("", "*"), True),
        (rule("", "*/*"), True),
        (rule("*", "configmaps/*"), True),
        (rule("", "configmaps/status"), False),
        (rule("", "secrets"), False),
        (rule("apps", "configmaps"), False),
        (rule("", "configmaps", ["*"]), True),
        (rule("", "configmaps", ["UPDATE", "DELETE"]), False),
        (rule("", "configmaps", version="v1"), True),
        (rule("", "configmaps", version="v2"), False),
        ({**rule("", "configmaps"), "scope": "Namespaced"}, True),
        ({**rule("", "configmaps"), "scope": "Cluster"}, False),
        ({**rule("", "configmaps"), "scope": "*"}, True),
    ],
)
def test_rules(rules: dict[str, Any], hit: bool) -> None:
    assert ("ConfigMap a/settings" in interceptions([INJECTED, config_map("settings", "a")], hook(rules))) is hit


@pytest.mark.parametrize(("scope", "hit"), [("Cluster", True), ("Namespaced", False), ("*", True)])
def test_a_namespace_is_an_object_of_the_cluster(scope: str, hit: bool) -> None:
    found = interceptions([INJECTED], hook({**rule("", "namespaces"), "scope": scope}))
    assert ("Namespace a" in found) is hit


@pytest.mark.parametrize(
    ("policy", "version", "hit"),
    [
        ("Equivalent", "v2", True),
        (None, "v2", True),
        ("Exact", "v2", False),
        ("Exact", "v1", True),
        (None, "v3", False),
    ],
)
def test_other_versions_of_the_same_kind_are_equivalent_unless_told_otherwise(
    policy: str | None, version: str, hit: bool
) -> None:
    fields = {"matchPolicy": policy} if policy else {}
    found = interceptions([INJECTED, THINGS, THING], hook(rule("example.com", "things", version=version), **fields))
    assert ("Thing a/thing" in found) is hit


@pytest.mark.parametrize(
    ("selector", "hit"),
    [
        ({"matchLabels": {"inject": "on"}}, {"Deployment a/app"}),
        ({"matchExpressions": [{"key": "inject", "operator": "DoesNotExist"}]}, {"Deployment b/app"}),
        ({"matchExpressions": [{"key": "inject", "operator": "NotIn", "values": ["on"]}]}, {"Deployment b/app"}),
        ({"matchLabels": {"kubernetes.io/metadata.name": "b"}}, {"Deployment b/app"}),
        ({"matchLabels": {"inject": "off"}}, set()),
        ({}, {"Deployment a/app", "Deployment b/app"}),
    ],
)
def test_namespaces_are_selected_by_their_labels_and_their_name(selector: dict[str, Any], hit: set[str]) -> None:
    objects = [INJECTED, PLAIN, APP, workload("app", "b")]
    found = interceptions(objects, hook(PODS, namespaceSelector=selector))
    assert found.keys() == hit
    assert set(found.values()) <= {Strength.INTERCEPTED}


def test_a_namespace_selector_looks_at_a_namespace_itself_and_passes_other_objects_of_the_cluster() -> None:
    objects = [INJECTED, PLAIN, manifest("rbac.authorization.k8s.io/v1", "ClusterRole", "role")]
    hooks = hook(
        rule("", "namespaces"),
        rule("rbac.authorization.k8s.io", "clusterroles"),
        namespaceSelector={"matchLabels": {"inject": "on"}},
    )
    assert interceptions(objects, hooks).keys() == {"Namespace a", "ClusterRole role"}


def test_pods_count_with_the_labels_of_their_template() -> None:
    objects = [
        INJECTED,
        workload("out", "a", labels={"inject": "false"}),
        workload("in", "a", kind="StatefulSet"),
        workload("daemon", "a", kind="DaemonSet"),
        manifest("batch/v1", "Job", "job", "a", spec={"template": {"spec": {}}}),
        manifest("batch/v1", "CronJob", "cron", "a", spec={"jobTemplate": {"spec": {"template": {}}}}),
        manifest("v1", "Pod", "pod", "a", labels={"inject": "false"}, spec={}),
    ]
    selector = {"matchExpressions": [{"key": "inject", "operator": "NotIn", "values": ["false"]}]}
    assert interceptions(objects, hook(PODS, objectSelector=selector)).keys() == {
        "StatefulSet a/in",
        "DaemonSet a/daemon",
        "Job a/job",
        "CronJob a/cron",
    }


def test_labels_that_controllers_add_are_known_to_be_there() -> None:
    def selecting(operator: str) -> dict[str, Strength]:
        selector = {"matchExpressions": [{"key": "pod-template-hash", "operator": operator}]}
        return interceptions([INJECTED, APP], hook(PODS, objectSelector=selector))

    assert selecting("Exists") == {"Deployment a/app": Strength.INTERCEPTED}
    assert selecting("DoesNotExist") == {}


@pytest.mark.parametrize(("policy", "hit"), [("Fail", True), (None, True), ("Ignore", False)])
def test_only_a_webhook_that_must_answer_holds_anything_back(policy: str | None, hit: bool) -> None:
    fields = {"failurePolicy": policy} if policy else {}
    assert bool(interceptions([INJECTED, APP], hook(PODS, **fields))) is hit


@pytest.mark.parametrize(
    ("expression", "strength"),
    [
        # Katib's, in 1.10.2 and 26.03: whoever deploys is no account that the manifests make.
        (
            'request.userInfo.username != "system:serviceaccount:kubeflow:katib-controller"',
            Strength.INTERCEPTED,
        ),
        ("request.userInfo.username!='system:serviceaccount:system:operator' ", Strength.INTERCEPTED),
        # Controllers that make pods are accounts of kube-system.
        (
            "request.userInfo.username != 'system:serviceaccount:kube-system:replicaset-controller'",
            Strength.UNDECIDED,
        ),
        ("request.userInfo.username == 'system:serviceaccount:system:operator'", Strength.UNDECIDED),
        ("request.userInfo.username != 'system:serviceaccount:system:operator\"", Strength.UNDECIDED),
        ("!(request.userInfo.username != 'system:serviceaccount:system:operator')", Strength.UNDECIDED),
        ("request.userInfo.username != 'system:serviceaccount:a:b' && false", Strength.UNDECIDED),
        ("request.namespace == 'b'", Strength.UNDECIDED),
        ("", Strength.UNDECIDED),
    ],
)
def test_one_form_of_match_condition_is_decided(expression: str, strength: Strength) -> None:
    found = interceptions([INJECTED, APP], hook(PODS, matchConditions=[{"name": "x", "expression": expression}]))
    assert found == {"Deployment a/app": strength}


# Pipelines by themselves have no match condition.
@pytest.mark.parametrize("name", [name for name in real_platforms() if not name.startswith("pipelines")])
def test_no_match_condition_of_a_platform_is_left_undecided(name: str) -> None:
    """Each holds for whoever deploys, so without them the order is the same, and as firm."""
    given = objects_of(name)
    bare = [
        {**manifest, "webhooks": [_unconditional(webhook) for webhook in manifest["webhooks"]]}
        if "webhooks" in manifest
        else manifest
        for manifest in given
    ]
    graph, unconditional = build(given), build(bare)
    assert bare != given
    assert graph.edges == unconditional.edges
    assert [(node.id, node.level) for node in graph.nodes] == [(node.id, node.level) for node in unconditional.nodes]


def _unconditional(webhook: Manifest) -> Manifest:
    return {key: value for key, value in webhook.items() if key != "matchConditions"}


def test_one_undecided_condition_is_enough() -> None:
    others = "request.userInfo.username != 'system:serviceaccount:system:operator'"
    conditions = [{"name": "x", "expression": e} for e in (others, "object.spec.hostNetwork")]
    found = interceptions([INJECTED, APP], hook(PODS, matchConditions=conditions))
    assert found == {"Deployment a/app": Strength.UNDECIDED}


def test_labels_of_a_namespace_that_a_profile_makes_are_known_in_part() -> None:
    objects = [
        definition("kubeflow.org", "Profile", scope="Cluster"),
        manifest("kubeflow.org/v1", "Profile", "person"),
        workload("notebook", "person"),
    ]

    def selecting(key: str, value: str) -> dict[str, Strength]:
        return interceptions(objects, hook(PODS, namespaceSelector={"matchLabels": {key: value}}))

    def both(strength: Strength) -> dict[str, Strength]:
        return {"Deployment person/notebook": strength, "Profile person": strength}

    assert selecting("istio-injection", "enabled") == both(Strength.INTERCEPTED)
    assert selecting("istio-injection", "disabled") == {}
    assert selecting("kubernetes.io/metadata.name", "person") == both(Strength.INTERCEPTED)
    assert selecting("team", "x") == both(Strength.UNDECIDED)


def test_a_profile_waits_for_the_webhook_of_pods_that_others_make_in_its_namespace() -> None:
    """The server of artifacts that Pipelines attaches to it; the webhook of PodDefaults asks for that label."""
    objects = [
        definition("kubeflow.org", "Profile", scope="Cluster"),
        manifest("kubeflow.org/v1", "Profile", "person"),
    ]
    profiles = {"matchLabels": {"app.kubernetes.io/part-of": "kubeflow-profile"}}
    assert interceptions(objects, hook(PODS, namespaceSelector=profiles)) == {"Profile person": Strength.INTERCEPTED}
    trials = {"matchLabels": {"trial": "yes"}}
    assert interceptions(objects, hook(PODS, namespaceSelector=profiles, objectSelector=trials)) == {}
    assert interceptions(objects, hook(PODS, namespaceSelector=profiles, failurePolicy="Ignore")) == {}


def test_the_network_plugin_in_kube_system_waits_for_nobody() -> None:
    daemon = workload("cni", "kube-system", kind="DaemonSet")
    assert interceptions([daemon], hook(PODS, namespaceSelector={"matchLabels": {"inject": "on"}})) == {}


def test_webhook_configurations_pass_no_webhook() -> None:
    other = configuration("other", hook(rule("example.com", "things")), kind="Validating")
    found = interceptions([other], hook(rule("*", "*")))
    assert "ValidatingWebhookConfiguration other" not in found


def test_what_the_backend_needs_is_sent_before_the_webhook_and_reported() -> None:
    graph = build([*OPERATOR, configuration("operator", hook(rule("*", "*")))])
    assert {d.edge.source.title for d in graph.dropped} == {
        "Namespace system",
        "Deployment system/operator",
        "Service system/operator",
    }
    order = [node.id.kind for node in graph.nodes]
    assert order[-1] == "MutatingWebhookConfiguration"
    assert all("is sent before that exists" in d.explanation for d in graph.dropped)


def test_two_webhooks_that_see_each_others_backends_are_put_in_some_order() -> None:
    def side(name: str) -> list[Manifest]:
        hooks = webhook("hook", (name, name), [PODS], namespaceSelector={"matchLabels": {"watched": "yes"}})
        return [namespace(name, watched="yes"), workload(name, name), service(name, name), configuration(name, hooks)]

    graph = build([*side("one"), *side("two")])
    kept = [e for e in graph.edges if e.rule == "object_needs_webhook"]
    assert [(e.source.name, e.target.name) for e in kept] == [("one", "two")]
    assert {(d.edge.source.name, d.edge.target.name) for d in graph.dropped} == {
        ("one", "one"),
        ("two", "two"),
        ("two", "one"),
    }


def test_a_webhook_outside_of_the_manifests_is_waited_for_as_it_is() -> None:
    by_url = {"name": "hook", "clientConfig": {"url": "https://hooks.example"}, "rules": [PODS]}
    graph = build([INJECTED, APP, configuration("outside", by_url)])
    (target,) = [e.target for e in graph.edges if e.rule == "object_needs_webhook"]
    assert graph.node(target).wait.annotations == {}
    elsewhere = webhook("hook", ("gone", "gone"), [PODS])
    graph = build([INJECTED, APP, configuration("outside", elsewhere)])
    assert [(u.asker.name, u.wanted) for u in graph.unresolved] == [("outside", "Service gone/gone")]


def edges(graph: Graph) -> set[tuple[str, str]]:
    """Sources and targets, by their titles."""
    return {(edge.source.title, edge.target.title) for edge in graph.edges}


def test_a_gate_nobody_waits_at_is_left_out_and_its_backend_still_comes_second() -> None:
    hook = webhook("hook", ("a", "operator"), [rule("example.com", "things")])
    operator = workload("operator", "a", volumes=[volume("Secret", "own")])
    graph = build(
        [
            namespace("a"),
            operator,
            service("operator", "a"),
            secret("own", "a", stringData={}),
            configuration("own", hook),
        ]
    )
    assert all(node.gate is None for node in graph.nodes)
    assert ("Deployment a/operator", "MutatingWebhookConfiguration own") in edges(graph)
    assert graph.find("MutatingWebhookConfiguration/own").needs == ()
    assert graph.find("MutatingWebhookConfiguration/own").wait.annotations == {}


def test_on_destroy_what_the_webhook_sees_goes_before_the_backend() -> None:
    hook = webhook("hook", ("a", "operator"), [rule("example.com", "things", ["DELETE"])])
    operator = workload("operator", "a", args=["--webhook-configuration=own"])
    thing = [definition("example.com", "Thing"), manifest("example.com/v1", "Thing", "t", "a")]
    graph = build([namespace("a"), operator, service("operator", "a"), configuration("own", hook), *thing])
    assert ("Thing a/t", "MutatingWebhookConfigurationPatch own") in edges(graph)


def test_a_backend_whose_pods_its_own_webhook_sees_comes_first() -> None:
    hook = webhook("hook", ("a", "operator"), [rule("", "pods")])
    operator = workload("operator", "a", args=["--webhook-configuration=own"])
    graph = build([namespace("a"), operator, service("operator", "a"), configuration("own", hook)])
    assert ("MutatingWebhookConfiguration own", "Deployment a/operator") in edges(graph)
    assert all(node.gate is None for node in graph.nodes)
