"""Bad manifests: one clear sentence that names the object, never a traceback, never silence."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.synthetic import config_map, configuration, definition, manifest, namespace, rule, service, webhook, workload
from ordering.errors import UserError
from ordering.graph import CycleError, build
from ordering.manifests.objects import Manifest

A = namespace("a")
SHAPED = [
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("v1", "Secret"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Namespace"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "CronJob"),
    ("cert-manager.io/v1", "Certificate"),
    ("cert-manager.io/v1", "Issuer"),
    ("kubeflow.org/v1", "Profile"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("apiregistration.k8s.io/v1", "APIService"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
]
FIELDS = [
    *("spec", "template", "metadata", "labels", "selector", "matchLabels", "matchExpressions", "key", "operator"),
    *("values", "volumes", "containers", "env", "envFrom", "valueFrom", "secretRef", "configMap", "name", "namespace"),
    *("clientConfig", "service", "rules", "operations", "apiGroups", "apiVersions", "resources", "objectSelector"),
    *("namespaceSelector", "matchConditions", "expression", "group", "names", "kind", "plural", "versions", "served"),
    *("storage", "conversion", "strategy", "webhook", "secretName", "issuerRef", "ca", "podSelector", "verbs"),
    *("clusterRoleSelectors", "jobTemplate", "volumeClaimTemplates", "storageClassName", "projected", "sources"),
]
HOOK = webhook("hook.example", ("a", "operator"), [rule("", "pods")])


def broken(**fields: Any) -> list[Manifest]:
    return [A, configuration("operator", {**HOOK, **fields})]


def without(field: str) -> list[Manifest]:
    return [A, configuration("operator", {key: value for key, value in HOOK.items() if key != field})]


def depending(text: str) -> list[Manifest]:
    return [A, config_map("x", "a"), config_map("y", "a", annotations={"config.kubernetes.io/depends-on": text})]


def edited(change: Callable[[Manifest], object]) -> list[Manifest]:
    found = definition("example.com", "Thing")
    change(found)
    return [found]


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        (
            broken(rules="all"),
            "The webhook hook.example of MutatingWebhookConfiguration operator has 'all' as its rules",
        ),
        (broken(rules=["pods"]), "has the rule 'pods', which must be a mapping"),
        (broken(rules=[{**HOOK["rules"][0], "resources": "pods"}]), "has a rule with 'pods' as its resources"),
        (broken(rules=[{**HOOK["rules"][0], "operations": ["MAKE"]}]), "has a rule for the unknown operation 'MAKE'"),
        (broken(rules=[{"apiGroups": [""]}]), "has a rule with None as its operations"),
        (broken(rules=[{**HOOK["rules"][0], "scope": "Pod"}]), "scope 'Pod'; allowed are Namespaced, Cluster and *"),
        (broken(failurePolicy="Retry"), "has 'Retry' as its failurePolicy; allowed are Fail and Ignore"),
        (broken(matchPolicy="Some"), "has 'Some' as its matchPolicy; allowed are Exact and Equivalent"),
        (broken(clientConfig={}), "has a clientConfig without exactly one of service and url"),
        (without("clientConfig"), "has a clientConfig without exactly one of service and url"),
        (broken(clientConfig={"service": {"name": "x"}}), "which needs a namespace and a name"),
        (broken(matchConditions=["true"]), "has the match condition 'true', which lacks an expression"),
        (broken(matchConditions="true"), "as its matchConditions, which must be a list"),
        (
            broken(objectSelector={"matchExpressions": [{"key": "app", "operator": "Like", "values": ["x"]}]}),
            "of MutatingWebhookConfiguration operator has an objectSelector that has the unknown operator 'Like'",
        ),
        ([A, {**configuration("operator"), "webhooks": "x"}], "operator has 'x' as its webhooks, which must be a list"),
        ([A, {**configuration("operator"), "webhooks": ["x"]}], "The webhook number 1 of MutatingWebhookConfiguration"),
        (
            edited(lambda d: d["spec"].update(versions=[])),
            "CustomResourceDefinition things.example.com serves no version",
        ),
        (edited(lambda d: d["spec"]["versions"][0].update(served=False)), "things.example.com serves no version"),
        (edited(lambda d: d["spec"].pop("group")), "things.example.com has no spec.group"),
        (edited(lambda d: d["spec"]["names"].pop("plural")), "things.example.com has no spec.names.plural"),
        (
            [A, definition("example.com", "Thing"), manifest("example.com/v2", "Thing", "t", "a")],
            "Thing a/t is written in example.com/v2, which things.example.com does not serve: use v1.",
        ),
        ([A, A], "Namespace a (v1/Namespace//a) appears twice: keep one of them."),
        (
            [
                A,
                manifest("autoscaling/v1", "HorizontalPodAutoscaler", "x", "a"),
                manifest("autoscaling/v2", "HorizontalPodAutoscaler", "x", "a"),
            ],
            "appears twice, as autoscaling/v1/HorizontalPodAutoscaler/a/x and as autoscaling/v2/",
        ),
        ([A, manifest("v1", "Namespace", "a", "elsewhere")], "Namespace elsewhere/a appears twice"),
        (depending("/namespaces/a/ConfigMap/z"), "ConfigMap a/y names '/namespaces/a/ConfigMap/z' in its config.kub"),
        (depending("ConfigMap/x"), "write GROUP/namespaces/NAMESPACE/KIND/NAME or GROUP/KIND/NAME"),
        (depending("/namespaces/a/ConfigMap/y"), "An object needs itself in a cycle"),
        (
            [A, configuration("operator", HOOK, injected="operator")],
            "operator has 'operator' as its cert-manager.io/inject-ca-from: write NAMESPACE/NAME.",
        ),
        (
            [
                A,
                manifest(
                    "networking.k8s.io/v1",
                    "NetworkPolicy",
                    "deny",
                    "a",
                    spec={"podSelector": {"matchExpressions": [{"key": "app", "operator": "Was"}]}},
                ),
            ],
            "NetworkPolicy a/deny has a podSelector that has the unknown operator 'Was'",
        ),
        ([{"kind": "Namespace"}], "is not a Kubernetes object: it has no metadata"),
        ([{"kind": "Namespace", "apiVersion": "v1", "metadata": {}}], "has None as its metadata.name"),
        ([{"metadata": {"name": "x"}, "apiVersion": "v1"}], "has None as its kind"),
        (["text"], "'text' is not a Kubernetes object"),
    ],
)
def test_the_fault_and_the_object_are_named(objects: list[Any], message: str) -> None:
    with pytest.raises(UserError) as raised:
        build(objects)
    assert message in str(raised.value)


def test_depends_on_in_a_circle() -> None:
    def needing(name: str, other: str) -> Manifest:
        return config_map(
            name, "a", annotations={"config.kubernetes.io/depends-on": f"/namespaces/a/ConfigMap/{other}"}
        )

    with pytest.raises(CycleError) as raised:
        build([A, needing("x", "y"), needing("y", "x")])
    assert "v1/ConfigMap/a/x needs v1/ConfigMap/a/y: its annotation config.kubernetes.io/depends-on" in str(
        raised.value
    )


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("ConfigMap/x", "ConfigMap/z"), "names 'ConfigMap/z', which no manifest holds"),
        (("ConfigMap/x", "v1/ConfigMap/b/x"), "did you mean v1/ConfigMap/a/x?"),
        (("Secret/x", "ConfigMap/x"), "The override from 'Secret/x' to 'ConfigMap/x' names 'Secret/x'"),
    ],
)
def test_an_override_that_names_nothing(pair: tuple[str, str], message: str) -> None:
    with pytest.raises(UserError) as raised:
        build([A, config_map("x", "a")], overrides=[pair])
    assert message in str(raised.value)


def test_an_override_that_may_mean_two() -> None:
    objects = [A, namespace("b"), config_map("x", "a"), config_map("x", "b"), config_map("y", "a")]
    with pytest.raises(UserError, match="may be v1/ConfigMap/a/x, v1/ConfigMap/b/x: write one of these in full"):
        build(objects, overrides=[("ConfigMap/y", "ConfigMap/x")])


def test_what_is_nowhere_is_reported_with_who_asks() -> None:
    app = workload("app", "a", account="nobody", pod={"volumes": [{"name": "v", "configMap": {"name": "lost"}}]})
    graph = build([app, manifest("example.com/v1", "Thing", "t"), service("typo", "a", app="ap")])
    assert {(u.asker.title, u.wanted) for u in graph.unresolved} == {
        ("Deployment a/app", "Namespace a"),
        ("Deployment a/app", "ConfigMap a/lost"),
        ("Deployment a/app", "ServiceAccount a/nobody"),
        ("Service a/typo", "Namespace a"),
        ("Thing t", "CustomResourceDefinition for Thing in example.com"),
    }
    assert [w.message for w in graph.warnings] == ["Service a/typo selects the pods of no workload in the manifests"]


def test_odd_shapes_are_no_reason_to_fall_over() -> None:
    shapes: list[Any] = [None, "text", 3, [], {}, [None], {"template": None}]
    for number, shape in enumerate(shapes):
        for api_version, kind in (
            ("apps/v1", "Deployment"),
            ("v1", "Service"),
            ("v1", "PersistentVolumeClaim"),
            ("apps/v1", "StatefulSet"),
            ("batch/v1", "CronJob"),
            ("cert-manager.io/v1", "Certificate"),
            ("cert-manager.io/v1", "Issuer"),
            ("apiregistration.k8s.io/v1", "APIService"),
        ):
            graph = build([A, manifest(api_version, kind, f"odd-{number}", "a", spec=shape)])
            assert graph.stats["objects"] == 2
        binding = manifest("rbac.authorization.k8s.io/v1", "RoleBinding", "odd", "a", subjects=shape, roleRef=shape)
        assert build([A, binding]).stats["objects"] == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "a", "a/b", "*", "Fail", "In", "Webhook"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.sampled_from(SHAPED),
    st.dictionaries(st.sampled_from(["spec", "webhooks", "subjects", "roleRef", "rules", "aggregationRule"]), JSON),
    st.dictionaries(st.sampled_from(["labels", "annotations", "namespace"]), JSON),
)
@settings(deadline=None, max_examples=600)
def test_whatever_stands_there_ends_in_a_graph_or_in_a_sentence(
    kind: tuple[str, str], fields: dict[str, Any], metadata: dict[str, Any]
) -> None:
    odd = {"apiVersion": kind[0], "kind": kind[1], "metadata": {**metadata, "name": "odd"}, **fields}
    try:
        graph = build([A, workload("app", "a"), service("app", "a"), config_map("x", "a"), odd])
    except UserError as error:
        assert "odd" in str(error)  # noqa: PT017
    else:
        assert graph.stats["objects"] == 5
