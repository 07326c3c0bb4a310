"""Circles that are none, and the entry that opens one that is."""

import pytest
import yaml

from bench.synthetic import (
    account,
    binding,
    config_map,
    configuration,
    definition,
    manifest,
    namespace,
    role,
    rule,
    service,
    webhook,
    workload,
)
from ordering.errors import UserError
from ordering.graph import CycleError, Graph, Strength, build
from ordering.manifests.objects import Manifest
from tests.unit.ordering.runs import CERTIFIES, objects_of

KUBEFLOW = [
    namespace("kubeflow"),
    definition("kubeflow.org", "Profile", scope="Cluster"),
    account("profiles", "kubeflow"),
    workload("profiles-deployment", "kubeflow", account="profiles"),
    workload("other", "kubeflow"),
    manifest("kubeflow.org/v1", "Profile", "person"),
]
ALL_OF_KUBEFLOW = {"kind": "Group", "name": "system:serviceaccounts:kubeflow"}
CONTROLLER = {"kind": "ServiceAccount", "name": "profiles", "namespace": "kubeflow"}
EDITOR = {"kind": "ServiceAccount", "name": "default-editor", "namespace": "person"}


def granted(place: str, *subjects: dict[str, str]) -> Manifest:
    kind = "RoleBinding" if place else "ClusterRoleBinding"
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    version = "rbac.authorization.k8s.io/v1"
    return manifest(version, kind, "may-read", place, roleRef=reference, subjects=list(subjects))


def pairs(graph: Graph) -> dict[tuple[str, str], Strength]:
    return {(edge.source.name, edge.target.name): edge.strength for edge in graph.edges}


def test_a_group_in_a_profile_closes_no_circle() -> None:
    """The case from the field. Whoever can wait for the grant does."""
    graph = build([*KUBEFLOW, granted("person", ALL_OF_KUBEFLOW)])
    assert pairs(graph)["other", "may-read"] is Strength.OPTIONAL
    assert ("profiles-deployment", "may-read") not in pairs(graph)
    assert [dropped.edge.source.name for dropped in graph.dropped] == ["profiles-deployment"]


def test_nor_does_an_account_of_another_namespace() -> None:
    graph = build([*KUBEFLOW, granted("person", CONTROLLER)])
    assert ("profiles-deployment", "may-read") not in pairs(graph)


def test_nor_one_binding_for_several_accounts() -> None:
    """The controller fails without its grant; the account that it makes itself can come later."""
    graph = build([*KUBEFLOW, granted("", CONTROLLER, EDITOR)])
    assert pairs(graph)["profiles-deployment", "may-read"] is Strength.REQUIRED
    assert pairs(graph)["may-read", "profiles"] is Strength.OPTIONAL
    assert ("may-read", "person") not in pairs(graph)


def test_what_acts_alone_in_its_namespace_needs_its_grant_firmly() -> None:
    runner, own = account("runner", "a"), role("runner", "a")
    objects = [namespace("a"), runner, own, binding("runner", own, runner, "a"), workload("app", "a", account="runner")]
    graph = build(objects)
    firm = {(edge.source.kind, edge.target.kind) for edge in graph.edges if edge.strength is Strength.REQUIRED}
    assert {("Deployment", "RoleBinding"), ("RoleBinding", "ServiceAccount")} <= firm


def test_the_sample_with_a_group_in_its_profile_has_an_order() -> None:
    graph = build([*objects_of("sample"), granted("sample-user", ALL_OF_KUBEFLOW)])
    assert {dropped.edge.source.name for dropped in graph.dropped} == {"profiles-deployment"}


DEPENDS_ON = "config.kubernetes.io/depends-on"


def circle() -> list[Manifest]:
    """The application mounts what is declared to come after it."""
    volumes = [{"name": "v", "configMap": {"name": "settings"}}]
    late = config_map("settings", "default", annotations={DEPENDS_ON: "apps/namespaces/default/Deployment/app"})
    return [workload("app", "default", volumes=volumes), late]


def test_the_message_shows_the_entry_that_opens_the_circle() -> None:
    with pytest.raises(CycleError) as refused:
        build(circle())
    *_, told, line = str(refused.value).splitlines()
    assert told == "This entry in kubeflowEdges leaves one out, if it is not needed after all:"
    (entry,) = yaml.safe_load(line)
    assert entry == {"from": "apps/v1/Deployment/default/app", "to": "-v1/ConfigMap/default/settings"}
    graph = build(circle(), overrides=[(entry["from"], entry["to"])])
    assert pairs(graph) == {("settings", "app"): Strength.REQUIRED}
    assert not graph.warnings


def test_a_gate_in_a_circle_is_named_by_what_it_stands_before() -> None:
    """What a person could leave out is the need of the configuration, not of the gate."""
    name = f"operator{CERTIFIES}"
    objects = [
        namespace("a"),
        definition("example.com", "Thing"),
        manifest("example.com/v1", "Thing", "thing", "a"),
        workload(name, "a", args=[f"--webhook-configuration={name}"]),
        service(name, "a"),
        configuration(name, webhook("hook", ("a", name), [rule("example.com", "things")])),
    ]
    thing, backend = "Thing/a/thing", f"Deployment/a/{name}"
    with pytest.raises(CycleError) as refused:
        build(objects, overrides=[(backend, thing), (thing, f"MutatingWebhookConfiguration/{name}")])
    assert any(edge.source.kind.endswith("Patch") for edge in refused.value.edges)
    (entry,) = yaml.safe_load(str(refused.value).splitlines()[-1])
    assert entry == {
        "from": f"admissionregistration.k8s.io/v1/MutatingWebhookConfiguration//{name}",
        "to": f"-apps/v1/Deployment/a/{name}",
    }


def test_an_entry_that_leaves_out_nothing_is_told() -> None:
    graph = build(
        [*circle()[:1], config_map("settings", "default")], overrides=[("ConfigMap/settings", "-Deployment/app")]
    )
    assert [warned.message for warned in graph.warnings] == [
        "An override leaves out the need of v1/ConfigMap/default/settings for apps/v1/Deployment/default/app, which "
        "there is not: remove the entry"
    ]


def test_an_entry_must_name_objects_and_not_say_both() -> None:
    with pytest.raises(UserError, match="names 'Deployment/nobody', which no manifest holds"):
        build(circle(), overrides=[("ConfigMap/settings", "-Deployment/nobody")])
    both = [("ConfigMap/settings", "Deployment/app"), ("ConfigMap/settings", "-Deployment/app")]
    with pytest.raises(UserError, match=r"^The overrides add the need of .*, and leave it out: keep one of the two"):
        build(circle(), overrides=both)
