"""Processes are known by pid and start, so that nobody else's is taken for ours, or ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localcloud.plane import processes

Spawn = Callable[..., tuple[int, str]]


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    """Starts Python code as a component; gives its pid and start. What is left at the end is killed."""
    pids: list[int] = []

    def start(code: str) -> tuple[int, str]:
        return processes.spawn(
            [sys.executable, "-c", code], tmp_path / "log", os.environ, lambda pid, _: pids.append(pid)
        )

    yield start
    for pid in pids:
        if processes.identity(pid):
            os.kill(pid, signal.SIGKILL)


def wait_for(text: str, log: Path) -> None:
    deadline = time.monotonic() + 10
    while text not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)


def test_output_goes_to_a_private_log(spawn: Spawn, tmp_path: Path) -> None:
    spawn("import sys; print('out', flush=True); print('err', file=sys.stderr, flush=True); input()")
    wait_for("EOFError", tmp_path / "log")  # it has no terminal to read from
    assert (tmp_path / "log").read_text().startswith("out\nerr\n")
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_nothing_begins_that_was_not_written_down(tmp_path: Path) -> None:
    """A starter that is cut short there leaves nothing that runs, and nothing that somebody would have to find."""
    noted: list[tuple[int, str]] = []

    def note(pid: int, started: str) -> None:
        noted.append((pid, started))
        raise KeyboardInterrupt

    code = f"open({str(tmp_path / 'begun')!r}, 'w')"
    with pytest.raises(KeyboardInterrupt):
        processes.spawn([sys.executable, "-c", code], tmp_path / "log", os.environ, note)
    deadline = time.monotonic() + 10
    while processes.alive(*noted[0]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not (tmp_path / "begun").exists()


def test_arguments_arrive_as_they_are(tmp_path: Path) -> None:
    code = "import sys; print(sys.argv[1:])"
    command = [sys.executable, "-c", code, "a b", "$(c)", "", "'"]
    process = processes.spawn(command, tmp_path / "log", os.environ, lambda *_: None)
    wait_for("]", tmp_path / "log")
    assert (tmp_path / "log").read_text() == "['a b', '$(c)', '', \"'\"]\n"
    processes.end([process], patience=1)


def test_a_component_does_not_get_our_ctrl_c(spawn: Spawn) -> None:
    pid, _ = spawn("import time; time.sleep(60)")
    assert os.getsid(pid) == pid


def test_a_running_process_is_alive_under_its_start_only(spawn: Spawn) -> None:
    pid, started = spawn("import time; time.sleep(60)")
    assert processes.alive(pid, started)
    assert not processes.alive(pid, "another boot:1")


def test_an_ended_child_is_not_alive_though_nobody_waited_for_it(spawn: Spawn) -> None:
    pid, started = spawn("pass")
    deadline = time.monotonic() + 10
    while processes.alive(pid, started):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_process_of_somebody_else_under_a_reused_pid_is_let_be() -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        processes.end([(other.pid, "this boot:the start of a process that is gone")], patience=1)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_end_asks_first(spawn: Spawn, tmp_path: Path) -> None:
    process = spawn(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('asked', flush=True), sys.exit()))\n"
        "print('up', flush=True); time.sleep(60)"
    )
    wait_for("up", tmp_path / "log")
    processes.end([process], patience=10)
    assert not processes.alive(*process)
    assert "asked" in (tmp_path / "log").read_text()


def test_end_kills_what_does_not_listen(spawn: Spawn, tmp_path: Path) -> None:
    process = spawn(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    wait_for("up", tmp_path / "log")
    since = time.monotonic()
    processes.end([process], patience=0.3)
    assert not processes.alive(*process)
    assert 0.3 <= time.monotonic() - since < 5


def test_ending_nothing_is_quick() -> None:
    since = time.monotonic()
    processes.end([], patience=10)
    assert time.monotonic() - since < 1


LINE = "4242 (a (strange) name) {state} 1 4242 4242 0 -1 4194560 1 0 0 0 1 0 0 0 20 0 {threads} 0 987654 0 0 0"


def test_the_start_is_found_behind_any_name() -> None:
    assert processes.parse_stat(LINE.format(state="S", threads=9), "boot") == "boot:987654"


def test_a_zombie_has_no_start() -> None:
    assert processes.parse_stat(LINE.format(state="Z", threads=1), "boot") is None


def test_a_zombie_with_threads_still_holds_its_ports() -> None:
    assert processes.parse_stat(LINE.format(state="Z", threads=3), "boot") == "boot:987654"
