"""Starts and stops of the local control plane: two at once, broken off, refused, or over what an earlier one left."""

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

import pytest

from localcloud import plane
from localcloud.plane import processes
from localcloud.plane.components import COMPONENTS
from localcloud.plane.layout import Layout, read_state, write_state
from ordering.errors import UserError
from tests.local.cluster import Cluster, namespace, until
from tools.catalog import PROJECT
from tools.progress import Event


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


def test_what_a_dead_controller_manager_missed_is_there_before_the_start_ends(own_root: Path) -> None:
    """A pod became ready without it: the API server knows the way to a webhook's backend by its endpoints alone."""
    cluster = Cluster(plane.start(own_root))
    os.kill(plane.status(own_root).pids["kube-controller-manager"], signal.SIGSTOP)
    about = {"namespace": "default", "name": "hook"}
    labels = {"app": "hook"}
    backend = {"containers": [{"name": "main", "image": "none"}]}
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": about,
            "spec": {"selector": labels, "ports": [{"port": 443}]},
        },
        {"apiVersion": "v1", "kind": "Pod", "metadata": {**about, "labels": labels}, "spec": backend},
    )
    ready = cluster.run("wait", "-n", "default", "--for=condition=Ready", "pod/hook", "--timeout=60s")
    assert ready.returncode == 0, ready.stderr
    assert not cluster.get("endpointslices", "-n", "default", "-l", "kubernetes.io/service-name=hook")
    cluster.kill("kube-controller-manager")
    plane.start(own_root)
    slices = cluster.at("endpointslices", "-n", "default", "-l", "kubernetes.io/service-name=hook")["items"]
    assert [endpoint["conditions"]["ready"] for one in slices for endpoint in one["endpoints"]] == [True]
