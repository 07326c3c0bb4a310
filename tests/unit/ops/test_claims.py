"""Claims that go are freed of the pods that use them, and no others."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from pulumi import automation

from ops import claims
from ops.claims import Claims, free
from ordering.manifests.objects import Manifest
from tests.unit.ops.test_waiting import CLAIM, step

GOING = {"deletionTimestamp": "2026-11-26T12:00:00Z"}


class Cluster:
    def __init__(self, *objects: Manifest) -> None:
        self.objects = list(objects)
        self.deleted: list[str] = []

    def list(self, api_version: str, kind: str) -> list[Manifest]:
        return [one for one in self.objects if (one["apiVersion"], one["kind"]) == (api_version, kind)]

    def delete(self, manifest: Manifest) -> None:
        self.deleted.append(manifest["metadata"]["name"])


def claim(name: str, namespace: str = "kubeflow", **metadata: Any) -> Manifest:
    about = {"namespace": namespace, "name": name, **metadata}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": about}


def pod(name: str, of: str | None, namespace: str = "kubeflow", node: str | None = "n", **metadata: Any) -> Manifest:
    volumes: list[Manifest] = [{"name": "scratch", "emptyDir": {}}]
    if of:
        volumes.append({"name": "data", "persistentVolumeClaim": {"claimName": of}})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, **metadata},
        "spec": {"nodeName": node, "volumes": volumes},
    }


def test_pods_of_claims_that_are_going_are_deleted() -> None:
    cluster = Cluster(
        claim("mysql-pvc", **GOING),
        claim("other", **GOING),
        claim("mysql-pvc", "elsewhere"),
        pod("mysql-0", "mysql-pvc"),
        pod("waits-for-the-next", "mysql-pvc", node=None),
        pod("goes-already", "mysql-pvc", **GOING),
        pod("of-another-claim", "other"),
        pod("in-another-namespace", "mysql-pvc", "elsewhere"),
        pod("without", None),
    )
    assert free(cluster, [("kubeflow", "mysql-pvc"), ("elsewhere", "mysql-pvc")]) == ["kubeflow/mysql-0"]
    assert cluster.deleted == ["mysql-0"]


def test_a_claim_that_stays_keeps_its_pods() -> None:
    cluster = Cluster(claim("mysql-pvc"), pod("mysql-0", "mysql-pvc"))
    assert free(cluster, [("kubeflow", "mysql-pvc")]) == []


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(claims, "POLL_S", 0.02)
    return []


def listening(cluster: Cluster, told: list[str], op: str) -> None:
    """An engine that begins an operation on the claim."""

    @contextmanager
    def connect() -> Iterator[Cluster]:
        yield cluster

    listener = Claims(connect, told.append)
    with listener.freed():
        listener(step("resourcePreEvent", CLAIM, op))
        time.sleep(0.3)
        listener(step("resOutputsEvent", CLAIM, op))
        cluster.deleted.clear()
        time.sleep(0.2)
        assert cluster.deleted == []


@pytest.mark.parametrize(("op", "freed"), [("delete-replaced", True), ("delete", True), ("update", False)])
def test_it_is_done_while_the_engine_deletes(told: list[str], op: str, freed: bool) -> None:
    listening(Cluster(claim("mysql-pvc", **GOING), pod("mysql-0", "mysql-pvc")), told, op)
    assert ("deleting pod kubeflow/mysql-0, which uses a claim that is being deleted" in told) == freed


def test_a_cluster_that_does_not_answer_is_told_once(told: list[str]) -> None:
    @contextmanager
    def connect() -> Iterator[Cluster]:
        raise OSError("connection refused")
        yield Cluster()

    listener = Claims(connect, told.append)
    with listener.freed():
        listener(step("resourcePreEvent", CLAIM, "delete"))
        time.sleep(0.3)
    assert told == ["The pods that use a claim which is being deleted could not be looked for: connection refused"]


def test_an_engine_that_is_killed_while_it_reads_the_state_is_told_in_one_sentence(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    crashed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", crashed.append)

    class Stack:
        def export_stack(self) -> None:
            raise automation.CommandError(automation.CommandResult("", "", -9))

    listener = Claims(lambda: claims.cluster_of(cast("automation.Stack", Stack())), told.append)
    with listener.freed():
        listener(step("resourcePreEvent", CLAIM, "delete"))
        time.sleep(0.3)
    assert crashed == []
    (line,) = told
    assert line.endswith(
        "could not be looked for: The engine was killed by signal 9: run the same command again, and it "
        "continues from there."
    )


def test_a_cluster_that_died_does_not_hold_the_end_of_a_run(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "ENDS_S", 0.05)
    asked, given_up = threading.Event(), threading.Event()

    @contextmanager
    def connect() -> Iterator[Cluster]:
        asked.set()
        given_up.wait(5)
        raise OSError("timed out")
        yield Cluster()

    listener = Claims(connect, told.append)
    begun = time.monotonic()
    with listener.freed():
        listener(step("resourcePreEvent", CLAIM, "delete"))
        assert asked.wait(5)
    took = time.monotonic() - begun
    given_up.set()
    assert took < 4
    assert told == []
