"""Starting and ending processes, known by their pid and the time they started: a pid alone may be reused."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from tools.processes import running

_POLL = 0.02  # seconds
# Becomes the command once it reads a line; its input ends with whoever was to write that.
_HELD = ("/bin/sh", "-c", 'read -r go && exec "$0" "$@" < /dev/null')


def spawn(
    command: Sequence[str], log: Path, environment: Mapping[str, str], note: Callable[[int, str], object]
) -> tuple[int, str]:
    """Start a command in a session of its own, with its output in a new log file; returns its pid and start.

    The process outlives this one, and does not get the terminal's Ctrl-C. `note` writes down what was started, and the
    command begins only after that: where we are killed before, there is nothing that nobody knows.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    go, hold = os.pipe()
    try:
        pid = os.posix_spawn(
            _HELD[0],
            [*_HELD, *command],
            dict(environment),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, go, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        started = identity(pid) or "ended at once"
        note(pid, started)
        with contextlib.suppress(BrokenPipeError):  # somebody has ended it meanwhile
            os.write(hold, b"go\n")
    finally:
        os.close(go)
        os.close(hold)
    return pid, started


def identity(pid: int) -> str | None:
    """When the process started, in the system's words, or None when there is no such process or it has ended."""
    with contextlib.suppress(ChildProcessError, OSError):
        os.waitpid(pid, os.WNOHANG)  # our own ended child would stay as a zombie
    if not Path("/proc/self/stat").exists():
        shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return shown.stdout.strip() or None
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return parse_stat(text, Path("/proc/sys/kernel/random/boot_id").read_text().strip())


def parse_stat(text: str, boot: str) -> str | None:
    """Boot and start time (ticks since boot) from a line of /proc/<pid>/stat, or None when all of it has ended."""
    # The second field is the command in parentheses, which may itself hold spaces and parentheses.
    fields = text.rpartition(")")[2].split()
    state, threads, ticks = fields[0], int(fields[17]), fields[19]
    # A killed process shows as a zombie while its other threads still hold its ports.
    return None if state in "ZX" and threads <= 1 else f"{boot}:{ticks}"


def commands() -> dict[int, str]:
    """The command lines of all processes, by pid."""
    return {one.pid: one.command for one in running()}


def alive(pid: int, started: str) -> bool:
    """Whether the process that started then still runs under this pid."""
    return identity(pid) == started


def end(processes: Iterable[tuple[int, str]], patience: float) -> None:
    """Ask all to end, and kill after `patience` seconds what is left. Pids that now belong to others are let be."""
    left = [process for process in processes if _signal(process, signal.SIGTERM)]
    deadline = time.monotonic() + patience
    while left and time.monotonic() < deadline:
        time.sleep(_POLL)
        left = [process for process in left if alive(*process)]
    left = [process for process in left if _signal(process, signal.SIGKILL)]
    while left:  # a killed process goes, in the end
        time.sleep(_POLL)
        left = [process for process in left if alive(*process)]


def _signal(process: tuple[int, str], number: int) -> bool:
    if not alive(*process):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(process[0], number)
        return True
    return False
