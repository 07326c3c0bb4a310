"""Peak memory and CPU time of the processes of a run, by the part they play, read from /proc while they live."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

INTERVAL_S = 0.25
_TICKS = os.sysconf("SC_CLK_TCK")

# What a command line holds, and the part that such a process plays; the first that fits counts.
PARTS = (
    ("bench.command", "program"),
    ("pulumi-resource-kubernetes", "provider kubernetes"),
    ("localcloud.providers", "other stand-ins"),
    ("/journal", "journal"),
    ("localcloud.emulator", "AWS emulator"),
    ("/kube-apiserver", "kube-apiserver"),
    ("/kube-controller-manager", "kube-controller-manager"),
    ("/kube-scheduler", "kube-scheduler"),
    ("/controllers", "controllers"),
    ("/etcd", "etcd"),
    ("/kwok", "kwok"),
    ("kubectl", "kubectl"),
    ("pulumi", "engine"),
)


def part_of(command: str) -> str | None:
    """The part that a process plays, by its command line; None for one that belongs to no run."""
    return next((part for text, part in PARTS if text in command), None)


@dataclass
class _Seen:
    part: str
    first_cpu: float
    cpu: float = 0.0
    peak_kb: int = 0


@dataclass
class Usage:
    """What the processes of a run needed."""

    _seen: dict[str, _Seen] = field(default_factory=dict)

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds by part, while it was watched."""
        total: dict[str, float] = {}
        for seen in self._seen.values():
            total[seen.part] = total.get(seen.part, 0.0) + seen.cpu - seen.first_cpu
        return {part: round(seconds, 2) for part, seconds in sorted(total.items())}

    def peak_mb(self) -> dict[str, float]:
        """The largest resident size of a process of each part, in MB (10^6 bytes), over its whole life."""
        peak: dict[str, int] = {}
        for seen in self._seen.values():
            peak[seen.part] = max(peak.get(seen.part, 0), seen.peak_kb)
        return {part: round(kb * 1024 / 1e6, 1) for part, kb in sorted(peak.items())}

    def look(self, roots: frozenset[int]) -> None:
        """Reads all processes under `roots`, themselves included."""
        for pid in _family(roots):
            with suppress(OSError, IndexError, ValueError):
                stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                cpu = (int(stat[11]) + int(stat[12])) / _TICKS
                key = f"{pid}:{stat[19]}"
                part = part_of(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))
                if part is None:
                    continue
                # A process that was there before has its CPU time of before; a new one starts at nothing.
                seen = self._seen.setdefault(key, _Seen(part, cpu if pid in roots else 0.0))
                seen.part, seen.cpu, seen.peak_kb = part, cpu, max(seen.peak_kb, _peak_kb(pid))


def _peak_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def _family(roots: frozenset[int]) -> set[int]:
    parents: dict[int, int] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                parents[int(entry.name)] = int(Path(entry.path, "stat").read_text().rpartition(")")[2].split()[1])
    family = set(roots)
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in family and pid not in family}
        grown = bool(more)
        family |= more
    return family


@contextmanager
def watching(roots: Any) -> Iterator[Usage]:
    """Watches processes for the length of the block; `roots` gives the pids whose families are meant, asked again each
    time, for some start later."""
    usage, ended = Usage(), threading.Event()

    def watch() -> None:
        while not ended.is_set():
            usage.look(frozenset(roots()))
            time.sleep(INTERVAL_S)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield usage
    finally:
        ended.set()
        watcher.join()
