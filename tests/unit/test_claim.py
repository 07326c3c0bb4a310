"""Locks on files: who holds one keeps others out, and gives it up however it ends."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools.catalog import PROJECT
from tools.claim import claim


@contextmanager
def holder(path: Path, *, shared: bool = False, seconds: float = 60) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds a claim."""
    code = (
        "import sys, time; from pathlib import Path; from tools.claim import claim\n"
        f"with claim(Path(sys.argv[1]), shared={shared}): print('held', flush=True); time.sleep({seconds})"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def refuse() -> Callable[[], None]:
    def busy() -> None:
        raise BlockingIOError

    return busy


def test_the_folder_is_made(tmp_path: Path) -> None:
    with claim(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").exists()


@pytest.mark.parametrize(("theirs", "ours"), [(False, False), (False, True), (True, False)])
def test_others_are_kept_out(tmp_path: Path, refuse: Callable[[], None], theirs: bool, ours: bool) -> None:
    with (
        holder(tmp_path / "lock", shared=theirs),
        pytest.raises(BlockingIOError),
        claim(tmp_path / "lock", refuse, shared=ours),
    ):
        pass


def test_who_shares_lets_in_who_shares(tmp_path: Path, refuse: Callable[[], None]) -> None:
    with holder(tmp_path / "lock", shared=True), claim(tmp_path / "lock", refuse, shared=True):
        pass


def test_a_killed_holder_gives_it_up(tmp_path: Path, refuse: Callable[[], None]) -> None:
    with holder(tmp_path / "lock") as other:
        other.kill()
        other.wait()
        with claim(tmp_path / "lock", refuse):
            pass


def test_one_that_is_given_up_in_time_is_waited_for(tmp_path: Path, refuse: Callable[[], None]) -> None:
    with holder(tmp_path / "lock", seconds=0.5):
        since = time.monotonic()
        with claim(tmp_path / "lock", refuse, patience_s=30):
            assert time.monotonic() - since < 20


def test_who_waits_is_told_once(tmp_path: Path) -> None:
    told: list[str] = []
    with holder(tmp_path / "lock", seconds=0.5), claim(tmp_path / "lock", lambda: told.append("waiting")):
        assert told == ["waiting"]
