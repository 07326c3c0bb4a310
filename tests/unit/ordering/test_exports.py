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
from ordering.exports import TARGETS, Export, helm
from ordering.exports.export import dump, needs
from ordering.graph import Graph, build, takes_time
from ordering.manifests.extract import objects
from ordering.manifests.objects import Manifest
from ordering.manifests.parse import parse
from tests.unit.ordering.runs import objects_of
from tests.unit.ordering.test_hooks import job

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


@pytest.mark.parametrize("word", ["y", "Y", "n", "N"])
def test_the_letters_that_kubectl_takes_for_true_and_false_are_quoted(word: str) -> None:
    """As values and as keys: sigs.k8s.io/yaml reads YAML 1.1, where PyYAML leaves the letters out."""
    written = dump([config_map("one", "a", data={word: word})])
    assert f'\n  "{word}": "{word}"\n' in written


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
    config = yaml.safe_load(text.rpartition("\n---\n")[2])
    waits = {
        about["kind"]: one["ytt"]["funcContractV1"]["resource.star"]
        for one in config["waitRules"]
        for about in one["resourceMatchers"][0].values()
    }
    assert 'one.type == "Ready"' in waits["Certificate"]
    assert '[["webhooks", 0, "clientConfig", "caBundle"], ""]' in waits["MutatingWebhookConfiguration"]


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


def test_flux_deletes_nothing_that_a_later_export_has_in_another_level() -> None:
    """A Kustomization prunes what it no longer has before the next one makes it: a claim would go with its data."""
    places = []
    for notes in ({}, {"config.kubernetes.io/depends-on": "/namespaces/a/ConfigMap/first"}):
        claim = manifest("v1", "PersistentVolumeClaim", "data", "a", spec={}, annotations=notes)
        export = TARGETS["flux"](build([namespace("a"), config_map("first", "a"), claim]))
        places += [name for name, text in export.files.items() if "kind: PersistentVolumeClaim" in text]
        assert {step["spec"]["prune"] for step in read(export.files["flux.yaml"])} == {False}
        assert any("deletes nothing" in note for note in export.notes)
    assert places == ["levels/001/resources.yaml", "levels/002/resources.yaml"]


def charts(export: Export) -> dict[str, str]:
    """In which chart each object is, by kind and name."""
    return {
        one["kind"] + one["metadata"]["name"]: name.partition("/")[0]
        for name, text in export.files.items()
        if "/templates/" in name
        for one in read(text.replace('{{ "{{" }}', "{{"))
    }


def test_charts_rise_along_every_need_that_is_waited_for(graph: Graph) -> None:
    """Helm sends a chart by kinds, and waits at its end for all of it."""
    export = TARGETS["helm"](graph)
    place = charts(export)
    assert len(place) == len(PLATFORM)
    for node in graph.nodes:
        if node.gate is None:
            for need in needs(graph, node):
                before, after = place[need.kind + need.name], place[node.id.kind + node.id.name]
                assert before < after if takes_time(graph.node(need)) else before <= after
    assert [name for name in export.files if name.endswith("Chart.yaml")] == sorted(
        f"{name}/Chart.yaml" for name in set(place.values())
    )
    assert '{{ "{{" }} not helm' in "".join(export.files.values())


def test_charts_leave_out_what_others_make_and_wait_for_a_profile() -> None:
    """Helm fails an installation of which anything is refused, and takes over nothing that is there."""
    profile = manifest("kubeflow.org/v1", "Profile", "team", spec={"owner": {"kind": "User", "name": "a"}})
    claim = manifest("v1", "PersistentVolumeClaim", "data", "team", spec={})
    own = definition("kubeflow.org", "Profile", scope="Cluster")
    theirs = account("default-editor", "team")
    given = [own, namespace("a"), workload("profiles", "a"), profile, config_map("settings", "team"), claim, theirs]
    export = TARGETS["helm"](build(given))
    place = charts(export)
    assert place["Deploymentprofiles"] < place["Profileteam"] < place["ConfigMapsettings"]
    assert "ServiceAccountdefault-editor" not in place
    assert any(note.startswith("ServiceAccount team/default-editor: made by") for note in export.notes)
    written = [one for name, text in export.files.items() if "/templates/" in name for one in read(text)]
    hooks = {one["kind"]: annotations(one) for one in written if annotations(one)}
    assert hooks == {
        "PersistentVolumeClaim": {"helm.sh/hook": "post-install", "helm.sh/hook-delete-policy": "hook-failed"}
    }, "nothing mounts it, so that it would never be bound, and Helm would wait for that"


def test_a_claim_is_in_the_chart_of_what_mounts_it() -> None:
    claim = manifest("v1", "PersistentVolumeClaim", "data", "a", spec={"accessModes": ["ReadWriteOnce"]})
    mount = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    secret = certificate("served", "a", "own")
    given = [*cert_manager(), namespace("a"), issuer("own", "a"), secret, claim, workload("db", "a", volumes=mount)]
    place = charts(TARGETS["helm"](build(given)))
    assert place["PersistentVolumeClaimdata"] == place["Deploymentdb"]


def test_no_chart_is_larger_than_what_helm_can_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helm, "_LARGEST_BYTES", 3000)
    given = [config_map(f"c{number}", "default", data={"text": "x" * 900}) for number in range(10)]
    files = TARGETS["helm"](build(given)).files
    sizes = [len(text) for name, text in files.items() if "/templates/" in name]
    assert len(sizes) > 2
    assert max(sizes) <= 3000
    assert len(charts(TARGETS["helm"](build(given)))) == 10


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


@pytest.mark.parametrize("name", [*TARGETS])
def test_what_was_a_helm_hook_is_an_object_like_any_other(name: str) -> None:
    """Argo CD would send it before its namespace's wave, and Helm before the rest of its chart."""
    hook = {"helm.sh/hook": "pre-install", "helm.sh/hook-weight": "-5", "helm.sh/hook-delete-policy": "hook-succeeded"}
    given = [namespace("a"), account("migrate", "a"), job("migrate", "pre-install"), config_map("free", "a")]
    given[2]["metadata"]["annotations"] = {**hook, "helm.sh/resource-policy": "keep"}
    files = TARGETS[name](build(given)).files
    (sent,) = (one for text in files.values() for one in yaml.safe_load_all(text) if one and one.get("kind") == "Job")
    assert {key for key in annotations(sent) if key.startswith("helm.sh/")} == {"helm.sh/resource-policy"}


def test_helm_is_told_to_wait_for_jobs_and_which_of_them_never_end() -> None:
    """Without the flag it waits for a Job to start only (statuswait.go); a Job in a later chart needs it complete."""
    suspended = job("spare", "pre-install")
    suspended["metadata"]["annotations"] = {}
    suspended["spec"]["suspend"] = True
    notes = TARGETS["helm"](build([namespace("a"), job("migrate", "pre-install"), suspended])).notes
    assert "--wait --wait-for-jobs ||" in notes[0]
    assert [note for note in notes if note.startswith("Job a/spare: suspended")]


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
    said = any("MutatingWebhookConfiguration" in note and "caBundle" in note for note in notes)
    assert said is (name != "kapp"), "kapp is told by a rule of its own"


@pytest.mark.parametrize("name", [*TARGETS])
def test_the_sample_can_be_exported(name: str) -> None:
    assert TARGETS[name](build(objects_of("sample"))).files
