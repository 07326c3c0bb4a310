"""What runs is told alike by /proc and by `ps`, and by /proc alone where there is no `ps`."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import processes
from tools.processes import Process, running


@pytest.fixture
def child() -> Iterator[int]:
    with subprocess.Popen(["sleep", "60"]) as started:
        yield started.pid
        started.kill()


def of(pid: int) -> list[Process]:
    return [one for one in running() if one.pid == pid]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="a system without /proc has ps")
def test_where_there_is_no_ps_it_is_not_asked(child: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert of(child) == [Process(child, os.getpid(), "sleep 60")]


def test_where_there_is_no_proc_ps_tells_the_same(child: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    assert of(child) == [Process(child, os.getpid(), "sleep 60")]


def test_a_process_with_a_strange_name_and_one_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    told = {"self": b"", "7": b"/opt/a (b) 9\0up\0", "8": b"", "9": None, "sys": b""}
    for name, command in told.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "stat").write_text(f"{name} (a (b) 9) S 3 7 7 0")
        if command is not None:
            (tmp_path / name / "cmdline").write_bytes(command)
    assert running() == [Process(7, 3, "/opt/a (b) 9 up")]
