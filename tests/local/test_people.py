"""A destroy with people in it: their objects have finalizers, which a controller takes off as long as it lives."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.local.cluster import Cluster, Manifest, crd, deployment, namespace
from tests.local.stack import Checkout, checked_out, objects

GROUP = "jobs.example.com"
SYSTEM = "operators"
OPERATOR = deployment(SYSTEM, "operator")
FINALIZER = f"{GROUP}/clean-up"


def job(name: str, space: str, **metadata: object) -> Manifest:
    about = {"name": name, "namespace": space, "finalizers": [FINALIZER], **metadata}
    return {"apiVersion": f"{GROUP}/v1", "kind": "Run", "metadata": about}


class Operator(threading.Thread):
    """Takes the finalizer off what is being deleted, a second after, while a pod of the operator runs."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(daemon=True)
        self.cluster, self.over, self.finished = cluster, threading.Event(), list[str]()

    def run(self) -> None:
        while not self.over.wait(1):
            found = self.cluster.get("runs." + GROUP, "-A") if self.cluster.get("crd", f"runs.{GROUP}") else None
            going = [one for one in (found or {"items": []})["items"] if one["metadata"].get("deletionTimestamp")]
            if going and (self.cluster.get("deployment", "operator", "-n", SYSTEM) or {}).get("status", {}).get(
                "availableReplicas"
            ):
                for one in going:
                    about = one["metadata"]
                    self.finished.append(about["name"])
                    self.cluster.run(
                        "patch", f"runs.{GROUP}", about["name"], "-n", about["namespace"],
                        "--type=merge", "-p", '{"metadata":{"finalizers":null}}',
                    )  # fmt: skip


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    root = tmp_path_factory.mktemp("people")
    platform = root / "platform"
    platform.mkdir()
    (platform / "kustomization.yaml").write_text("resources: [all.yaml]\n")
    parts = [namespace(SYSTEM), crd(GROUP, "Run"), OPERATOR, job("ours", SYSTEM, finalizers=[])]
    (platform / "all.yaml").write_text(yaml.safe_dump_all(parts))
    with checked_out(root, platform) as made:
        yield made


@pytest.fixture
def peopled(checkout: Checkout) -> Cluster:
    """The platform, and in a namespace of their own what people made of its kind; one of them made another."""
    checkout.must("up")
    cluster = checkout.cluster()
    cluster.apply(namespace("team"), job("a", "team"), job("b", SYSTEM))
    owner = cluster.at(f"runs.{GROUP}", "a", "-n", "team")["metadata"]["uid"]
    reference = {"apiVersion": f"{GROUP}/v1", "kind": "Run", "name": "a", "uid": owner, "controller": True}
    cluster.apply(job("made-by-a", "team", ownerReferences=[reference]))
    return cluster


def test_they_go_while_their_controller_lives_and_are_told(checkout: Checkout, peopled: Cluster) -> None:
    operator = Operator(peopled)
    operator.start()
    try:
        output = checkout.must("destroy")
    finally:
        operator.over.set()
        operator.join()
    assert set(operator.finished) == {"a", "b", "made-by-a"}
    assert "deleted 3 objects that people made of the platform's kinds" in output
    assert not [one for one in objects(peopled) if GROUP in one]
    assert peopled.get("namespace", "team"), "a namespace of somebody else's stays"


def test_without_a_controller_they_are_named_and_given_up_only_when_told(
    checkout: Checkout, peopled: Cluster, tmp_path: Path
) -> None:
    started = checkout.start("destroy", "--force-finalizers")
    begun = time.monotonic()
    out, err = started.communicate(timeout=300)
    assert started.returncode == 0, f"{out}\n{err}"
    assert time.monotonic() - begun > 60, "a controller has a minute first"
    assert f"Run team/a (finalizers: {FINALIZER})" in out
    assert "gave up the finalizers of " in out
    assert not [one for one in objects(peopled) if GROUP in one]
