"""Runs that are cut short: the same command again brings the stack to its end, nothing twice and nothing left over."""

import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from localcloud import emulator, plane
from localcloud.aws.record import recorded_kinds
from ops.__main__ import INTERRUPTED
from ops.interrupting import FIRST
from tests.local.cluster import until
from tests.local.stack import Checkout, changes, checked_out, cloud, unavailable, world
from tests.local.throttle import throttled

Victim = Literal["engine", "program", "kube-apiserver", "Ctrl-C", "SIGTERM"]

# Seconds after the run has begun its first step, at most; on the sample a whole one takes 10 to 20.
LONGEST = 6.0
OUTAGE = 3.0
"""Seconds until somebody starts an API server again that was killed."""
SEED = 7
# One of each in `up` and in destroy: bench/kills.py has more moments.
VICTIMS: tuple[Victim, ...] = ("engine", "program", "kube-apiserver")

# What may be made a second time: settings of something else, which are written over.
MADE_AGAIN = (
    "aws:s3/bucket",
    "aws:ecr/lifecyclePolicy",
    "aws:ec2/defaultSecurityGroup",
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    with checked_out(tmp_path_factory.mktemp("interrupted")) as made:
        yield made


@pytest.fixture(scope="module")
def empty(checkout: Checkout) -> set[str]:
    """What the laptop holds before a stack is made."""
    emulator.start(checkout.root)
    return world(checkout)


def standing(checkout: Checkout) -> None:
    """Brings the stack up where the tests before have not: each of these runs alone, too."""
    if not checkout.state_file.exists() or not checkout.resources():
        checkout.must("up")


def children(pid: int) -> dict[int, str]:
    """The command lines of a process's children, by pid."""
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,command="], capture_output=True, text=True, check=True
    )
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    return {int(row[0]): row[2] for row in rows if len(row) == 3 and int(row[1]) == pid}


def left_running(checkout: Checkout) -> list[str]:
    """Processes of a checkout that are neither its control plane's nor its AWS emulator."""
    server = emulator.status(checkout.root)
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


def cut_again_and_again(checkout: Checkout, command: str, opposite: str, seed: int, *victims: Victim) -> None:
    """Cuts a run of a command short by each victim; where one was through by then, its opposite makes work for more."""
    moments = random.Random(seed)
    through = 0
    for victim in victims:
        while not cut(checkout, command, victim, moments.uniform(0, LONGEST)):
            through += 1
            assert through < len(victims)
            checkout.must(opposite)


def cut(checkout: Checkout, command: str, victim: Victim, delay: float) -> bool:
    """Begins a command and kills the victim `delay` seconds after the first step, unless the run is through by then.

    Returns whether it was not.
    """
    journal = checkout.state_file.with_suffix(".journal")
    before = journal.stat().st_mtime_ns if journal.exists() else 0
    run = checkout.start(command)
    until(
        lambda: run.poll() is not None or (journal.exists() and journal.stat().st_mtime_ns > before),
        "the run begins",
    )
    time.sleep(delay)
    engines = [pid for pid, line in children(run.pid).items() if "/bin/pulumi " in line]
    match victim:
        case "program":
            run.kill()
        case "engine":
            for pid in engines:
                os.kill(pid, signal.SIGKILL)
        case "kube-apiserver":
            checkout.cluster().kill("kube-apiserver")
            # The plugin waits for what it sent until the server is back, for minutes if need be.
            time.sleep(OUTAGE)
            checkout.cluster()
        case "Ctrl-C":
            os.killpg(run.pid, signal.SIGINT)
        case "SIGTERM":
            run.terminate()
    out, err = run.communicate(timeout=300)
    assert "Traceback" not in out + err
    if victim in ("Ctrl-C", "SIGTERM") and engines:
        assert (run.returncode, err.splitlines()[-1]) == (130, f"error: {INTERRUPTED}"), err
        assert FIRST in out + err
    if run.returncode == 1:
        assert err.startswith("error: "), err
    deadline = time.monotonic() + 60
    while (left := left_running(checkout)) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert left == [], f"after the {victim} was killed in {command}"
    checkout.resources()
    return bool(engines)


def not_in_state(checkout: Checkout, empty: set[str]) -> set[str]:
    """What there is in the account of which the state knows nothing: made twice, or forgotten."""
    ids = {one.get("id") for one in checkout.resources().values()}
    # A VPC comes with a route table of its own, and a cluster with a security group.
    made = {one for one in cloud(checkout) - empty if not one.startswith(("security group", "route table"))}
    return {one for one in made if one.rsplit(" ", 1)[1] not in ids}


def forget_creates(checkout: Checkout, kinds: str = "") -> set[str]:
    """Writes a state in which every create had its effect but nobody heard of it; returns the URNs.

    `kinds` is what the types begin with whose creates those are.
    """
    state = json.loads(checkout.state_file.read_text())
    latest = state["checkpoint"]["latest"]
    of_the_state = ("pulumi:providers:", "random:")
    forgotten = [
        one
        for one in latest["resources"]
        if one["custom"] and one["type"].startswith(kinds) and not one["type"].startswith(of_the_state)
    ]
    urns = {one["urn"] for one in forgotten}
    for one in latest["resources"]:
        # In truth nothing is begun before what it depends on is known to be there, which the engine wants to see.
        one["dependencies"] = known(one.get("dependencies"), urns)
        of_each = one.get("propertyDependencies") or {}
        one["propertyDependencies"] = {key: known(needs, urns) for key, needs in of_each.items()}
    latest["resources"] = [one for one in latest["resources"] if one["urn"] not in urns]
    latest["pending_operations"] = [
        {"type": "creating", "resource": {key: value for key, value in one.items() if key not in ("id", "outputs")}}
        for one in forgotten
    ]
    checkout.state_file.write_text(json.dumps(state))
    return urns


def known(urns: Iterable[str] | None, forgotten: set[str]) -> list[str]:
    """These resources without those that are forgotten."""
    return [urn for urn in urns or () if urn not in forgotten]


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
    # SIGTERM comes to the program alone, Ctrl-C to all of the terminal's group.
    cut_again_and_again(checkout, "destroy", "up", SEED, *VICTIMS, "SIGTERM")
    checkout.must("destroy")
    assert world(checkout) ^ empty == set()
    assert checkout.resources() == {}
    assert recorded_kinds(emulator.record(checkout.root)) == {}


def test_an_up_that_is_killed_again_and_again_comes_up_in_the_end(checkout: Checkout, empty: set[str]) -> None:
    cut_again_and_again(checkout, "up", "destroy", SEED + 1, *VICTIMS, "Ctrl-C")
    checkout.must("up")
    assert not unavailable(checkout.cluster())
    assert changes(checkout.must("preview")).keys() == {"unchanged"}
    assert not_in_state(checkout, empty) == set()


def test_what_was_made_by_a_run_that_was_killed_before_it_knew_is_taken_over(
    checkout: Checkout, empty: set[str]
) -> None:
    standing(checkout)
    before, there = checkout.resources(), world(checkout)
    forgotten = forget_creates(checkout)
    output = checkout.must("up")
    assert f"looking at {len(forgotten)} things" in output
    # The sample's autoscaler may make another pod meanwhile.
    assert {one for one in world(checkout) ^ there if not one.startswith("v1/Pod/")} == set()
    after = checkout.resources()
    again = {before[urn]["type"] for urn in forgotten if after[urn].get("id") != before[urn]["id"]}
    assert {one for one in again if not one.startswith(MADE_AGAIN)} == set()
    assert changes(checkout.must("preview")).keys() == {"unchanged"}


def test_a_state_that_is_lost_after_a_kill_is_refused_and_recovered(checkout: Checkout, empty: set[str]) -> None:
    standing(checkout)
    checkout.must("destroy")
    assert cut(checkout, "up", "program", LONGEST / 2)
    checkout.state_file.write_text("")
    before = world(checkout)
    for command in ("up", "preview", "destroy"):
        refused = checkout.ops(command)
        assert refused.returncode == 1
        assert re.match(
            r"error: .*local\.json cannot be read \(it is empty\)\..*`make recover STACK=local`", refused.stderr
        )
    assert world(checkout) == before
    assert "steps of the interrupted run" in checkout.must("recover")
    checkout.must("up")
    assert changes(checkout.must("preview")).keys() == {"unchanged"}
    assert not_in_state(checkout, empty) == set()


def test_nothing_is_left_after_all_that(checkout: Checkout, empty: set[str]) -> None:
    standing(checkout)
    # A destroy after a kill, without an `up` between: what a role still has attached would hold it.
    assert forget_creates(checkout, "aws:iam/rolePolicyAttachment:")
    checkout.must("destroy")
    assert world(checkout) ^ empty == set()
    assert checkout.resources() == {}
    assert recorded_kinds(emulator.record(checkout.root)) == {}
