"""The program's own rules for Kubernetes against the official plugin: real engine, real API server, our provider.

What is sent is installed as a release is: slimmed, in the graph's order, with the graph's waits and gates.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation

import tools
from infra.inputs import load_release
from infra.present import unknown
from ops.identify import field_managers
from tests.local.cluster import Cluster, bundles, crd, deployment, namespace, service, until, webhook
from tests.local.kubernetes_stack import Declare, Engine, Manifest, changes, platform, program
from tests.unit.kubeflow.kube_prometheus import PLATFORM, monitoring_at
from tests.unit.kubeflow.platforms import ROOT, written
from tests.unit.settings_source import settings

GP3: Manifest = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "gp3", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "ebs.csi.aws.com",
    "volumeBindingMode": "WaitForFirstConsumer",
}


class Play:
    """One test's namespace and the stack that fills it."""

    def __init__(self, engine: Engine, cluster: Cluster, name: str) -> None:
        self.engine, self.cluster, self.namespace = engine, cluster, name
        self.kubeconfig = cluster.plane.kubeconfig.read_text()

    def stack(self, *manifests: Manifest) -> automation.Stack:
        """A stack of these objects and of the namespace."""
        return self.engine.stack(self.namespace, self._platform(manifests), self.kubeconfig)

    def change(self, stack: automation.Stack, *manifests: Manifest) -> None:
        """What the program says from now on."""
        stack.workspace.program = program(self._platform(manifests), self.kubeconfig)

    def _platform(self, manifests: tuple[Manifest, ...]) -> Declare:
        return platform(namespace(self.namespace), *manifests)

    def config(self, name: str = "settings", **data: str) -> Manifest:
        metadata = {"name": name, "namespace": self.namespace}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}

    def get(self, kind: str, name: str) -> Manifest | None:
        return self.cluster.get(kind, name, "-n", self.namespace)

    def at(self, kind: str, name: str) -> Manifest:
        return self.cluster.at(kind, name, "-n", self.namespace)


@pytest.fixture
def play(engine: Engine, cluster: Cluster, request: pytest.FixtureRequest) -> Play:
    return Play(engine, cluster, request.node.name.partition("[")[0].removeprefix("test_").replace("_", "-")[:40])


def resources(stack: automation.Stack) -> list[dict[str, Any]]:
    """What the state keeps of Kubernetes objects."""
    deployment = stack.export_stack().deployment or {}
    return [dict(one) for one in deployment["resources"] if one["type"].startswith("kubernetes:")]


def refused(run: Callable[[], Any]) -> str:
    """What a run that must fail says."""
    with pytest.raises(automation.CommandError) as error:
        run()
    return str(error.value)


def test_life_of_objects(play: Play) -> None:
    web = deployment(play.namespace, "web")
    stack = play.stack(play.config(a="1", b="2"), web)
    # Stack, provider, component, namespace and the two.
    assert changes(stack.preview()) == {"create": 6}
    assert play.get("configmap", "settings") is None
    assert changes(stack.up()) == {"create": 6}
    assert play.at("deployment", "web")["status"]["availableReplicas"] == 1
    assert changes(stack.preview()) == {}
    assert changes(stack.up()) == {}
    assert changes(stack.refresh()) == {}, "what the server defaulted and controllers wrote is no drift"

    play.cluster.run("label", "--field-manager=theirs", "-n", play.namespace, "configmap/settings", "theirs=1")
    play.change(stack, play.config(a="3"), deployment(play.namespace, "web", replicas=2))
    assert changes(stack.preview()) == {"update": 2}
    assert changes(stack.up()) == {"update": 2}, "data of a ConfigMap changes in place"
    assert play.at("deployment", "web")["status"]["availableReplicas"] == 2, "an update waits for its rollout"
    live = play.at("configmap", "settings")
    assert live["data"] == {"a": "3"}
    assert live["metadata"]["labels"] == {"theirs": "1"}, "only what the program had set goes away"

    assert changes(stack.destroy()) == {"delete": 6}
    assert play.cluster.get("namespace", play.namespace) is None


def pod_of(play: Play, **changed: Any) -> Manifest:
    """A Deployment whose pod has what releases change: variables, a probe, ports, a volume, a strategy."""
    probe = {"tcpSocket": {"port": 8080}}
    main = {"name": "main", "image": "none", "env": [{"name": "A", "value": "1"}], "livenessProbe": probe}
    main["ports"] = [{"containerPort": 8080, "name": "web"}]
    result = deployment(play.namespace, "web", volumes=[{"name": "data", "emptyDir": {}}])
    spec = result["spec"]
    spec["template"]["spec"]["containers"] = [main]
    spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}
    main |= {key: value for key, value in changed.items() if key in ("env", "livenessProbe", "ports")}
    spec["template"]["spec"]["volumes"] = changed.get("volumes", spec["template"]["spec"]["volumes"])
    spec["strategy"] = changed.get("strategy", spec["strategy"])
    return result


ORDINARY = {
    "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    "livenessProbe": {"httpGet": {"path": "/", "port": "web"}},
    "ports": [{"containerPort": 8081, "name": "web"}],
    "volumes": [{"name": "data", "configMap": {"name": "settings"}}],
    "strategy": {"type": "Recreate"},
}


def test_ordinary_changes_pass_their_preview(play: Play) -> None:
    """A preview is a dry run, which takes new list entries beside the old ones if a POST had made the object."""
    before, after = service(play.namespace, "web"), service(play.namespace, "web")
    after["spec"]["ports"] = [{"port": 444, "name": "tls"}]
    stack = play.stack(play.config(a="1"), pod_of(play), before)
    stack.up()
    for field, value in ORDINARY.items():
        play.change(stack, play.config(a="1"), pod_of(play, **{field: value}), before)
        assert changes(stack.preview()) == {"update": 1}, field
    play.change(stack, play.config(a="1"), pod_of(play, **ORDINARY), after)
    assert changes(stack.preview()) == {"update": 2}
    assert changes(stack.up()) == {"update": 2}
    assert play.at("deployment", "web")["spec"]["strategy"] == {"type": "Recreate"}
    assert [port["port"] for port in play.at("service", "web")["spec"]["ports"]] == [444]
    assert changes(stack.preview()) == {}
    stack.destroy()


def test_immutable_fields_replace(play: Play) -> None:
    def selecting(label: str) -> Manifest:
        result = deployment(play.namespace, "web")
        result["spec"]["selector"]["matchLabels"] = {"app": label}
        result["spec"]["template"]["metadata"]["labels"] = {"app": label}
        return result

    stack = play.stack(selecting("one"))
    stack.up()
    play.change(stack, selecting("two"))
    assert changes(stack.preview()) == {"replace": 1}
    assert changes(stack.up()) == {"replace": 1}
    assert play.at("deployment", "web")["spec"]["selector"]["matchLabels"] == {"app": "two"}
    stack.destroy()


def test_what_is_ours_is_forced(play: Play) -> None:
    """A controller's value for what we send is no conflict; what we do not send stays, but for what kubectl wrote."""
    stack = play.stack(play.config(a="1", b="1"))
    stack.up()
    patch = ("patch", "-n", play.namespace, "configmap/settings")
    play.cluster.run(*patch, "--field-manager=controller", "-p", '{"data":{"a":"theirs","c":"theirs"}}')
    play.cluster.run(*patch, "-p", '{"data":{"b":"by hand","d":"by hand"}}')
    play.change(stack, play.config(a="2", b="2"))
    assert changes(stack.preview()) == {"update": 1}
    stack.up()
    assert play.at("configmap", "settings")["data"] == {"a": "2", "b": "2", "c": "theirs"}
    stack.destroy()


def test_a_field_manager_that_the_state_lost_is_found_in_the_cluster(play: Play) -> None:
    stack = play.stack(play.config(a="1"), deployment(play.namespace, "web"), own_webhook(play), *backend(play))
    stack.up()
    kept = resources(stack)
    objects = [one for one in kept if not one["type"].endswith("Patch")]
    assert len(kept) > len(objects), "a gate's patch lies over one of them"
    expected = {one["urn"]: one["outputs"]["__fieldManager"] for one in objects}
    assert field_managers(objects, Reading(play.cluster)) == expected
    assert {one["id"] for one in objects} >= {play.namespace, f"{play.namespace}/settings", f"{play.namespace}/web"}
    stack.destroy()


class Reading:
    """The cluster as `ops.identify` asks it."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        group, slash, version = api_version.partition("/")
        resource = f"{kind}.{version}.{group}" if slash else kind
        return self._cluster.get(resource, name, "--show-managed-fields", *(["-n", namespace] if namespace else []))


def own_webhook(play: Play) -> Manifest:
    """A configuration whose caBundle its own backend fills before it is ready."""
    result = webhook(f"own-{play.namespace}", play.namespace)
    result["webhooks"][0]["rules"][0]["resources"] = ["secrets"]
    return result


def backend(play: Play) -> list[Manifest]:
    """The backend of `own_webhook`, which is told the configuration's name, and what goes through the webhook."""
    runner = deployment(play.namespace, play.namespace)
    argument = f"--validating-webhook-name=own-{play.namespace}"
    runner["spec"]["template"]["spec"]["containers"][0]["args"] = [argument]
    other = namespace(f"{play.namespace}-b", hooked=play.namespace)
    metadata = {"name": "late", "namespace": f"{play.namespace}-b"}
    return [
        runner,
        service(play.namespace, play.namespace),
        other,
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"a": "1"}},
    ]


def test_a_gate_holds_back_until_the_bundle_is_there(play: Play) -> None:
    stack = play.stack(own_webhook(play), *backend(play))
    stack.up()
    configuration = play.cluster.at("validatingwebhookconfiguration", f"own-{play.namespace}")
    assert bundles(configuration)
    assert play.cluster.calls(f"{play.namespace}/{play.namespace}"), "the Secret went through the webhook"
    assert any(one["type"].endswith("Patch") for one in resources(stack))
    assert changes(stack.preview()) == {}
    stack.destroy()
    assert play.cluster.get("validatingwebhookconfiguration", f"own-{play.namespace}") is None


def test_wait_for_what_a_manifest_names(play: Play) -> None:
    waiting = play.config(a="1")
    waiting["metadata"]["annotations"] = {"pulumi.com/waitFor": "jsonpath={.data.answer}=42"}
    stack = play.stack(waiting)

    def answer() -> None:
        until(lambda: play.get("configmap", "settings"), "the ConfigMap is there")
        time.sleep(1)
        play.cluster.run("patch", "-n", play.namespace, "configmap/settings", "-p", '{"data":{"answer":"42"}}')

    answering = threading.Thread(target=answer)
    answering.start()
    started = time.monotonic()
    stack.up()
    answering.join()
    assert time.monotonic() - started > 1
    assert play.at("configmap", "settings")["data"]["answer"] == "42"
    assert changes(stack.preview()) == {}
    stack.destroy()


def test_definitions_and_their_objects(play: Play) -> None:
    fields: Manifest = {"sails": {"type": "integer"}}
    definition = crd("sea.test", "Boat")
    spec = {"type": "object", "properties": fields}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    definition["spec"]["versions"][0]["schema"] = schema
    metadata = {"name": "dinghy", "namespace": play.namespace}
    boat = {"apiVersion": "sea.test/v1", "kind": "Boat", "metadata": metadata, "spec": {"sails": 1}}
    stack = play.stack(definition, boat)
    stack.up()
    assert play.at("boats.sea.test", "dinghy")["spec"] == {"sails": 1}
    boat["spec"] = {"sails": 2}
    fields["crew"] = {"type": "integer"}
    assert changes(stack.up()) == {"update": 2}
    assert changes(stack.preview()) == {}
    stack.destroy()
    assert play.cluster.get("crd", "boats.sea.test") is None


def test_secrets_stay_secret(play: Play) -> None:
    metadata = {"name": "login", "namespace": play.namespace}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"p": "hunter2"}}
    stack = play.stack(secret)
    shown: list[str] = []
    stack.up(on_output=shown.append, diff=True)
    for text in ("hunter2", "aHVudGVyMg==", "client-key-data"):
        assert text not in play.engine.state(stack)
        assert text not in "".join(shown)
    assert play.at("secret", "login")["data"] == {"p": "aHVudGVyMg=="}
    assert changes(stack.preview()) == {}
    stack.destroy()


def unplaced(play: Play, node: str | None) -> Manifest:
    """A Deployment whose pod no node takes, and that is not waited for longer than 3 s."""
    result = deployment(play.namespace, "web")
    result["metadata"]["annotations"] = {"pulumi.com/timeoutSeconds": "3"}
    if node:
        result["spec"]["template"]["spec"]["nodeSelector"] = {"kubernetes.io/hostname": node}
    return result


def test_an_interrupted_run_ends_soon_and_keeps_what_it_made(play: Play) -> None:
    stack = play.stack(unplaced(play, "no-such-node"))

    def interrupt() -> None:
        until(lambda: play.get("deployment", "web"), "the Deployment is there")
        time.sleep(1)
        for pid in children("pulumi"):
            os.kill(pid, signal.SIGINT)

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    started = time.monotonic()
    refused(stack.up)
    interrupting.join()
    assert time.monotonic() - started < 60, "the Deployment's own limit is 20 minutes"
    (kept,) = [one for one in resources(stack) if one["type"].endswith(":Deployment")]
    assert kept["id"] == f"{play.namespace}/web"
    assert kept["initErrors"]
    play.change(stack, unplaced(play, None))
    assert changes(stack.up()) == {"update": 1}
    stack.destroy()


def children(command: str) -> list[int]:
    """The processes of this name that this process has started."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,comm=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=True
    ).stdout
    return [int(pid) for pid, name in (line.split(None, 1) for line in listed.splitlines()) if name.strip() == command]


def test_a_cluster_that_cannot_be_reached(play: Play) -> None:
    stack = play.stack(play.config(a="1"))
    stack.workspace.program = program(
        platform(play.config(a="1")), play.kubeconfig.replace(play.cluster.plane.server, "https://127.0.0.1:1")
    )
    said = refused(stack.up)
    assert "cluster is unreachable" in said
    assert "https://127.0.0.1:1" in said


def test_a_moved_version_is_the_same_object(play: Play) -> None:
    group = f"{play.namespace}.example.com"
    definition = crd(group, "Gear", versions=("v1", "v1beta1"))
    gear = {"apiVersion": f"{group}/v1beta1", "kind": "Gear", "metadata": {"name": "a", "namespace": play.namespace}}
    before = {**gear, "spec": {"size": 1}}
    stack = play.stack(definition, before)
    stack.up()
    uid = play.at(f"gears.{group}", "a")["metadata"]["uid"]

    play.change(stack, definition, {**before, "apiVersion": f"{group}/v1", "spec": {"size": 2}})
    assert changes(stack.preview()) == {"update": 1}
    assert changes(stack.up()) == {"update": 1}
    live = play.at(f"gears.{group}", "a")
    assert (live["metadata"]["uid"], live["spec"]) == (uid, {"size": 2}), "neither made again nor deleted"
    assert changes(stack.preview()) == {}
    stack.destroy()
    assert play.get("configmap", "settings") is None


def test_prometheus_and_its_volumes(
    engine: Engine, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small kube-prometheus with all that is laid over it; nothing of it is left by a destroy."""
    monkeypatch.setenv("KUSTOMIZE", str(tools.ensure("kustomize")["kustomize"]))
    given = settings(
        kubeflowPath=str(written(tmp_path / "platform", PLATFORM)),
        monitoring="prometheus",
        monitoringPath=str(monitoring_at(tmp_path / "monitoring")),
    )
    objects = load_release(given, "1.35", ROOT, unknown).objects
    kubeconfig = cluster.plane.kubeconfig.read_text()
    stack = engine.stack("prometheus", platform(GP3, *objects), kubeconfig)
    stack.up()

    def claims() -> list[Manifest]:
        found = cluster.get("persistentvolumeclaims", "-n", "monitoring") or {"items": []}
        return [one for one in found["items"] if one["status"]["phase"] == "Bound"]

    bound = until(lambda: claims()[1:] and claims(), "a volume for each Prometheus")
    assert {one["metadata"]["name"] for one in bound} == {f"prometheus-k8s-db-prometheus-k8s-{n}" for n in (0, 1)}
    assert {one["spec"]["resources"]["requests"]["storage"] for one in bound} == {"50Gi"}
    # What the API server has made of Secrets, and what the operator has written, changes nothing.
    assert changes(stack.preview()) == {}
    stack.destroy()
    assert cluster.get("namespace", "monitoring") is None
    until(lambda: cluster.get("persistentvolumes") is None, "volumes to be gone")
