"""The stand-in for the kubernetes plugin, as a program and its author meet it: real engine, real API server."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import automation

import tools
from localcloud import plane
from tests.local.cluster import Cluster, until
from tests.local.kubernetes_stack import (
    Declare,
    Engine,
    KubernetesObject,
    Manifest,
    changes,
    program,
    running_engine,
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    root = tmp_path_factory.mktemp("plane")
    yield Cluster(plane.start(root))
    plane.stop(root, wipe=True)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with running_engine(tmp_path_factory.mktemp("engine")) as running:
        yield running


class Play:
    """One test's namespace and the stack that fills it."""

    def __init__(self, engine: Engine, cluster: Cluster, name: str) -> None:
        self.engine, self.cluster, self.namespace = engine, cluster, name
        self.settings: dict[str, Any] = {"kubeconfig": str(cluster.plane.kubeconfig), "namespace": name}
        self.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def stack(self, declare: Declare, **settings: Any) -> automation.Stack:
        return self.engine.stack(self.namespace, declare, **(self.settings | settings))

    def change(self, stack: automation.Stack, declare: Declare, **settings: Any) -> None:
        """What the program says from now on."""
        stack.workspace.program = program(declare, self.settings | settings)

    def get(self, kind: str, name: str) -> Manifest | None:
        return self.cluster.get(kind, name, "-n", self.namespace)

    def at(self, kind: str, name: str) -> Manifest:
        return self.cluster.at(kind, name, "-n", self.namespace)


@pytest.fixture
def play(engine: Engine, cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Play]:
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
    playing = Play(engine, cluster, name)
    yield playing
    cluster.delete("namespace", name, wait=False)


def config(name: str = "settings", **data: str | pulumi.Output[str]) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def workload(replicas: int = 1, node: str | None = None, annotations: dict[str, str] | None = None) -> Manifest:
    pod: Manifest = {"containers": [{"name": "main", "image": "main", "resources": {"requests": {"cpu": "0.01"}}}]}
    if node:
        pod["nodeSelector"] = {"kubernetes.io/hostname": node}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "annotations": annotations or {}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod},
        },
    }


def declared(*manifests: Manifest, patch: bool = False) -> Declare:
    """A program of these objects, each named in the engine by its kind and name."""

    def declare(opts: pulumi.ResourceOptions) -> None:
        for manifest in manifests:
            name = f"{manifest['kind']}-{manifest['metadata'].get('name', 'unnamed')}"
            KubernetesObject(name, manifest, opts, patch=patch)

    return declare


def resource_state(stack: automation.Stack, of_type: str) -> dict[str, Any]:
    """What the state keeps of the one resource of this type."""
    deployment = stack.export_stack().deployment
    assert deployment is not None
    (found,) = (resource for resource in deployment["resources"] if resource["type"] == of_type)
    return dict(found)


def refused(run: Any) -> str:
    """What a run that must fail says."""
    with pytest.raises(automation.CommandError) as error:
        run()
    return str(error.value)


def test_life_of_objects(play: Play) -> None:
    stack = play.stack(declared(config(a="1"), workload()))
    assert changes(stack.preview()) == {"create": 4}
    assert play.get("configmap", "settings") is None
    assert changes(stack.up()) == {"create": 4}
    assert play.at("deployment", "web")["status"]["availableReplicas"] == 1

    assert changes(stack.preview()) == {}
    assert changes(stack.up()) == {}
    assert changes(stack.refresh()) == {}, "what the server defaulted and controllers wrote is no drift"

    play.change(stack, declared(config(a="1"), workload(replicas=2)))
    assert changes(stack.up()) == {"update": 1}
    assert play.at("deployment", "web")["status"]["availableReplicas"] == 2, "an update waits for its rollout"

    play.change(stack, declared(config(a="2"), workload(replicas=2)))
    assert changes(stack.up()) == {"replace": 1}, "data of a ConfigMap cannot change in place"
    assert play.at("configmap", "settings")["data"] == {"a": "2"}

    assert changes(stack.destroy()) == {"delete": 4}
    assert play.get("configmap", "settings") is None
    assert play.get("deployment", "web") is None


def test_field_removed_from_the_program(play: Play) -> None:
    before, after = config(a="1", b="2"), config(a="1")
    before["metadata"]["labels"] = {"mine": "1"}
    stack = play.stack(declared(before), enableConfigMapMutable="true")
    stack.up()
    play.cluster.run("label", "-n", play.namespace, "configmap/settings", "theirs=1")
    play.change(stack, declared(after), enableConfigMapMutable="true")
    assert changes(stack.up()) == {"update": 1}
    live = play.at("configmap", "settings")
    assert live["data"] == {"a": "1"}
    assert live["metadata"]["labels"] == {"theirs": "1"}, "only what the program had set goes away"
    stack.destroy()


def test_drift_is_found_and_repaired(play: Play) -> None:
    stack = play.stack(declared(config(a="1")), enableConfigMapMutable="true")
    stack.up()
    play.cluster.run("patch", "-n", play.namespace, "configmap/settings", "-p", '{"data":{"a":"by hand"}}')
    assert changes(stack.refresh()) == {"update": 1}
    said = refused(stack.up)
    assert "other field managers own .data.a" in said
    forced = config(a="1")
    forced["metadata"]["annotations"] = {"pulumi.com/patchForce": "true"}
    play.change(stack, declared(forced), enableConfigMapMutable="true")
    stack.up()
    assert play.at("configmap", "settings")["data"] == {"a": "1"}
    stack.destroy()


def test_object_that_is_there_already(play: Play) -> None:
    there = config(theirs="1")
    there["metadata"]["namespace"] = play.namespace
    play.cluster.apply(there)
    stack = play.stack(declared(config(mine="1")))
    assert "set upsertExistingObjects on the provider to take it over" in refused(stack.up)
    play.change(stack, declared(config(mine="1")), upsertExistingObjects="true")
    stack.up()
    assert play.at("configmap", "settings")["data"] == {"mine": "1", "theirs": "1"}
    stack.destroy()


def test_secret_stays_secret(play: Play) -> None:
    def declare(opts: pulumi.ResourceOptions) -> None:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "stringData": {"p": "hunter2"}}
        KubernetesObject("login", secret, opts)
        KubernetesObject("note", config("note", open="plain text", closed=pulumi.Output.secret("swordfish")), opts)

    stack = play.stack(declare)
    shown: list[str] = []
    stack.up(on_output=shown.append, diff=True)
    state = (play.engine.root / "state" / ".pulumi" / "stacks" / "standin" / f"{stack.name}.json").read_text()
    for text in ("hunter2", "aHVudGVyMg==", "swordfish"):
        assert text not in state
        assert text not in "".join(shown)
    assert "plain text" in state
    assert play.at("secret", "login")["data"] == {"p": "aHVudGVyMg=="}
    assert play.at("configmap", "note")["data"] == {"open": "plain text", "closed": "swordfish"}
    assert changes(stack.refresh()) == {}
    stack.destroy()


def test_made_up_name(play: Play) -> None:
    unnamed = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}, "data": {"a": "1"}}
    names: list[str] = []

    def declare(opts: pulumi.ResourceOptions) -> None:
        made = KubernetesObject("notes", unnamed, opts)
        pulumi.export("name", made.metadata.apply(lambda metadata: metadata["name"]))

    stack = play.stack(declare)
    names.append(stack.up().outputs["name"].value)
    assert play.at("configmap", names[0])["metadata"]["annotations"]["pulumi.com/autonamed"] == "true"
    assert changes(stack.preview()) == {}
    unnamed["data"] = {"a": "2"}
    names.append(stack.up().outputs["name"].value)
    assert names[0] != names[1], "a replacement has a name of its own, so that it can be there before the old one goes"
    assert play.get("configmap", names[0]) is None
    stack.destroy()


def test_wait_for_what_the_program_names(play: Play) -> None:
    waiting = config(a="1")
    waiting["metadata"]["annotations"] = {"pulumi.com/waitFor": "jsonpath={.data.answer}=42"}
    stack = play.stack(declared(waiting), enableConfigMapMutable="true")

    def answer() -> None:
        until(lambda: play.get("configmap", "settings"), "the ConfigMap is there")
        time.sleep(1)
        play.cluster.run("patch", "-n", play.namespace, "configmap/settings", "-p", '{"data":{"answer":"42"}}')

    helper = threading.Thread(target=answer)
    helper.start()
    started = time.monotonic()
    stack.up()
    helper.join()
    assert time.monotonic() - started > 1
    assert play.at("configmap", "settings")["data"]["answer"] == "42"
    assert changes(stack.preview()) == {}
    stack.destroy()


def test_custom_resources(play: Play) -> None:
    fields: Manifest = {"sails": {"type": "integer"}}
    spec = {"type": "object", "properties": fields}
    crd: Manifest = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "boats.sea.test", "annotations": {"pulumi.com/waitFor": "condition=Established"}},
        "spec": {
            "group": "sea.test",
            "scope": "Namespaced",
            "names": {"kind": "Boat", "listKind": "BoatList", "plural": "boats", "singular": "boat"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
                }
            ],
        },
    }
    boat = {"apiVersion": "sea.test/v1", "kind": "Boat", "metadata": {"name": "dinghy"}, "spec": {"sails": 1}}

    def declare(opts: pulumi.ResourceOptions) -> None:
        first = KubernetesObject("crd", crd, opts)
        KubernetesObject("boat", boat, pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[first])))

    stack = play.stack(declare)
    stack.up()
    assert play.at("boats.sea.test", "dinghy")["spec"] == {"sails": 1}
    kept = resource_state(stack, "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition")
    assert "spec" not in kept["outputs"], "the inputs hold it already"
    boat["spec"] = {"sails": 2}
    fields["crew"] = {"type": "integer"}
    assert changes(stack.up()) == {"update": 2}
    assert changes(stack.refresh()) == {}
    stack.destroy()
    assert play.cluster.get("crd", "boats.sea.test") is None


def test_patch_of_what_others_made(play: Play) -> None:
    patch = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}, "data": {"mine": "1"}}
    theirs = config("theirs", theirs="1")
    theirs["metadata"]["namespace"] = play.namespace
    play.cluster.apply(theirs)
    stack = play.stack(declared(patch, patch=True))
    stack.up()
    assert play.at("configmap", "theirs")["data"] == {"mine": "1", "theirs": "1"}
    patch["data"] = {"mine": "2"}
    assert changes(stack.up()) == {"update": 1}, "a patch changes in place what its object could not"
    stack.destroy()
    assert play.at("configmap", "theirs")["data"] == {"theirs": "1"}, "what the patch had set is gone, the rest is not"


def test_what_does_not_get_ready_is_kept_and_said(play: Play) -> None:
    stack = play.stack(declared(workload(node="no-such-node", annotations={"pulumi.com/timeoutSeconds": "3"})))
    said = refused(stack.up)
    assert f"Deployment {play.namespace}/web was created but is not ready: it took longer than 3s" in said
    assert "Unschedulable" in said
    assert resource_state(stack, "kubernetes:apps/v1:Deployment")["initErrors"]
    play.change(stack, declared(workload(annotations={"pulumi.com/timeoutSeconds": "60"})))
    assert changes(stack.up()) == {"update": 1}
    stack.destroy()


def test_interrupted_run_ends_soon_and_keeps_what_it_made(play: Play) -> None:
    stack = play.stack(declared(workload(node="no-such-node")))

    def interrupt() -> None:
        until(lambda: play.get("deployment", "web"), "the Deployment is there")
        time.sleep(1)
        for engine_process in children("pulumi"):
            os.kill(engine_process, signal.SIGINT)

    helper = threading.Thread(target=interrupt)
    helper.start()
    started = time.monotonic()
    said = refused(stack.up)
    helper.join()
    assert time.monotonic() - started < 60, "the Deployment's own limit is 10 minutes"
    assert "the operation was cancelled" in said
    assert resource_state(stack, "kubernetes:apps/v1:Deployment")["id"] == f"{play.namespace}/web"
    stack.destroy()
    assert play.get("deployment", "web") is None


def children(command: str) -> list[int]:
    """The processes of this name that this process has started."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,comm=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=True
    ).stdout
    return [int(pid) for pid, name in (line.split(None, 1) for line in listed.splitlines()) if name.strip() == command]


def test_cluster_that_cannot_be_reached(play: Play, tmp_path: Path) -> None:
    broken = tmp_path / "kubeconfig"
    text = play.cluster.plane.kubeconfig.read_text()
    server = play.cluster.plane.server
    broken.write_text(text.replace(server, "https://127.0.0.1:1"))
    stack = play.stack(declared(config(a="1")), kubeconfig=str(broken))
    assert changes(stack.preview()) == {"create": 3}
    said = refused(stack.up)
    assert "cluster is unreachable: the API server at https://127.0.0.1:1 does not answer" in said


def test_settings_and_kinds_that_nobody_knows(play: Play) -> None:
    stack = play.stack(declared(config(a="1")), kubeConfig="typo")
    assert "provider setting kubeConfig is not known" in refused(stack.preview)
    misspelt = config(a="1")
    misspelt["metadata"]["annotations"] = {"pulumi.com/waitfor": "x"}
    play.change(stack, declared(misspelt))
    assert "annotation pulumi.com/waitfor is not served" in refused(stack.preview)
    play.change(stack, declared({"apiVersion": "helm.sh/v3", "kind": "Release", "metadata": {"name": "a"}}))
    assert "kubernetes:helm.sh/v3:Release is not served by this stand-in" in refused(stack.preview)


def test_two_clusters_in_one_stack(play: Play, tmp_path_factory: pytest.TempPathFactory) -> None:
    other_root = tmp_path_factory.mktemp("other")
    other = Cluster(plane.start(other_root))
    try:

        def declare(opts: pulumi.ResourceOptions) -> None:
            elsewhere = pulumi.ProviderResource("kubernetes", "other", {"kubeconfig": str(other.plane.kubeconfig)})
            KubernetesObject("here", config("here"), opts)
            KubernetesObject("there", config("there"), pulumi.ResourceOptions(provider=elsewhere))

        stack = play.stack(declare)
        stack.up()
        assert play.get("configmap", "here") is not None
        assert play.get("configmap", "there") is None
        assert other.get("configmap", "there", "-n", "default") is not None
        stack.destroy()
        assert other.get("configmap", "there", "-n", "default") is None
    finally:
        plane.stop(other_root, wipe=True)


def test_stand_in_ends_on_sigterm() -> None:
    server = subprocess.Popen(
        [tools.ensure("pulumi-resource-kubernetes")["pulumi-resource-kubernetes"]], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    assert int(server.stdout.readline()) > 0
    server.terminate()
    assert server.wait(timeout=10) == 0
