"""Which workload finishes a custom resource, where only the manifests show it."""

from typing import Any

import pytest

from bench.synthetic import (
    account,
    binding,
    configuration,
    definition,
    manifest,
    namespace,
    rule,
    service,
    webhook,
    workload,
)
from ordering.graph import Graph, ObjectId, Strength, build
from ordering.graph.controllers import CONTROLLERS
from ordering.graph.index import Platform
from ordering.graph.rules.facts import Facts
from ordering.manifests.objects import Manifest
from tests.unit.ordering.runs import objects_of, real_platforms

GROUP = "factory.example.org"
A, WIDGETS, WIDGET = namespace("ops"), definition(GROUP, "Widget"), manifest(f"{GROUP}/v1", "Widget", "first", "ops")
RUNNER = account("widget-operator", "ops")


def roles(*resources: str, verbs: tuple[str, ...] = ("*",), group: str = GROUP, **fields: Any) -> Manifest:
    rules = [{"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}] if resources else []
    return manifest("rbac.authorization.k8s.io/v1", "ClusterRole", "widget-operator", **{"rules": rules, **fields})


def operator(role: Manifest, name: str = "widget-operator", **fields: Any) -> list[Manifest]:
    """A workload that acts with a role, of its own account."""
    runner = account(name, "ops")
    return [role, runner, binding(name, role, runner), workload(name, "ops", account=name, **fields)]


def holding_back(graph: Graph) -> dict[str, Strength]:
    """The workloads that the Widget waits for, and goes before, by name."""
    edges = [edge for edge in graph.edges if edge.source.kind == "Widget"]
    return {edge.target.name: edge.strength for edge in edges if edge.rule == "custom_resource_needs_controller"}


def test_a_resource_goes_while_the_operator_that_finishes_it_lives() -> None:
    """The case from the field: nothing but its role says whose the resource is."""
    graph = build([A, WIDGETS, WIDGET, *operator(roles("widgets", "widgets/finalizers", "widgets/status"))])
    assert holding_back(graph) == {"widget-operator": Strength.OPTIONAL}
    (edge,) = [edge for edge in graph.edges if edge.rule == "custom_resource_needs_controller"]
    assert edge.reason == (
        "Deployment ops/widget-operator seems to finish it: it may update widgets/finalizers and may update "
        "widgets/status"
    )


PART = manifest(
    "rbac.authorization.k8s.io/v1",
    "ClusterRole",
    "part",
    labels={"part": "yes"},
    rules=[{"apiGroups": [GROUP], "resources": ["widgets/status"], "verbs": ["patch"]}],
)
SUM = roles(aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"part": "yes"}}]})
CONVERTED = definition(GROUP, "Widget")
CONVERTED["spec"]["conversion"] = {
    "strategy": "Webhook",
    "webhook": {"clientConfig": {"service": {"name": "widget-operator", "namespace": "ops"}}},
}
SERVING = [workload("widget-operator", "ops"), service("widget-operator", "ops")]
ADMITTED = configuration(
    "widgets", webhook("w", ("ops", "widget-operator"), [rule(GROUP, "widgets")], failurePolicy="Ignore")
)


def labelled(kind: str, labels: dict[str, str], name: str = "widget-operator") -> Manifest:
    made = definition(GROUP, "Widget") if kind == "CustomResourceDefinition" else workload(name, "ops")
    made["metadata"]["labels"] = {f"app.kubernetes.io/{key}": value for key, value in labels.items()}
    return made


def from_folder(made: Manifest, path: str) -> Manifest:
    return {**made, "metadata": {**made["metadata"], "annotations": {"config.kubernetes.io/origin": f"path: {path}\n"}}}


OURS = {"name": "widgets", "instance": "main"}
SIGNS = {
    "may update its status": [WIDGETS, *operator(roles("widgets/status", verbs=("get", "update")))],
    "through an aggregated role": [WIDGETS, PART, *operator(SUM)],
    "converts it": [CONVERTED, *SERVING],
    "admits it": [WIDGETS, ADMITTED, *SERVING],
    "labels": [
        labelled("CustomResourceDefinition", OURS),
        labelled("Deployment", {**OURS, "component": "controller"}),
        labelled("Deployment", {**OURS, "component": "ui"}, "page"),
        labelled("Deployment", {**OURS, "instance": "other"}, "other"),
    ],
    "one folder": [
        from_folder(WIDGETS, "factory/crds.yaml"),
        from_folder(workload("widget-operator", "ops"), "factory/operator.yaml"),
        from_folder(workload("page", "ops"), "pages/page.yaml"),
    ],
}


@pytest.mark.parametrize("sign", SIGNS)
def test_signs_of_an_operator(sign: str) -> None:
    assert holding_back(build([A, WIDGET, *SIGNS[sign]])).keys() == {"widget-operator"}


NOTHING = {
    "a wildcard for all resources": [WIDGETS, *operator(roles("*"))],
    "a wildcard for all of a subresource": [WIDGETS, *operator(roles("*/finalizers"))],
    "a wildcard for all groups": [WIDGETS, *operator(roles("widgets/finalizers", group="*"))],
    "only reads": [WIDGETS, *operator(roles("widgets/status", verbs=("get", "list", "watch")))],
    "writes, and does not finish": [WIDGETS, *operator(roles("widgets"))],
    "a Job": [WIDGETS, *operator(roles("widgets/finalizers"), kind="Job")],
    "two in the folder": [
        from_folder(WIDGETS, "factory/crds.yaml"),
        from_folder(workload("widget-operator", "ops"), "factory/operator.yaml"),
        from_folder(workload("page", "ops"), "factory/page.yaml"),
    ],
    "an origin that cannot be read": [from_folder(WIDGETS, "{["), from_folder(workload("page", "ops"), "{[")],
    "two with its labels": [
        labelled("CustomResourceDefinition", OURS),
        labelled("Deployment", OURS, "one"),
        labelled("Deployment", OURS, "two"),
    ],
}


@pytest.mark.parametrize("name", NOTHING)
def test_what_is_no_sign(name: str) -> None:
    assert holding_back(build([A, WIDGET, *NOTHING[name]])) == {}


def test_a_page_that_may_write_one_part_is_not_the_operator() -> None:
    page = roles("widgets/status", verbs=("patch",))
    page["metadata"]["name"] = "page"
    both = [*operator(roles("widgets/finalizers", "widgets/status")), *operator(page, "page")]
    assert holding_back(build([A, WIDGETS, WIDGET, *both])).keys() == {"widget-operator"}


def test_a_guess_never_closes_a_cycle() -> None:
    """The operator mounts what the resource is declared to come before: the guess gives way."""
    first = {**WIDGET, "metadata": {**WIDGET["metadata"]}}
    needs = {"config.kubernetes.io/depends-on": f"{GROUP}/namespaces/ops/Widget/first"}
    graph = build([A, WIDGETS, first, *operator(roles("widgets/finalizers"), annotations=needs)])
    assert holding_back(graph) == {}
    assert [dropped.edge.target.name for dropped in graph.dropped] == ["widget-operator"]


@pytest.mark.parametrize(
    "pod",
    [
        {"args": ["--widget-config-name=first"]},
        {"args": ["serve", "--config", "first"]},
        {"env": [{"name": "WIDGET", "value": "first"}]},
    ],
)
def test_an_operator_that_starts_with_a_resource_does_not_hold_it_back(pod: dict[str, Any]) -> None:
    made = operator(roles("widgets/finalizers"))
    made[-1]["spec"]["template"]["spec"]["containers"][0] |= pod
    second = manifest(f"{GROUP}/v1", "Widget", "second", "ops")
    graph = build([A, WIDGETS, WIDGET, second, *made])
    held = {edge.source.name for edge in graph.edges if edge.rule == "custom_resource_needs_controller"}
    assert held == {"second"}


# Where the table and what is derived name different workloads in the releases, and why. Nobody is derived where a
# controller's role is for `*` (metacontroller, most of Istio) or is cluster-admin (Profile).
ELSEWHERE = {
    "networking.istio.io/VirtualService": "kserve-controller-manager",  # which makes them for its services
    "serving.knative.dev/Service": "kserve-controller-manager",
    # Knative's controller holds a role for `*` of these groups, so the webhook is all that names a kind.
    **dict.fromkeys(
        (
            *(f"autoscaling.internal.knative.dev/{kind}" for kind in ("Metric", "PodAutoscaler")),
            *(f"networking.internal.knative.dev/{kind}" for kind in ("Certificate", "Ingress", "ServerlessService")),
            *(f"serving.knative.dev/{kind}" for kind in ("Configuration", "DomainMapping", "Revision", "Route")),
        ),
        "webhook",
    ),
}
AGREED = {
    *(f"acme.cert-manager.io/{kind}" for kind in ("Challenge", "Order")),
    *(f"cert-manager.io/{kind}" for kind in ("Certificate", "CertificateRequest", "ClusterIssuer", "Issuer")),
    "caching.internal.knative.dev/Image",
    "networking.internal.knative.dev/ClusterDomainClaim",
    *(f"networking.istio.io/{kind}" for kind in ("ServiceEntry", "WorkloadEntry")),
    "security.istio.io/AuthorizationPolicy",
}


@pytest.mark.parametrize("name", [name for name in real_platforms() if name in ("26.03", "1.10.2")])
def test_what_is_derived_agrees_with_the_table_but_for_what_is_named(name: str) -> None:
    facts = Facts(Platform(objects_of(name)))
    agreed, elsewhere, nobody = set[str](), dict[str, str](), set[str]()
    for group, kind in facts.platform.definitions:
        id_ = ObjectId(f"{group}/v1", kind, "", "any")
        known = {found for one in CONTROLLERS if one.finishes(id_) for found in facts.controllers.workloads(one)}
        derived = [operator.workload for operator in facts.operators[group, kind]]
        if not known:
            continue
        if not derived:
            nobody.add(f"{group}/{kind}")
        elif known.issuperset(derived):
            agreed.add(f"{group}/{kind}")
        else:
            elsewhere[f"{group}/{kind}"] = ", ".join(id_.name for id_ in derived)
    assert elsewhere == ELSEWHERE
    assert agreed == AGREED
    assert {one.split("/")[0].split(".", 1)[1] for one in nobody} == {"istio.io", "k8s.io", "org"}


# What nobody put into a table: the releases' own operators, as they are named there.
DERIVED = {
    ("kubeflow.org", "Notebook"): ["notebook-controller-deployment"],
    ("kubeflow.org", "Trial"): ["katib-controller"],
    ("serving.kserve.io", "InferenceService"): ["kserve-controller-manager"],
    ("tensorboard.kubeflow.org", "Tensorboard"): ["tensorboard-controller-deployment"],
    ("argoproj.io", "Workflow"): ["workflow-controller"],
}


@pytest.mark.parametrize("name", [name for name in real_platforms() if name in ("26.03", "1.10.2")])
def test_operators_of_the_releases_are_found(name: str) -> None:
    found = Facts(Platform(objects_of(name))).operators
    assert {kind: [one.workload.name for one in found[kind]] for kind in DERIVED} == DERIVED
