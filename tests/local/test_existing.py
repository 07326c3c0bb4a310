"""What is in a cluster before the stack: refused by name, taken over when asked, patched where it is the cluster's."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.doctor.release import check_clashes
from ordering.graph import build
from tests.local.cluster import Cluster, Manifest, config_map, crd, deployment, namespace
from tests.local.stack import Checkout, changes, checked_out, cloud, objects

SPACE = "apps"
DEFINITION = crd("example.com", "Thing")
CONFIG: Manifest = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "namespace": SPACE},
    "data": {"a": "ours"},
}
UNPLACED: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "unplaced"}, "data": {"a": "ours"}}
"""Names no namespace, as one of 1.10.2 does."""
WEB = deployment(SPACE, "web")
WEB["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "OURS", "value": "1"}]
ACCOUNT: Manifest = {
    "apiVersion": "v1",
    "kind": "ServiceAccount",
    "metadata": {"name": "default", "namespace": SPACE, "labels": {"ours": "1"}},
    "imagePullSecrets": [{"name": "pull"}],
}
PRIORITY: Manifest = {
    "apiVersion": "scheduling.k8s.io/v1",
    "kind": "PriorityClass",
    "metadata": {"name": "system-node-critical"},
    "value": 7,
}
PULL: Manifest = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "pull", "namespace": SPACE},
    "stringData": {"a": "b"},
}


# A chart as charts are: what comes before and after it, a test, and what cleans up.
HOOKS = {
    "check": "post-install,post-upgrade",
    "clean": "pre-delete",
    "migrate": "pre-install,pre-upgrade",
    "test": "test",
}
# Kustomize asks helm for its version, then for the chart (api 0.21.1, builtins/HelmChartInflationGenerator.go).
HELM = """#!/bin/sh
case "$1" in
  version) echo v3.18.6 ;;
  template) cat "$3"/templates/*.yaml ;;
esac
"""


def hook(name: str, moments: str) -> Manifest:
    pod = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "none"}]}}
    annotations = {"helm.sh/hook": moments, "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded"}
    metadata = {"name": name, "namespace": SPACE, "labels": OF_CHART, "annotations": annotations}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": pod}}


OF_CHART = {"app.kubernetes.io/instance": "mini"}


def theirs(manifest: Manifest, **spec: Any) -> Manifest:
    """An object as somebody else wrote it."""
    return {**manifest, **spec}


def written(folder: Path, *manifests: Manifest) -> Path:
    folder.mkdir(exist_ok=True)
    content = {
        "resources": ["all.yaml", "../beside.yaml"],
        "helmGlobals": {"chartHome": "charts"},
        "helmCharts": [{"name": "mini", "releaseName": "mini"}],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(content))
    (folder / "all.yaml").write_text(yaml.safe_dump_all(manifests))
    (folder.parent / "beside.yaml").write_text(yaml.safe_dump(config_map(SPACE, "beside", a="1")))
    chart = folder / "charts" / "mini"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: mini\nversion: 1.0.0\n")
    (chart / "values.yaml").write_text("{}\n")
    rendered = [*(hook(*one) for one in HOOKS.items()), deployment(SPACE, "charted", labels=OF_CHART)]
    (chart / "templates" / "all.yaml").write_text(yaml.safe_dump_all(rendered, explicit_start=True))
    return folder


def with_helm(folder: Path) -> dict[str, str]:
    """An environment with a helm that prints a chart's templates as they are."""
    folder.mkdir()
    helm = folder / "helm"
    helm.write_text(HELM)
    helm.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout whose cluster somebody has used before: by `kubectl apply`, both ways of it."""
    root = tmp_path_factory.mktemp("existing")
    platform = written(root / "platform", namespace(SPACE), DEFINITION, CONFIG, UNPLACED, WEB, ACCOUNT, PULL)
    with checked_out(root, platform) as made:
        made.environment.update(with_helm(root / "bin"))
        made.configure({"kubeflowBuild": ["helm", "any-file"]})
        cluster = made.cluster()
        data = {"a": "theirs", "b": "theirs"}
        client_side(cluster, namespace(SPACE), theirs(CONFIG, data=data), theirs(UNPLACED, data=data))
        container = {"name": "main", "image": "none", "env": [{"name": "THEIRS", "value": "1"}]}
        live = deployment(SPACE, "web")
        live["spec"]["template"]["spec"]["containers"] = [container]
        client_side(cluster, live)
        cluster.apply(DEFINITION, theirs(CONFIG, metadata={"name": "left-alone", "namespace": SPACE}))
        yield made


def client_side(cluster: Cluster, *manifests: Manifest) -> None:
    for manifest in manifests:
        done = cluster.run("apply", "-f", "-", given=yaml.safe_dump(manifest))
        assert done.returncode == 0, done.stderr


def in_space(cluster: Cluster, kind: str, name: str) -> Manifest:
    return cluster.at(kind, name, "-n", SPACE)


def test_what_is_there_is_named_with_whose_it_is_and_nothing_is_touched(checkout: Checkout) -> None:
    before = objects(checkout.cluster())
    done = checkout.ops("up")
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    assert "there are 5 objects already that local would make" in done.stderr, done.stderr
    assert f"ConfigMap {SPACE}/settings (kubectl-client-side-apply)" in done.stderr
    assert "CustomResourceDefinition things.example.com (kubectl)" in done.stderr
    assert "ServiceAccount" not in done.stderr, "each namespace has that"
    assert objects(checkout.cluster()) == before
    assert not [one for one in cloud(checkout) if one.startswith(("bucket", "role", "cluster"))]
    assert "settings (kubectl-client-side-apply)" in checkout.must("preview", "--format=markdown")


def test_what_nobody_can_change_is_named_with_both_values_before_anything_is_touched(checkout: Checkout) -> None:
    cluster = checkout.cluster()
    cluster.delete("deployment", "web", "-n", SPACE)
    other = deployment(SPACE, "web")
    for labels in (other["spec"]["selector"]["matchLabels"], other["spec"]["template"]["metadata"]["labels"]):
        labels["app"] = "other"
    client_side(cluster, other)
    assert checkout.manifests is not None
    every = checkout.manifests / "all.yaml"
    kept = every.read_text()
    every.write_text(f"{kept}---\n{yaml.safe_dump(PRIORITY)}")
    before = cloud(checkout)
    for command in ("preview", "up", "adopt"):
        done = checkout.ops(command)
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stderr
        assert (
            f"spec.selector of Deployment {SPACE}/web, which never changes, is "
            '{"matchLabels": {"app": "other"}} in the cluster and {"matchLabels": {"app": "web"}} in the manifests; '
            "delete that object, leave it out"
        ) in done.stderr, done.stderr
        assert (
            "value of PriorityClass system-node-critical, which never changes, is 2000001000 in the cluster and 7 in "
            "the manifests; every cluster makes that object: leave it out"
        ) in done.stderr, done.stderr
    assert cloud(checkout) == before
    found = list(check_clashes(cluster.plane.kubeconfig.read_text(), None, build([namespace(SPACE), WEB, PRIORITY])))
    assert [(one.state, one.found.partition(",")[0]) for one in found] == [
        ("broken", "value of PriorityClass system-node-critical"),
        ("broken", f"spec.selector of Deployment {SPACE}/web"),
    ]
    every.write_text(kept)
    assert in_space(cluster, "configmap", "settings")["data"]["a"] == "theirs"
    cluster.delete("deployment", "web", "-n", SPACE)
    live = deployment(SPACE, "web")
    live["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "THEIRS", "value": "1"}]
    client_side(cluster, live)


def test_taken_over_it_is_as_the_stack_says_and_no_object_was_made_again(checkout: Checkout) -> None:
    cluster = checkout.cluster()
    ids = {
        one: in_space(cluster, *one)["metadata"]["uid"] for one in (("configmap", "settings"), ("deployment", "web"))
    }
    assert "Took over 5 objects" in checkout.must("adopt")
    for one, uid in ids.items():
        live = in_space(cluster, *one)
        assert live["metadata"]["uid"] == uid
        assert "last-applied" not in str(live["metadata"].get("annotations"))
    assert in_space(cluster, "configmap", "settings")["data"] == {"a": "ours"}
    assert cluster.at("configmap", "unplaced", "-n", "default")["data"] == {"a": "ours"}
    (container,) = in_space(cluster, "deployment", "web")["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "OURS", "value": "1"}], "what only kubectl had set goes"
    assert set(changes(checkout.must("preview"))) == {"unchanged"}
    assert set(changes(checkout.must("up"))) == {"unchanged"}


def test_a_chart_comes_with_its_hooks_in_their_order_and_without_those_of_other_moments(checkout: Checkout) -> None:
    cluster = checkout.cluster()
    times = {name: cluster.get("job", name, "-n", SPACE) for name in HOOKS}
    assert {name for name, one in times.items() if one is None} == {"clean", "test"}
    migrated, checked = (in_space(cluster, "job", name) for name in ("migrate", "check"))
    charted = in_space(cluster, "deployment", "charted")["metadata"]["creationTimestamp"]
    assert migrated["status"]["completionTime"] <= charted <= checked["metadata"]["creationTimestamp"]
    assert in_space(cluster, "configmap", "beside")["data"] == {"a": "1"}
    said = checkout.must("plan", str(checkout.manifests), "--allow=helm", "--allow=any-file")
    assert "apps/clean is a Helm hook (pre-delete) and is not sent: it cleans up when all is taken away" in said
    assert "apps/test is a Helm hook (test) and is not sent" in said


def test_what_every_cluster_has_is_changed_and_stays(checkout: Checkout) -> None:
    cluster = checkout.cluster()
    account = in_space(cluster, "serviceaccount", "default")
    assert account["imagePullSecrets"] == [{"name": "pull"}]
    assert any("ServiceAccountPatch" in urn for urn in checkout.resources())


def test_what_others_change_is_told_by_whom_and_the_next_up_puts_it_right(checkout: Checkout) -> None:
    assert "is as the stack says" in checkout.must("drift")
    cluster, iam = checkout.cluster(), checkout.aws("iam")
    edited = cluster.run(
        "patch", "configmap", "settings", "-n", SPACE, "--field-manager=intruder", "-p", '{"data":{"a":"x"}}'
    )
    assert edited.returncode == 0, edited.stderr
    label = ("label", "configmap", "settings", "-n", SPACE, "--field-manager=somebody", "theirs=1")
    assert cluster.run(*label).returncode == 0
    cluster.delete("deployment", "web", "-n", SPACE)
    role = next(one["RoleName"] for one in iam.list_roles()["Roles"] if "ml-pipeline" in one["RoleName"])
    iam.tag_role(RoleName=role, Tags=[{"Key": "pulumi:stack", "Value": "x"}, {"Key": "theirs", "Value": "1"}])
    state, before = checkout.state_file.read_bytes(), objects(cluster)
    done = checkout.ops("drift", "--format=json")
    assert done.returncode == 2, done.stderr
    assert (checkout.state_file.read_bytes(), objects(cluster)) == (state, before), "it only looks"
    found = {one["name"]: one for one in json.loads(done.stdout)["drifted"]}
    (told,) = found.pop(f"{SPACE}/settings")["fields"]
    assert (told["path"], told["by"], told["since"][:2]) == ("data.a", "intruder", "20")
    assert found.pop(f"{SPACE}/web")["change"] == "deleted"
    ((_, tagged),) = found.items()
    assert [one["path"] for one in tagged["fields"]] == ['tags["pulumi:stack"]']
    assert changes(checkout.must("up")).keys() == {"create", "update", "unchanged"}
    assert "is as the stack says" in checkout.must("drift")
    live = in_space(cluster, "configmap", "settings")
    assert (live["data"], live["metadata"]["labels"]) == ({"a": "ours"}, {"theirs": "1"}), "what is theirs stays"


def test_a_namespace_that_only_the_cluster_has_will_do_and_one_that_is_nowhere_will_not(checkout: Checkout) -> None:
    assert checkout.manifests is not None
    platform = checkout.manifests
    kept = (platform / "all.yaml").read_text()
    checkout.cluster().apply(namespace("theirs"))
    there, nowhere = (
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": one}}
        for one in ("theirs", "nowhere")
    )
    try:
        (platform / "all.yaml").write_text(f"{kept}---\n{yaml.safe_dump_all([there, nowhere])}")
        for command in ("preview", "up"):
            done = checkout.ops(command)
            assert (done.returncode, "Namespace nowhere of ConfigMap nowhere/a" in done.stderr) == (1, True), (
                done.stderr
            )
            assert "Namespace theirs" not in done.stderr
        (platform / "all.yaml").write_text(f"{kept}---\n{yaml.safe_dump(there)}")
        assert changes(checkout.must("preview"))["create"] == 1
    finally:
        (platform / "all.yaml").write_text(kept)


def test_a_destroy_takes_what_was_taken_over_and_leaves_the_rest(checkout: Checkout) -> None:
    cluster = checkout.cluster()
    cluster.apply(namespace("other"))
    checkout.must("destroy")
    left = objects(cluster)
    assert not [one for one in left if f"/{SPACE}/" in one or "things" in one]
    assert "v1/Namespace//other" in left


def test_the_bootstrapped_roles_are_those_of_a_real_server(checkout: Checkout) -> None:
    """The list in `ordering.graph.made` against the cluster's own label."""
    cluster = checkout.cluster()
    for kind in ("clusterrole", "clusterrolebinding", "role", "rolebinding"):
        listed = cluster.at(kind, "-A", "-l", "kubernetes.io/bootstrapping=rbac-defaults")["items"]
        bare = [
            {
                "apiVersion": one["apiVersion"],
                "kind": one["kind"],
                "metadata": {key: one["metadata"][key] for key in ("name", "namespace") if key in one["metadata"]},
                "rules": [],
                "roleRef": {"kind": "ClusterRole", "name": "x", "apiGroup": "rbac.authorization.k8s.io"},
            }
            for one in listed
        ]
        assert bare
        unknown = [str(node.id) for node in build(bare).nodes if not node.made_by]
        assert not unknown, unknown
