"""A process on a leash ends with the one that holds it, and only then."""

import os
import signal
import subprocess
import sys
import time

from tools.leash import leash

HOLDER = """
import subprocess, time
from tools.leash import leash
with leash() as tie:
    held = subprocess.Popen(["sleep", "300"])
    tie(held.pid)
    print(held.pid, flush=True)
    time.sleep(300)
"""


def running(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be looked at does not."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(shown.stdout.strip()) and not shown.stdout.strip().startswith("Z")


def test_it_ends_with_a_holder_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        pid = int(holder.stdout.readline())
        assert running(pid)
        holder.kill()
    deadline = time.monotonic() + 20
    while running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(pid)


def test_it_outlives_the_block() -> None:
    held = subprocess.Popen(["sleep", "300"])
    try:
        with leash() as tie:
            tie(held.pid)
        time.sleep(0.3)
        assert held.poll() is None
    finally:
        os.kill(held.pid, signal.SIGKILL)
        held.wait()
