"""The local control plane as pods and people meet it: it works, and what dies of it is started again."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud import plane
from localcloud.plane.components import COMPONENTS
from localcloud.plane.layout import Layout, read_state
from localcloud.plane.stages import MOUNTS_READY, START_DELAY
from tests.local.cluster import Cluster, Manifest, deployment, namespace, until
from tests.local.sockets import listening
from tools.catalog import KUBERNETES
from tools.progress import Event


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The root of a plane that the tests of this module share; each gets it running, whatever the one before did."""
    path = tmp_path_factory.mktemp("shared")
    yield path
    plane.stop(path, wipe=True)


@pytest.fixture
def cluster(root: Path) -> Cluster:
    return Cluster(plane.start(root))


def pod(name: str, *, annotations: dict[str, str] | None = None, **spec: Any) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "default", "name": name, "annotations": annotations or {}},
        "spec": {"containers": [{"name": "main", "image": "none", **spec.pop("main", {})}], **spec},
    }


def running_pods(cluster: Cluster) -> set[str]:
    return {
        item["metadata"]["name"]
        for item in cluster.at("pods", "-n", "default")["items"]
        if item["status"]["phase"] == "Running"
    }


def test_it_is_kubernetes_of_the_pinned_version(cluster: Cluster) -> None:
    assert json.loads(cluster.run("get", "--raw", "/version").stdout)["gitVersion"] == f"v{KUBERNETES}"


def test_five_nodes_are_ready_and_take_pods(cluster: Cluster) -> None:
    nodes = cluster.at("nodes")["items"]
    assert len(nodes) == 5
    assert not any(node["spec"].get("taints") for node in nodes)
    assert {node["status"]["allocatable"]["cpu"] for node in nodes} == {"3920m"}


def test_a_deployment_becomes_available(cluster: Cluster) -> None:
    cluster.apply(namespace("web"), deployment("web", "web", replicas=3))
    cluster.available("web", "web")
    pods = cluster.at("pods", "-n", "web")["items"]
    assert len({item["status"]["podIP"] for item in pods}) == 3
    assert len({item["spec"]["nodeName"] for item in pods}) > 1


def test_a_job_completes_and_its_sidecar_ran(cluster: Cluster) -> None:
    template = pod(
        "ignored",
        restartPolicy="Never",
        initContainers=[
            {"name": "before", "image": "none"},
            {"name": "beside", "image": "none", "restartPolicy": "Always"},
        ],
    )
    cluster.apply(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"namespace": "default", "name": "job"},
            "spec": {"completions": 2, "template": {"spec": template["spec"]}},
        }
    )
    done = cluster.run("wait", "--for=condition=Complete", "job/job", "--timeout=60s")
    assert done.returncode == 0, done.stderr
    assert cluster.at("job", "job")["status"]["succeeded"] == 2


def test_a_daemon_set_is_on_every_node(cluster: Cluster) -> None:
    labels = {"app": "daemon"}
    cluster.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"namespace": "default", "name": "daemon"},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod("ignored")["spec"]},
            },
        }
    )
    until(lambda: cluster.at("daemonset", "daemon")["status"].get("numberReady") == 5, "5 pods are ready")


def test_a_stateful_set_starts_its_pods_in_order(cluster: Cluster) -> None:
    labels = {"app": "stateful"}
    cluster.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"namespace": "default", "name": "stateful"},
            "spec": {
                "replicas": 3,
                "serviceName": "stateful",
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod("ignored")["spec"]},
            },
        }
    )
    until(lambda: cluster.at("statefulset", "stateful")["status"].get("readyReplicas") == 3, "3 pods are ready")
    assert {"stateful-0", "stateful-1", "stateful-2"} <= running_pods(cluster)


def test_a_pod_goes_soon_and_others_finalizers_hold_it(cluster: Cluster) -> None:
    held = pod("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    cluster.apply(held)
    until(lambda: "held" in running_pods(cluster), "the pod runs")
    cluster.delete("pod", "held", wait=False)
    until(lambda: cluster.at("pod", "held")["metadata"].get("deletionGracePeriodSeconds") == 0, "its end is reported")
    cluster.run("patch", "pod", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    until(lambda: cluster.get("pod", "held") is None, "the pod is gone", 10)


def test_a_pod_that_was_marked_not_ready_is_marked_back(cluster: Cluster) -> None:
    """The node controller does so to all pods of a node whose heartbeats are late."""
    cluster.apply(pod("marked"))
    until(lambda: "marked" in running_pods(cluster), "the pod runs")
    patch = {"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "NodeNotReady"}]}}
    done = cluster.run("patch", "pod", "marked", "--subresource=status", "-p", json.dumps(patch))
    assert done.returncode == 0, done.stderr
    done = cluster.run("wait", "--for=condition=Ready", "pod/marked", "--timeout=30s")
    assert done.returncode == 0, done.stderr


def test_a_namespace_with_pods_goes_whole(cluster: Cluster) -> None:
    cluster.apply(namespace("passing"), deployment("passing", "web", replicas=2))
    cluster.available("passing", "web")
    cluster.delete("namespace", "passing")
    assert cluster.get("namespace", "passing") is None


def test_everything_listens_on_loopback_only(cluster: Cluster) -> None:
    pids = set(plane.status(cluster.plane.root).pids.values())
    assert len(pids) == len(COMPONENTS)
    sockets = listening(pids)
    assert {port for _, port in sockets} == set(read_state(Layout(cluster.plane.root)).ports.values())
    assert {address for address, _ in sockets} == {"0100007F"}  # 127.0.0.1, as the kernel writes it


def test_requests_are_counted_without_their_bodies(cluster: Cluster) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": "default", "name": "counted"},
        "stringData": {"key": "not-for-the-log"},
    }
    cluster.apply(secret)
    cluster.get("secret", "nobody-has-this")
    text = cluster.plane.audit_log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    seen = {
        (line["verb"], line["user"]["username"], line["responseStatus"]["code"])
        for line in lines
        if line.get("objectRef", {}).get("resource") == "secrets"
    }
    assert ("patch", "admin", 201) in seen
    assert ("get", "admin", 404) in seen
    assert "bm90LWZvci10aGUtbG9n" not in text
    assert "not-for-the-log" not in text


def test_starting_a_running_plane_changes_nothing(cluster: Cluster) -> None:
    root = cluster.plane.root
    before = plane.status(root).pids
    events: list[Event] = []
    since = time.monotonic()
    assert plane.start(root, report=events.append) == cluster.plane
    assert time.monotonic() - since < 5
    assert plane.status(root).pids == before
    assert events == []


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_that_died_is_noticed_and_started_again(cluster: Cluster, component: str) -> None:
    root = cluster.plane.root
    before = plane.status(root).pids
    cluster.kill(component)
    found = plane.status(root)
    assert found.plane is None
    assert found.problem is not None
    assert f"the control plane is incomplete, {component} is not running" in found.problem

    events: list[Event] = []
    again = Cluster(plane.start(root, report=events.append))
    assert f"{component} (pid {before[component]}) is not running any more; it is started again" in [
        event.text for event in events
    ]
    after = plane.status(root).pids
    # What watches the API server would take up to half a minute to ask it again.
    watching = set(COMPONENTS) - {"etcd", "kube-apiserver"} if component in ("etcd", "kube-apiserver") else set()
    assert {name for name in COMPONENTS if before[name] != after[name]} == {component} | watching
    name = f"after-{component}"
    again.apply(namespace(name), deployment(name, "web"))
    again.available(name, "web")


def test_another_mode_keeps_the_data_and_restarts_two_components(cluster: Cluster) -> None:
    root = cluster.plane.root
    before = plane.status(root).pids
    cluster.apply(pod("was-here"))
    until(lambda: "was-here" in running_pods(cluster), "an instant pod runs")

    events: list[Event] = []
    assert plane.start(root, pods="realistic", report=events.append).pods == "realistic"
    assert "pods start realistic from now on, not instant" in [event.text for event in events]
    after = plane.status(root).pids
    assert {name for name in COMPONENTS if before[name] != after[name]} == {"controllers", "kwok"}
    assert "was-here" in running_pods(cluster)


def test_realistic_pods_wait_for_what_they_mount_and_then_some(own_root: Path) -> None:
    cluster = Cluster(plane.start(own_root, pods="realistic", seed=3))
    quick = {MOUNTS_READY: "true", START_DELAY: "6s"}
    cluster.apply(pod("quick", annotations=quick), pod("needy", main={"envFrom": [{"secretRef": {"name": "needed"}}]}))
    until(lambda: cluster.at("pod", "quick")["status"].get("startTime"), "its start begins")
    begun = time.monotonic()
    time.sleep(2)
    cluster.run("label", "pod", "quick", "touched=yes")  # a change does not make the wait begin again
    assert "quick" not in running_pods(cluster)
    until(lambda: "quick" in running_pods(cluster), "it runs", 10)
    assert 3 < time.monotonic() - begun < 8
    assert "startTime" not in cluster.at("pod", "needy")["status"]

    cluster.run("create", "secret", "generic", "needed")
    until(lambda: cluster.at("pod", "needy")["status"].get("startTime"), "the start of the other begins", 10)
    delay = cluster.at("pod", "needy")["metadata"]["annotations"][START_DELAY]
    assert 20 <= float(delay.removesuffix("s")) <= 60
