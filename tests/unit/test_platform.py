"""A graph as the engine gets it: types, names, order, waits, and what is secret."""

import re
from pathlib import Path
from typing import Any

import pulumi
import pytest

from infra.kubeflow.credentials import GENERATED, Credentials
from infra.kubeflow.generated import GeneratedCredentials
from infra.kubeflow.install import TIMEOUTS, KubeflowArgs, annotated, install
from infra.kubeflow.load import LoadedRelease, load
from infra.kubeflow.readers import ANNOTATION
from infra.settings import DashboardSettings, Secret
from ops.project import PROJECT_ROOT
from ordering.graph import Graph, ObjectId, build
from tests.unit.mocks import Recording, record

PASSWORD = "correct horse battery"


def config_map(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "apps"},
        "data": {"a": "b"},
    }


NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.example.com", "annotations": {"team": "ml"}},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"kind": "Thing", "plural": "things"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {}}],
    },
}
THING = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "one", "namespace": "apps"}}


def installed(graph: Graph, replacements: dict[ObjectId, Any] | None = None, *, protect: bool = False) -> Recording:
    def program() -> None:
        provider = pulumi.ProviderResource("kubernetes", "cluster", {})
        ready = pulumi.CustomResource("test:index:Cluster", "ready", {})
        given = replacements or {}
        args = KubeflowArgs(graph=graph, replacements=given, provider=provider, needs=[ready], protect=protect)
        install("kubeflow", args)

    return record(program)


@pytest.fixture(scope="module")
def made() -> Recording:
    return installed(build([NAMESPACE, DEFINITION, THING, config_map("settings")]))


def test_types_are_those_of_pulumi_kubernetes(made: Recording) -> None:
    assert made.one("Namespace").type == "kubernetes:core/v1:Namespace"
    assert made.one("CustomResourceDefinition").type == "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
    assert made.one("Thing").type == "kubernetes:example.com/v1:Thing"


def test_names_are_namespace_and_name(made: Recording) -> None:
    assert made.one("Thing").name == "apps/one"
    assert made.one("Namespace").name == "apps"


def test_an_object_depends_on_what_it_needs_and_the_first_on_the_cluster(made: Recording) -> None:
    assert made.one("Thing").depends_on == {"apps", "things.example.com"}
    assert made.one("ConfigMap").depends_on == {"apps"}
    assert made.one("Namespace").depends_on == {"ready"}
    assert made.one("CustomResourceDefinition").depends_on == {"ready"}


def test_all_belong_to_one_component_and_go_to_the_given_cluster(made: Recording) -> None:
    component = made.one("Kubeflow")
    objects = [one for one in made.resources if one.type.startswith("kubernetes:")]
    assert len(objects) == 4
    assert {(one.parent, one.provider) for one in objects} == {(component.name, "cluster")}


def test_a_definition_is_waited_for_beside_its_own_annotations(made: Recording) -> None:
    assert made.one("CustomResourceDefinition").inputs["metadata"]["annotations"] == {
        "team": "ml",
        "pulumi.com/waitFor": "condition=Established",
        "pulumi.com/deletionPropagationPolicy": "background",
    }


def test_what_is_sent_is_the_manifest_and_how_it_goes(made: Recording) -> None:
    goes = {"pulumi.com/deletionPropagationPolicy": "background"}
    assert made.one("ConfigMap").inputs == annotated(config_map("settings"), goes)


def test_a_replacement_is_sent_in_place_of_the_manifest() -> None:
    graph = build([NAMESPACE, config_map("settings")])
    told = {**config_map("settings"), "data": {"a": pulumi.Output.secret("chosen later")}}
    sent = installed(graph, {ObjectId("v1", "ConfigMap", "apps", "settings"): told}).one("ConfigMap")
    assert sent.inputs["data"] == {"a": "chosen later"}
    assert "data" in sent.secret


def test_a_protected_stack_keeps_volumes_and_profiles_and_lets_definitions_go() -> None:
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "mysql", "namespace": "apps"}}
    profile = {"apiVersion": "kubeflow.org/v1beta1", "kind": "Profile", "metadata": {"name": "ada"}}
    graph = build([NAMESPACE, DEFINITION, claim, profile])
    assert {one.name for one in installed(graph, protect=True).resources if one.protect} == {"apps/mysql", "ada"}
    assert not [one.name for one in installed(graph).resources if one.protect]


def test_annotating_leaves_the_manifest_as_it_is() -> None:
    before = config_map("settings")
    after = annotated(before, {"a": "b"})
    assert after["metadata"]["annotations"] == {"a": "b"}
    assert before == config_map("settings")
    assert annotated(before, {}) is before


def test_a_rollout_gets_longer_than_images_take() -> None:
    assert TIMEOUTS.create == "20m"


# The sample with generated credentials, as infra/program.py puts the two together.


@pytest.fixture(scope="module")
def release() -> LoadedRelease:
    return load(
        release="26.03",
        path=str(Path("manifests", "sample")),
        sample=True,
        root=PROJECT_ROOT,
        kubernetes_version="1.35",
    )


@pytest.fixture(scope="module")
def whole(release: LoadedRelease) -> Recording:
    def program() -> None:
        login = GeneratedCredentials("dev", DashboardSettings(user="ada@example.com", password=Secret(PASSWORD)))
        provider = pulumi.ProviderResource("kubernetes", "cluster", {})
        replacements = release.filled(login.credentials, None, {}, login.checksum)
        install("kubeflow", KubeflowArgs(graph=release.graph, replacements=replacements, provider=provider, needs=[]))

    return record(program)


def test_a_gate_is_a_patch_with_a_wait_of_its_own(release: LoadedRelease, whole: Recording) -> None:
    gates = [node for node in release.graph.nodes if node.gate is not None]
    assert gates
    for node in gates:
        patch = whole.one(node.id.kind, node.id.name)
        assert patch.type.endswith("Patch")
        assert "caBundle" in patch.inputs["metadata"]["annotations"]["pulumi.com/waitFor"], patch.name
        assert patch.inputs["metadata"]["annotations"]["pulumi.com/patchForce"] == "true"


def test_every_direct_need_of_the_graph_is_a_dependency(release: LoadedRelease, whole: Recording) -> None:
    sent = {one.type + one.name: one for one in whole.resources}
    for node in release.graph.nodes:
        named = "/".join(part for part in (node.id.namespace, node.id.name) if part)
        (one,) = [sent[key] for key in sent if key.endswith(f":{node.id.kind}{named}")]
        needs = {"/".join(part for part in (need.namespace, need.name) if part) for need in node.needs}
        # A replaced value adds the resource that it comes from.
        assert {name for name in one.depends_on if not name.startswith("dev-")} == needs


def test_what_only_the_engine_knows_reaches_the_objects_as_a_secret(release: LoadedRelease) -> None:
    def program() -> None:
        random = {spec.name: pulumi.Output.secret(f"made {spec.name}") for spec in GENERATED}
        login = Credentials(email="ada@example.com", password_hash=pulumi.Output.secret("$2y$12$h"), **random)
        provider = pulumi.ProviderResource("kubernetes", "cluster", {})
        replacements = release.filled(login, None, {}, lambda _: "sum")
        install("kubeflow", KubeflowArgs(graph=release.graph, replacements=replacements, provider=provider, needs=[]))

    sent = record(program)
    carriers = [one for one in sent.resources if "made " in str(one.inputs) or "$2y$12$h" in str(one.inputs)]
    assert "kubeflow/mysql-secret" in {one.name for one in carriers}
    assert any("$2y$12$h" in str(one.inputs) for one in carriers)
    assert [one.name for one in carriers if not one.secret & {"data", "stringData"}] == []
    assert {one.type.rpartition(":")[2] for one in sent.resources if one.secret} <= {"ConfigMap", "Secret"}


def test_one_random_value_a_purpose_and_no_more(whole: Recording) -> None:
    names = {one.name for one in whole.all("RandomPassword")}
    wanted = {spec.name.replace("_", "-") for spec in GENERATED} | {"salt-seed"}
    assert names == {f"dev-{name}" for name in wanted}
    assert all(one.inputs["special"] is False for one in whole.all("RandomPassword"))


def test_the_known_login_is_gone_and_the_password_is_nowhere(whole: Recording) -> None:
    sent = str([one.inputs for one in whole.resources])
    assert "user@example.com" not in sent
    assert "ada@example.com" in sent
    assert PASSWORD not in sent
    assert "12341234" not in sent


def test_a_pod_template_carries_no_secret_so_that_previews_stay_readable(whole: Recording) -> None:
    assert not [one.name for one in whole.all("Deployment") if one.secret]
    dex = whole.one("Deployment", "auth/dex").inputs["spec"]["template"]["metadata"]["annotations"]
    assert re.fullmatch("[0-9a-f]{16}", dex[ANNOTATION])
