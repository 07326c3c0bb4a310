"""A part that dies ends the run that works with it; one that is back soon does not."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import watching
from ordering.errors import UserError

GONE = "etcd has died."


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "POLL_S", 0.02)
    monkeypatch.setattr(watching, "GRACE_S", 0.3)
    monkeypatch.setattr(watching, "ENDS_S", 0.3)


@pytest.fixture(autouse=True)
def hearing() -> Iterator[None]:
    """A program inherits what is ignored, as SIGINT is by tests in the background of a shell.

    Not by `preexec_fn`: gRPC has handlers of forks, which may end a child of a process with threads.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def engine(folder: Path, script: str) -> "subprocess.Popen[bytes]":
    program = folder / "bin" / "pulumi"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\nwhile :; do sleep 0.05; done\n")
    program.chmod(0o755)
    return subprocess.Popen([str(program), "up"])


@pytest.fixture
def bystander() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


@pytest.mark.parametrize(("script", "ends"), [("", -signal.SIGINT), ("trap : INT", -signal.SIGKILL)])
def test_the_engine_is_asked_to_end_and_made_to(
    tmp_path: Path, bystander: "subprocess.Popen[bytes]", script: str, ends: int
) -> None:
    told: list[str] = []
    with watching.watched(lambda: GONE, told.append) as watch, engine(tmp_path, script) as running:
        assert running.wait(20) == ends
        assert watch.lost == GONE
    assert told == ["Ending this run, because a part that it works with has died."]
    assert bystander.poll() is None


def test_a_part_that_is_back_soon_ends_nothing(tmp_path: Path) -> None:
    begun = time.monotonic()

    def lost() -> str | None:
        # Away for a moment, again and again.
        return GONE if int((time.monotonic() - begun) / 0.1) % 2 else None

    with watching.watched(lost, print) as watch, engine(tmp_path, "") as running:
        time.sleep(1)
        assert (running.poll(), watch.lost) == (None, None)
        running.kill()


def test_nothing_goes_on_after_the_block() -> None:
    before = threading.active_count()
    with watching.watched(lambda: None, print):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
    assert watching.engines(os.getpid()) == []


def test_an_engine_that_can_write_nothing_is_not_asked(tmp_path: Path) -> None:
    with watching.watched(lambda: GONE, print, lambda: False), engine(tmp_path, "") as running:
        begun = time.monotonic()
        assert running.wait(20) == -signal.SIGKILL
        assert time.monotonic() - begun < watching.GRACE_S + 2


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="a system without /proc has ps")
def test_the_engine_is_found_where_there_is_no_ps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slim images have none."""
    with engine(tmp_path, "") as running:
        monkeypatch.setenv("PATH", str(tmp_path))
        try:
            assert watching.engines(os.getpid()) == [running.pid]
            with watching.watched(lambda: GONE, print):
                assert running.wait(5) == -signal.SIGINT
        finally:
            running.kill()


def test_a_laptop_that_cannot_be_looked_at_counts_as_one_that_died(tmp_path: Path) -> None:
    told: list[str] = []

    def lost() -> str | None:
        raise UserError("state.json is damaged.")

    with watching.watched(lost, told.append) as watch, engine(tmp_path, "") as running:
        assert running.wait(20) == -signal.SIGINT
        assert watch.lost == "state.json is damaged."
