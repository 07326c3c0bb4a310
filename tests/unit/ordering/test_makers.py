"""Kinds that no manifest defines: what makes them goes first, and what nothing makes is reported."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.synthetic import account, binding, definition, manifest, namespace, workload
from ordering.graph import Graph, Node, Strength, build
from ordering.manifests.objects import Manifest

RBAC = "rbac.authorization.k8s.io/v1"
DEFINITIONS = {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": ["create"]}
A, RUNNER = namespace("a"), account("runner", "a")


def operator(*rules: dict[str, Any], role: str = "operates") -> list[Manifest]:
    """An operator, and what it may do."""
    granted = manifest(RBAC, "ClusterRole", role, rules=list(rules))
    return [A, RUNNER, granted, binding(role, granted, RUNNER), workload("operator", "a", account="runner")]


def about(group: str) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": ["*"], "verbs": ["*"]}


def of(api: str, kind: str, **spec: Any) -> Manifest:
    return manifest(api, kind, kind.lower(), spec=spec)


def defined(template: Manifest) -> Manifest:
    group, version = template["apiVersion"].split("/")
    return definition(group, template["kind"], scope="Cluster", versions=[version])


def found(objects: list[Manifest], kind: str) -> tuple[Graph, Node]:
    graph = build(objects)
    (node,) = [node for node in graph.nodes if node.id.kind == kind]
    return graph, node


XR = of("acme.example/v1", "Database")
SHAPED = {"group": "acme.example", "names": {"kind": "Database", "plural": "databases"}}
NAMES = {"crd": {"spec": {"names": {"kind": "MustLabel"}}}}
OWNED = {"customresourcedefinitions": {"owned": [{"name": "databases.acme.example", "kind": "Database"}]}}
TEMPLATES = {
    "Gatekeeper": (
        of("templates.gatekeeper.sh/v1", "ConstraintTemplate", **NAMES),
        of("constraints.gatekeeper.sh/v1beta1", "MustLabel"),
    ),
    "Crossplane": (of("apiextensions.crossplane.io/v2", "CompositeResourceDefinition", **SHAPED), XR),
    "Crossplane's claims": (
        of(
            "apiextensions.crossplane.io/v1",
            "CompositeResourceDefinition",
            group="acme.example",
            names={"kind": "XDatabase"},
            claimNames={"kind": "Database"},
        ),
        XR,
    ),
    "kro": (of("kro.run/v1alpha1", "ResourceGraphDefinition", schema={"kind": "App"}), of("kro.run/v1alpha1", "App")),
    "Operator Lifecycle Manager": (of("operators.coreos.com/v1alpha1", "ClusterServiceVersion", **OWNED), XR),
    "Knative's operator": (of("operator.knative.dev/v1", "KnativeServing"), of("serving.knative.dev/v1", "Service")),
    "a provider": (of("pkg.crossplane.io/v1", "Provider"), of("s3.aws.upbound.io/v1beta1", "Bucket")),
}


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_a_kind_comes_after_its_template(name: str) -> None:
    template, made = TEMPLATES[name]
    graph, node = found([defined(template), template, made], made["kind"])
    (need,) = [edge for edge in graph.edges if edge.source == node.id]
    assert (need.target.kind, need.rule, need.hard) == (template["kind"], "custom_resource_needs_maker", True)
    assert node.kind_made_by == need.target.title
    assert graph.unresolved == ()


def test_an_operator_that_may_make_definitions_and_knows_the_group_makes_its_kinds() -> None:
    graph, node = found([*operator(DEFINITIONS, about("acme.example")), XR], "Database")
    assert node.kind_made_by == "Deployment a/operator"
    assert (
        graph.reasons[node.id, node.needs[0]][0].reason == "Deployment a/operator makes the kind Database when it runs"
    )


def test_what_an_operator_needs_to_install_anything_is_not_installed_by_its_objects() -> None:
    """Crossplane's core makes these kinds when it starts, and providers bring only what they are for."""
    core = operator(DEFINITIONS, about("apiextensions.crossplane.io"), about("pkg.crossplane.io"))
    provider = of("pkg.crossplane.io/v1", "Provider")
    shape, function, nop = (
        of("apiextensions.crossplane.io/v2", "CompositeResourceDefinition", **SHAPED),
        of("pkg.crossplane.io/v1", "Function"),
        of("nop.crossplane.io/v1alpha1", "NopResource"),
    )
    graph = build([*core, provider, shape, function, nop])
    makers = {node.id.kind: node.kind_made_by for node in graph.nodes if node.kind_made_by}
    own = dict.fromkeys(("CompositeResourceDefinition", "Function", "Provider"), "Deployment a/operator")
    assert makers == {**own, "NopResource": "Provider provider"}


def test_what_one_names_no_other_may_make() -> None:
    """Whoever may do everything is asked only where nothing names the kind."""
    other = [
        account("all", "a"),
        manifest(
            RBAC,
            "ClusterRoleBinding",
            "all",
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            subjects=[{"kind": "ServiceAccount", "name": "all", "namespace": "a"}],
        ),
        workload("helm", "a", account="all"),
    ]
    assert found([*operator(DEFINITIONS, about("acme.example")), *other, XR], "Database")[1].kind_made_by == (
        "Deployment a/operator"
    )
    graph, node = found([A, *other, XR], "Database")
    assert node.kind_made_by == "Deployment a/helm"
    assert graph.reasons[node.id, node.needs[0]][0].strength is Strength.OPTIONAL


def test_an_aggregated_role_is_what_its_parts_are() -> None:
    parts = manifest(RBAC, "ClusterRole", "part", labels={"sum": "yes"}, rules=[DEFINITIONS, about("acme.example")])
    total = manifest(
        RBAC, "ClusterRole", "sum", aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"sum": "yes"}}]}
    )
    objects = [A, RUNNER, parts, total, binding("sum", total, RUNNER), workload("operator", "a", account="runner")]
    assert found([*objects, XR], "Database")[1].kind_made_by == "Deployment a/operator"


@pytest.mark.parametrize(
    "objects",
    [
        operator(about("acme.example")),
        operator({**DEFINITIONS, "verbs": ["get", "list", "watch"]}, about("acme.example")),
        operator(DEFINITIONS, about("other.example")),
        [defined(TEMPLATES["Gatekeeper"][0]), TEMPLATES["Gatekeeper"][0]],
    ],
    ids=["makes no definitions", "reads them", "makes others", "a template of another kind"],
)
def test_what_nothing_makes_is_reported_and_not_waited_for(objects: list[Manifest]) -> None:
    graph, node = found([*objects, XR], "Database")
    assert node.kind_made_by == ""
    assert [u.wanted for u in graph.unresolved] == ["CustomResourceDefinition for Database in acme.example"]


@given(
    st.sampled_from(sorted(TEMPLATES)),
    st.permutations(range(8)),
    st.booleans(),
    st.sampled_from(["", "a"]),
)
def test_variants_keep_the_order(name: str, order: list[int], engine: bool, place: str) -> None:
    """Whatever else is there, in whatever order it is read: the maker first, and nothing unresolved."""
    template, made = TEMPLATES[name]
    ours = [
        A,
        defined(template),
        template,
        manifest(made["apiVersion"], made["kind"], "one", place),
    ]
    objects = [*ours, *operator(DEFINITIONS, about(made["apiVersion"].partition("/")[0]))[1:]] if engine else ours
    graph, node = found([objects[i] for i in order if i < len(objects)], made["kind"])
    needed = {id_.kind for id_ in graph.needs_of(node.id)}
    assert template["kind"] in needed
    assert ("Deployment" in needed) == engine
    assert graph.unresolved == ()
