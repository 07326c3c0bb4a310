"""What runs on this machine: from /proc where there is one, for slim images have no `ps`, and by `ps` elsewhere."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A process, and the command line that it was started with."""

    pid: int
    parent: int
    command: str


def running() -> list[Process]:
    """All processes that have a command line: neither the kernel's own nor what has ended."""
    return list(_of_proc() if (_PROC / "self" / "stat").exists() else _of_ps())


def _of_proc() -> Iterator[Process]:
    for folder in _PROC.iterdir():
        if not folder.name.isdigit():
            continue
        with suppress(OSError):  # it has ended meanwhile
            command = (folder / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
            # The second field is the command in parentheses, which may itself hold spaces and parentheses.
            parent = int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1])
            if command:
                yield Process(int(folder.name), parent, command)


def _of_ps() -> Iterator[Process]:
    columns = ["ps", "-A", "-ww", "-o", "pid=,ppid=,command="]
    for line in subprocess.run(columns, capture_output=True, text=True, check=True).stdout.splitlines():
        row = line.split(maxsplit=2)
        if len(row) == 3:
            yield Process(int(row[0]), int(row[1]), row[2])
