"""Providers that die in the middle of a run: the same command, once more, brings the stack to its end."""

import os
import random
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud import emulator
from localcloud.aws.record import recorded_kinds
from tests.local.cluster import until
from tests.local.stack import Checkout, changes, checked_out, unavailable, world
from tests.local.test_interrupted import children, left_running, not_in_state

SEED = 11
# One of the two in each command: bench/kills.py has both in each, at more moments.
# Seconds after the first operation at which a provider is killed, at most: AWS comes first and goes last.
LATEST = {("up", "kubernetes"): 10.0, ("destroy", "aws"): 8.0}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    with checked_out(tmp_path_factory.mktemp("providers")) as made:
        yield made


@pytest.fixture(scope="module")
def empty(checkout: Checkout) -> set[str]:
    """What the laptop holds before a stack is made."""
    emulator.start(checkout.root)
    return world(checkout)


def serving(run: int, package: str) -> list[int]:
    """The processes that serve a package to a run: a stand-in beside the engine, or a plugin that the engine starts."""
    found, generation = [], children(run)
    while generation:
        found += [
            pid
            for pid, line in generation.items()
            if re.search(rf"pulumi-resource-{package}\b|localcloud\.providers {package}\b", line)
        ]
        generation = {pid: line for parent in generation for pid, line in children(parent).items()}
    return found


def begun(journal: Path) -> bool:
    """Whether a provider has been asked for something."""
    return journal.exists() and b'"operation":' in journal.read_bytes()


def bereft(checkout: Checkout, command: str, package: str, moments: random.Random) -> bool:
    """Runs a command and kills who serves a package, after the first operation; returns whether that was felt."""
    journal = checkout.state_file.with_suffix(".journal")
    run = checkout.start(command)
    until(lambda: run.poll() is not None or begun(journal), "the first operation begins")
    time.sleep(moments.uniform(0.5, LATEST[command, package]))
    for pid in serving(run.pid, package):
        os.kill(pid, signal.SIGKILL)
    out, err = run.communicate(timeout=300)
    assert "Traceback" not in out + err
    assert run.returncode == 0 or err.startswith("error: "), err
    until(lambda: not left_running(checkout), "what the run had started ends")
    return run.returncode != 0


def test_a_run_whose_provider_died_comes_to_its_end_when_it_is_repeated(checkout: Checkout, empty: set[str]) -> None:
    moments = random.Random(SEED)
    felt = bereft(checkout, "up", "kubernetes", moments)
    checkout.must("up")
    assert not unavailable(checkout.cluster())
    assert changes(checkout.must("preview")).keys() == {"unchanged"}
    assert not_in_state(checkout, empty) == set()
    felt |= bereft(checkout, "destroy", "aws", moments)
    checkout.must("destroy")
    assert world(checkout) ^ empty == set()
    assert checkout.resources() == {}
    assert recorded_kinds(emulator.record(checkout.root)) == {}
    assert felt
