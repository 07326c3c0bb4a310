"""The order as other engines are told it: every need is kept, and what cannot be said is."""

import re

import pytest
import yaml

from bench.synthetic import (
    account,
    cert_manager,
    certificate,
    config_map,
    configuration,
    definition,
    issuer,
    manifest,
    namespace,
    rule,
    service,
    webhook,
    workload,
)
from ordering.exports import TARGETS
from ordering.exports.export import dump, needs
from ordering.graph import Graph, build
from ordering.manifests.extract import objects
from ordering.manifests.objects import Manifest
from ordering.manifests.parse import parse
from tests.unit.ordering.runs import objects_of

PLATFORM = [
    *cert_manager(),
    namespace("a"),
    issuer("own", "a"),
    certificate("served", "a", "own"),
    definition("example.com", "Thing"),
    workload("operator", "a"),
    service("operator", "a"),
    configuration("operator", webhook("hook", ("a", "operator"), [rule("example.com", "things")]), injected="a/served"),
    manifest("example.com/v1", "Thing", "thing", "a", spec={"text": "{{ not helm's }}"}),
    config_map("free", "a"),
]


@pytest.fixture(scope="module")
def graph() -> Graph:
    return build(PLATFORM)


def read(text: str) -> list[Manifest]:
    return [found for found, _ in objects(parse(text.encode(), "export"))]


def annotations(found: Manifest) -> dict[str, str]:
    return dict(found["metadata"].get("annotations") or {})


@pytest.mark.parametrize(
    "value", ["yes", "1e3", "0o14", "08", "2012-10-17", "null", "", "<<", "=", "a\nb\n", " x", "é", ".5", "1_0"]
)
def test_a_text_stays_one_for_every_reader(value: str) -> None:
    given = config_map("one", "a", data={"key": value}, annotations={"key": value})
    assert read(dump([given])) == [given]
    if re.fullmatch(r"[\w.]*", value, re.ASCII) and value not in ("", "a"):
        assert f"key: {value}\n" not in dump([given])


@pytest.mark.parametrize("name", [name for name in TARGETS if name not in ("flux", "helm")])
def test_every_object_is_sent_once_and_unchanged_but_for_annotations(name: str, graph: Graph) -> None:
    (text,) = TARGETS[name](graph).files.values()
    found = [found for found in text.split("\n---\n") if "kapp.k14s.io/v1alpha1" not in found]
    assert len(found) == len(PLATFORM)
    for given, written in zip((node.manifest for node in graph.nodes if node.gate is None), found, strict=True):
        (read_back,) = read(written)
        own = set(annotations(given))
        kept = {key: value for key, value in annotations(read_back).items() if key in own}
        metadata = {**read_back["metadata"], "annotations": kept}
        assert {**read_back, "metadata": metadata} == {**given, "metadata": {**given["metadata"], "annotations": kept}}


def test_waves_rise_along_every_need(graph: Graph) -> None:
    (text,) = TARGETS["argocd"](graph).files.values()
    waves = {found["kind"] + found["metadata"]["name"]: annotations(found) for found in read(text)}
    level = {key: int(value["argocd.argoproj.io/sync-wave"]) for key, value in waves.items()}
    for node in graph.nodes:
        if node.gate is None:
            for need in needs(graph, node):
                assert level[need.kind + need.name] < level[node.id.kind + node.id.name]


def test_kapp_has_a_rule_both_ways_for_each_need(graph: Graph) -> None:
    (text,) = TARGETS["kapp"](graph).files.values()
    found = {
        entry["kind"] + entry["metadata"]["name"]: annotations(entry)
        for entry in read(text.partition("---\napiVersion: kapp")[0])
    }
    group = found["MutatingWebhookConfigurationoperator"]["kapp.k14s.io/change-group.order"]
    rules = {value for key, value in found["Thingthing"].items() if "change-rule" in key}
    assert {f"upsert after upserting {group}", f"delete before deleting {group}"} <= rules
    config = next(one for one in read(text) if one["kind"] == "Config")
    kinds = {one["resourceMatchers"][0]["apiVersionKindMatcher"]["kind"]: one for one in config["waitRules"]}
    assert 'one.type == "Ready"' in kinds["Certificate"]["ytt"]["funcContractV1"]["resource.star"]


def test_depends_on_names_the_direct_needs(graph: Graph) -> None:
    (text,) = TARGETS["depends-on"](graph).files.values()
    found = {entry["kind"] + entry["metadata"]["name"]: annotations(entry) for entry in read(text)}
    named = found["Thingthing"]["config.kubernetes.io/depends-on"].split(",")
    assert "admissionregistration.k8s.io/MutatingWebhookConfiguration/operator" in named
    assert found["ConfigMapfree"]["config.kubernetes.io/depends-on"] == "/Namespace/a"
    assert "cert-manager.io/namespaces/a/Issuer/own" in found["Certificateserved"]["config.kubernetes.io/depends-on"]


def test_flux_has_a_step_for_each_level_that_waits_for_the_one_before(graph: Graph) -> None:
    export = TARGETS["flux"](graph)
    steps = read(export.files["flux.yaml"])
    assert len(steps) == len(graph.levels)
    assert [step["spec"].get("dependsOn") for step in steps] == [
        None,
        *([{"name": step["metadata"]["name"]}] for step in steps[:-1]),
    ]
    checked = {check["name"] for step in steps for check in step["spec"].get("healthChecks", ())}
    assert {"operator", "served"} <= checked
    files = [name for name in export.files if name.endswith("/resources.yaml")]
    assert sum(len(read(export.files[name])) for name in files) == len(PLATFORM)


def test_a_chart_has_hooks_for_what_needs_something_ready(graph: Graph) -> None:
    files = TARGETS["helm"](graph).files
    assert "kind: Thing" in files["crds/definitions.yaml"]
    assert "helm.sh/hook: post-install,post-upgrade" in files["templates/hooks.yaml"]
    assert "kind: Thing" in files["templates/hooks.yaml"]
    assert '{{ "{{" }} not helm' in files["templates/hooks.yaml"]
    assert "kind: Deployment" in files["templates/release.yaml"]
    assert "Deployment" not in files["templates/hooks.yaml"]


def test_a_chart_sends_what_is_in_a_namespace_of_a_profile_once_that_can_be_there() -> None:
    """Helm fails an installation of which anything is refused, and takes over nothing that is there."""
    profile = manifest("kubeflow.org/v1", "Profile", "team", spec={"owner": {"kind": "User", "name": "a"}})
    claim = manifest("v1", "PersistentVolumeClaim", "data", "team", spec={})
    own = definition("kubeflow.org", "Profile", scope="Cluster")
    theirs = account("default-editor", "team")
    given = [own, namespace("a"), workload("profiles", "a"), profile, config_map("settings", "team"), claim, theirs]
    export = TARGETS["helm"](build(given))
    hooks = {one["kind"]: annotations(one) for one in read(export.files["templates/hooks.yaml"])}
    assert hooks["ConfigMap"]["helm.sh/hook"] == "post-install,post-upgrade"
    assert hooks["PersistentVolumeClaim"]["helm.sh/hook"] == "post-install"
    assert hooks["PersistentVolumeClaim"]["helm.sh/hook-delete-policy"] == "hook-failed", "never made again"
    assert "kind: Profile" in export.files["templates/release.yaml"]
    assert "default-editor" not in "".join(export.files.values())
    assert any(note.startswith("ServiceAccount team/default-editor: made by") for note in export.notes)


@pytest.mark.parametrize("name", [*TARGETS])
def test_an_object_of_the_cluster_is_sent_without_the_namespace_that_kustomize_gave_it(name: str) -> None:
    """cli-utils 0.37 refuses it, and a health check would look for it there."""
    place = {"name": "one", "namespace": "a"}
    issuer_ = manifest("cert-manager.io/v1", "ClusterIssuer", "one", spec={"selfSigned": {}}) | {"metadata": place}
    asks = certificate("served", "a", "one")
    asks["spec"]["issuerRef"]["kind"] = "ClusterIssuer"
    own = definition("cert-manager.io", "ClusterIssuer", scope="Cluster")
    files = TARGETS[name](build([*cert_manager(), own, namespace("a"), issuer_, asks])).files
    written = [one for text in files.values() for one in yaml.safe_load_all(text) if one]
    sent = [one for one in written if one.get("kind") == "ClusterIssuer"]
    assert [one["metadata"].get("namespace") for one in sent] == [None]
    checks = [check for one in written for check in one.get("spec", {}).get("healthChecks", ())]
    assert [check.get("namespace") for check in checks if check["kind"] == "ClusterIssuer"] == [None] * bool(checks)


def test_nothing_waits_for_a_claim_that_its_own_pod_binds() -> None:
    claim = manifest("v1", "PersistentVolumeClaim", "data", "a", spec={"accessModes": ["ReadWriteOnce"]})
    mount = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    graph = build([namespace("a"), claim, workload("db", "a", volumes=mount)])
    (text,) = TARGETS["depends-on"](graph).files.values()
    assert "PersistentVolumeClaim/data" not in text
    (text,) = TARGETS["argocd"](graph).files.values()
    waves = {found["kind"]: annotations(found)["argocd.argoproj.io/sync-wave"] for found in read(text)}
    assert waves["PersistentVolumeClaim"] == waves["Deployment"]


def applied(text: str) -> list[set[str]]:
    """The sets in which cli-utils applies a file: what names nothing that is left (pkg/object/graph, Sort)."""
    found = {f"{entry['kind']}/{entry['metadata']['name']}": annotations(entry) for entry in read(text)}
    left = {
        title: {"/".join(name.split("/")[-2:]) for name in notes.get("config.kubernetes.io/depends-on", "").split(",")}
        for title, notes in found.items()
    }
    sets = []
    while left:
        sets.append({title for title, named in left.items() if not named & set(left)})
        assert sets[-1], "a circle"
        left = {title: named for title, named in left.items() if title not in sets[-1]}
    return sets


SETTINGS = {"name": "s", "configMap": {"name": "free"}}


def test_a_claim_is_applied_with_the_first_that_mounts_it_and_a_spare_one_last() -> None:
    """cli-utils waits for all of a set before the next: a claim in an early one would wait for a pod of a later."""
    claims = [manifest("v1", "PersistentVolumeClaim", name, "a", spec={}) for name in ("data", "spare")]
    mount = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    used = [workload(name, "a", volumes=[*mount, SETTINGS]) for name in ("db", "copy")]
    (text,) = TARGETS["depends-on"](build([*PLATFORM, *claims, *used])).files.values()
    sets = applied(text)
    assert [set_ for set_ in sets if {"PersistentVolumeClaim/data", "Deployment/db"} <= set_]
    assert sets[-1] == {"PersistentVolumeClaim/spare"}
    assert "PersistentVolumeClaim a/spare" in " ".join(TARGETS["depends-on"](build([*PLATFORM, *claims, *used])).notes)


def test_a_claim_that_nobody_mounts_holds_up_no_wave() -> None:
    claim = manifest("v1", "PersistentVolumeClaim", "spare", "a", spec={"accessModes": ["ReadWriteOnce"]})
    (text,) = TARGETS["argocd"](build([*PLATFORM, claim])).files.values()
    waves = {found["metadata"]["name"]: int(annotations(found)["argocd.argoproj.io/sync-wave"]) for found in read(text)}
    assert waves["spare"] == max(waves.values())


@pytest.mark.parametrize("name", [*TARGETS])
def test_what_no_target_waits_for_is_said(name: str, graph: Graph) -> None:
    notes = TARGETS[name](graph).notes
    assert any("MutatingWebhookConfiguration" in note and "caBundle" in note for note in notes)


@pytest.mark.parametrize("name", [*TARGETS])
def test_the_sample_can_be_exported(name: str) -> None:
    assert TARGETS[name](build(objects_of("sample"))).files
