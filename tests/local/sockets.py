"""Where processes listen, as Linux tells it."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

LOOPBACK = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}
"""127.0.0.1, ::1 and 127.0.0.1 in an IPv6 socket, as the kernel writes them."""
_LISTEN = "0A"


def listening(pids: Iterable[int]) -> set[tuple[str, int]]:
    """Address, as the kernel writes it, and port of every TCP socket on which one of the processes listens."""
    sockets = set()
    for pid in pids:
        for descriptor in _descriptors(pid):
            with suppress(FileNotFoundError):  # closed since it was listed
                sockets.add(os.readlink(descriptor))
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and f"socket:[{fields[9]}]" in sockets:
                address, port = fields[1].split(":")
                found.add((address, int(port, 16)))
    return found


def _descriptors(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/fd").iterdir())
    except FileNotFoundError:  # it has ended, and listens nowhere
        return []
