"""Runs that are cut short: the same command again brings the stack to its end, nothing twice and nothing left over."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from localcloud import moto, plane
from localcloud.aws.record import recorded_kinds
from tests.local.cluster import until
from tests.local.stack import Checkout, changes, checked_out, cloud, unavailable, world
from tests.local.throttle import throttled

Victim = Literal["engine", "program", "kube-apiserver"]

# Seconds after the run has begun its first step. On the sample a run takes 10 to 20.
LONGEST = 9.0
SEED = 7
UP: tuple[Victim, ...] = ("engine", "program", "kube-apiserver", "program", "engine", "program")
DESTROY: tuple[Victim, ...] = ("program", "kube-apiserver", "engine", "program")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    with checked_out(tmp_path_factory.mktemp("interrupted")) as made:
        yield made


@pytest.fixture(scope="module")
def empty(checkout: Checkout) -> set[str]:
    """What the laptop holds before a stack is made."""
    moto.start(checkout.root)
    return world(checkout)


def children(pid: int) -> dict[int, str]:
    """The command lines of a process's children, by pid."""
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,command="], capture_output=True, text=True, check=True
    )
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    return {int(row[0]): row[2] for row in rows if len(row) == 3 and int(row[1]) == pid}


def left_running(checkout: Checkout) -> list[str]:
    """Processes of a checkout that are neither its control plane's nor its moto."""
    server = moto.status(checkout.root)
    kept = {*plane.status(checkout.root).pids.values(), server.pid if server else 0}
    found = []
    for entry in Path("/proc").iterdir():
        try:
            about = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except (OSError, ValueError):
            continue
        if entry.name.isdigit() and int(entry.name) not in kept and str(checkout.root).encode() in about:
            found.append((entry / "cmdline").read_text().replace("\0", " "))
    return found


def cut(checkout: Checkout, command: str, victim: Victim, delay: float) -> None:
    """Begins a command and kills the victim `delay` seconds after the first step; a run that is through is let be."""
    journal = checkout.state_file.with_suffix(".journal")
    before = journal.stat().st_mtime_ns if journal.exists() else 0
    run = checkout.start(command)
    until(
        lambda: run.poll() is not None or (journal.exists() and journal.stat().st_mtime_ns > before),
        "the run begins",
    )
    time.sleep(delay)
    match victim:
        case "program":
            run.kill()
        case "engine":
            for pid, line in children(run.pid).items():
                if " up " in line or " destroy " in line:
                    os.kill(pid, signal.SIGKILL)
        case "kube-apiserver":
            checkout.cluster().kill("kube-apiserver")
    out, err = run.communicate(timeout=300)
    assert "Traceback" not in out + err
    if run.returncode == 1:
        assert err.startswith("error: "), err
    until(lambda: not left_running(checkout), "what the run had started ends")
    checkout.resources()


def test_a_cloud_that_throttles_and_webhooks_that_answer_late_do_no_harm(checkout: Checkout, empty: set[str]) -> None:
    with throttled(checkout.root) as refused:
        run = checkout.start("up")
        controllers = plane.status(checkout.root).pids["controllers"]
        while run.poll() is None:
            # Answers come up to 3 s late; the API server waits for 10 s.
            os.kill(controllers, signal.SIGSTOP)
            time.sleep(3)
            os.kill(controllers, signal.SIGCONT)
            time.sleep(1)
        _, err = run.communicate()
    assert run.returncode == 0, err
    assert refused() > 20
    assert not unavailable(checkout.cluster())
    assert changes(checkout.must("preview")).keys() == {"unchanged"}


def test_a_destroy_that_is_killed_again_and_again_leaves_nothing_in_the_end(
    checkout: Checkout, empty: set[str]
) -> None:
    moments = random.Random(SEED)
    for victim in DESTROY:
        cut(checkout, "destroy", victim, moments.uniform(0, LONGEST))
    checkout.must("destroy")
    assert world(checkout) ^ empty == set()
    assert checkout.resources() == {}
    assert recorded_kinds(moto.record(checkout.root)) == {}


def test_an_up_that_is_killed_again_and_again_comes_up_in_the_end(checkout: Checkout, empty: set[str]) -> None:
    moments = random.Random(SEED + 1)
    for victim in UP:
        cut(checkout, "up", victim, moments.uniform(0, LONGEST))
    checkout.must("up")
    assert not unavailable(checkout.cluster())
    assert changes(checkout.must("preview")).keys() == {"unchanged"}
    ids = {one.get("id") for one in checkout.resources().values()}
    # A VPC comes with a route table of its own, and a cluster with a security group.
    made = {one for one in cloud(checkout) - empty if not one.startswith(("security group", "route table"))}
    assert {one for one in made if one.rsplit(" ", 1)[1] not in ids} == set()


def test_nothing_is_left_after_all_that(checkout: Checkout, empty: set[str]) -> None:
    checkout.must("destroy")
    assert world(checkout) ^ empty == set()
    assert checkout.resources() == {}
    assert recorded_kinds(moto.record(checkout.root)) == {}
