"""The local control plane as a person meets it: it works, repairs itself, says what is wrong, and goes away whole."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from localcloud import plane
from localcloud.plane import processes
from localcloud.plane.components import COMPONENTS
from localcloud.plane.layout import Layout, read_state, write_state
from localcloud.plane.stages import MOUNTS_READY, START_DELAY
from ordering.errors import UserError
from tests.local.cluster import Cluster, Manifest, deployment, namespace, until
from tools.catalog import KUBERNETES, PROJECT
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


@pytest.fixture
def own_root(tmp_path: Path) -> Iterator[Path]:
    """The root of a plane of this test's own."""
    yield tmp_path
    plane.stop(tmp_path, wipe=True)


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


def listening(pids: set[int]) -> set[tuple[str, int]]:
    """Address and port of every TCP socket on which one of the processes listens."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            target = os.readlink(descriptor)
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:  # 0A: LISTEN
                address, port = fields[1].split(":")
                found.add((address, int(port, 16)))
    return found


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


def test_two_starts_at_once_make_one_plane(own_root: Path) -> None:
    threads = [threading.Thread(target=plane.start, args=(own_root,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    pids: dict[str, int] = {}
    for thread in threads:
        thread.join()
        found = plane.status(own_root)
        assert found.problem is None
        pids = pids or found.pids
        assert found.pids == pids


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


def test_stop_leaves_no_process_and_no_port_and_the_data_stays(own_root: Path) -> None:
    Cluster(plane.start(own_root)).apply(namespace("kept"))
    state = read_state(Layout(own_root))
    records = [(record.pid, record.started) for record in state.processes.values()]
    assert len(records) == len(COMPONENTS)

    since = time.monotonic()
    assert plane.stop(own_root)
    assert time.monotonic() - since < 10
    assert not any(processes.alive(*record) for record in records)
    for port in state.ports.values():
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", port)) != 0
    assert not Layout(own_root).egress_socket.exists()
    assert not plane.stop(own_root)

    assert Cluster(plane.start(own_root)).get("namespace", "kept")
    plane.stop(own_root, wipe=True)
    assert not Layout(own_root).home.exists()


@contextmanager
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_pids_that_belong_to_others_now_are_let_be(own_root: Path) -> None:
    """As after a reboot: the state file names processes that are gone, and one of the pids is somebody else's."""
    plane.start(own_root)
    layout = Layout(own_root)
    remembered = read_state(layout)
    plane.stop(own_root)
    with bystander() as other:
        remembered.processes["kwok"].pid = other.pid
        write_state(layout, remembered)
        assert set(plane.status(own_root).components.values()) == {"died"}
        assert not plane.stop(own_root)
        write_state(layout, remembered)
        plane.start(own_root)
        assert other.poll() is None
        plane.stop(own_root)
        assert other.poll() is None


def test_a_port_that_was_taken_meanwhile_is_said_and_another_used(own_root: Path) -> None:
    old = plane.start(own_root).server
    plane.stop(own_root)
    port = int(old.rpartition(":")[2])
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        events: list[Event] = []
        started = plane.start(own_root, report=events.append)
        assert started.server != old
        assert any(f"port {port} of kube-apiserver is taken" in event.text for event in events)
        assert len(Cluster(started).at("nodes")["items"]) == 5


def test_what_cannot_start_is_said_with_its_log_and_nothing_is_left(own_root: Path) -> None:
    layout = Layout(own_root)
    layout.home.mkdir(parents=True)
    layout.data.write_text("a file where etcd wants a folder")
    with pytest.raises(UserError, match="etcd ended while the control plane was starting") as caught:
        plane.start(own_root)
    assert str(layout.log("etcd")) in str(caught.value)
    assert "not a directory" in str(caught.value)
    assert plane.status(own_root).pids == {}
    layout.data.unlink()
    assert plane.start(own_root).server


def test_an_interrupted_start_leaves_nothing_half_started(own_root: Path) -> None:
    command = [sys.executable, "-m", "localcloud.plane", "start", "--root", str(own_root)]
    # Tests that run in the background of a shell inherit that SIGINT is ignored.
    hears = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.DEVNULL, preexec_fn=hears) as starting:
        until(lambda: "kube-apiserver" in read_state(Layout(own_root)).processes, "it is half started")
        starting.send_signal(signal.SIGINT)
        assert starting.wait(30) != 0
    found = plane.status(own_root)
    assert found.pids == {}
    assert found.problem is None


def test_a_killed_start_is_repaired_by_the_next(own_root: Path) -> None:
    command = [sys.executable, "-m", "localcloud.plane", "start", "--root", str(own_root)]
    with subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.DEVNULL) as starting:
        until(lambda: "kube-apiserver" in read_state(Layout(own_root)).processes, "it is half started")
        starting.kill()
    problem = plane.status(own_root).problem
    assert problem
    assert "start it again to repair it" in problem
    plane.start(own_root)
    assert plane.status(own_root).problem is None


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "localcloud.plane", *arguments], capture_output=True, text=True, check=False, cwd=PROJECT
    )


def test_the_commands(own_root: Path) -> None:
    where = ("--root", str(own_root))
    assert run("status", *where).returncode == 3
    started = run("start", *where)
    assert started.returncode == 0, started.stderr
    assert f"export KUBECONFIG={own_root}/.local/plane/kubeconfig" in started.stdout
    assert "[6/6] kwok: started" in started.stderr
    shown = run("status", *where)
    assert (shown.returncode, shown.stdout.count("running")) == (0, len(COMPONENTS))
    os.kill(plane.status(own_root).pids["kube-scheduler"], signal.SIGKILL)
    broken = run("status", *where)
    assert broken.returncode == 1
    assert broken.stderr.startswith("error: the control plane is incomplete, kube-scheduler is not running")
    assert run("stop", *where, "--wipe").stdout == "stopped, and its data is removed\n"
    assert run("stop", *where).stdout == "nothing was running\n"
