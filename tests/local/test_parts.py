"""Parts of the laptop that die in the middle of a run: it says so soon, and the same command goes on from there."""

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud import emulator, plane
from localcloud.aws.record import recorded_kinds
from tests.local.cluster import Manifest, until
from tests.local.killing import kill
from tests.local.stack import CLAIMS, SAMPLE, Checkout, changes, checked_out, unavailable, world
from tests.local.test_interrupted import left_running, not_in_state

NOTICED_S = 30.0
"""Seconds, at most, from the death of a part to the end of the run."""
QUICK_S = 120.0
"""Seconds for what used to take ten minutes, and then failed; half a minute without other load."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    with checked_out(tmp_path_factory.mktemp("parts")) as made:
        yield made


@pytest.fixture(scope="module")
def empty(checkout: Checkout) -> set[str]:
    """What the laptop holds before a stack is made."""
    emulator.start(checkout.root)
    return world(checkout)


def with_shared_claims(folder: Path) -> Path:
    """The sample, whose claims are for many nodes: a field that cannot change."""
    manifests = shutil.copytree(SAMPLE, folder / "changed")
    text = (manifests / "storage.yaml").read_text()
    (manifests / "storage.yaml").write_text(text.replace("ReadWriteOnce", "ReadWriteMany"))
    return manifests


def claim(checkout: Checkout) -> Manifest:
    return checkout.cluster().at("pvc", "mysql-pv-claim", "-n", "kubeflow")


def ends_without(checkout: Checkout, part: str, seen: bytes, *command: str) -> str:
    """Kills a part once a command has written `seen` into its journal; what that says in the end."""
    journal = checkout.state_file.with_suffix(".journal")
    run = checkout.start(*command)
    until(
        lambda: run.poll() is not None or (journal.exists() and seen in journal.read_bytes()), "the run is half through"
    )
    os.kill(plane.status(checkout.root).pids[part], signal.SIGKILL)
    since = time.monotonic()
    _, err = run.communicate(timeout=300)
    assert time.monotonic() - since < NOTICED_S
    assert run.returncode == 1
    until(lambda: not left_running(checkout), "what the run had started ends")
    return err


def test_an_up_without_its_controllers_ends_soon_and_the_next_one_comes_up(checkout: Checkout, empty: set[str]) -> None:
    err = ends_without(checkout, "kube-controller-manager", b"sample-apps/", "up", "--pods", "realistic")
    assert err.startswith("error: kube-controller-manager of the control plane has died; the log, ")
    assert err.strip().endswith("Type the same command again: it starts what is missing, and goes on from there.")
    assert len(err.splitlines()) == 1
    checkout.must("up")
    assert not unavailable(checkout.cluster())
    assert changes(checkout.must("preview")).keys() == {"unchanged"}
    assert not_in_state(checkout, empty) == set()


def test_a_claim_is_replaced_while_pods_use_it(checkout: Checkout, empty: set[str], tmp_path: Path) -> None:
    checkout.must("up")
    before = claim(checkout)
    acting = Checkout(checkout.root, with_shared_claims(tmp_path))
    since = time.monotonic()
    output = acting.must("up", f"--lose={CLAIMS}")
    assert time.monotonic() - since < QUICK_S
    assert "deleting pod kubeflow/mysql-" in output
    after = claim(checkout)
    assert (before["spec"]["accessModes"], after["spec"]["accessModes"]) == (["ReadWriteOnce"], ["ReadWriteMany"])
    until(lambda: not unavailable(checkout.cluster()), "what used it is back")


def test_a_claim_goes_back_though_the_journal_dies_meanwhile(
    checkout: Checkout, empty: set[str], tmp_path: Path
) -> None:
    """The plugin waits ten minutes for a claim that goes, and nobody but the run itself ends its pods."""
    if not checkout.state_file.exists():
        Checkout(checkout.root, with_shared_claims(tmp_path)).must("up")
    before = claim(checkout)["metadata"]["uid"]
    run = checkout.start("up", f"--lose={CLAIMS}")
    until(lambda: claim(checkout)["metadata"].get("deletionTimestamp"), "the claim is going", 300)
    kill(checkout, run, "journal")
    since = time.monotonic()
    _, err = run.communicate(timeout=300)
    assert time.monotonic() - since < NOTICED_S
    assert run.returncode == 1
    assert "error: The journal for the state in " in err
    assert "Traceback" not in err
    until(lambda: not left_running(checkout), "what the run had started ends")
    checkout.must("up", f"--lose={CLAIMS}")
    assert claim(checkout)["metadata"]["uid"] != before
    until(lambda: not unavailable(checkout.cluster()), "what used it is back")
    assert not_in_state(checkout, empty) == set()


def test_a_destroy_without_its_store_ends_soon_and_the_next_one_at_another_port_leaves_nothing(
    checkout: Checkout, empty: set[str]
) -> None:
    if not checkout.state_file.exists():
        checkout.must("up")
    err = ends_without(checkout, "etcd", b'"operation":', "destroy")
    assert err.startswith("error: etcd of the control plane has died; the log, ")
    server = checkout.cluster().plane.server
    plane.stop(checkout.root)
    with socket.create_server(("127.0.0.1", int(server.rpartition(":")[2]))):
        since = time.monotonic()
        checkout.must("destroy")
        assert time.monotonic() - since < QUICK_S
    assert checkout.cluster().plane.server != server
    assert world(checkout) ^ empty == set()
    assert checkout.resources() == {}
    assert recorded_kinds(emulator.record(checkout.root)) == {}
