"""Processes that end with this one, however it ends: also by SIGKILL, on which nobody gets to clean up."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# The pipe ends with the process that holds it; systems differ in what else they offer for this.
_SCRIPT = 'while read -r pid; do pids="$pids $pid"; done; kill $pids'


@contextmanager
def leash() -> Iterator[Callable[[int], None]]:
    """Yields a function that puts a process, by its pid, on the leash.

    What is on it gets SIGTERM when this process ends within the block. At the block's own end nothing happens to it.
    """
    watcher = subprocess.Popen(
        ["/bin/sh", "-c", _SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Ctrl-C goes to all processes of a terminal's session, and this one comes last.
        start_new_session=True,
    )
    assert watcher.stdin is not None
    pipe = watcher.stdin

    def tie(pid: int) -> None:
        pipe.write(f"{pid}\n".encode())
        pipe.flush()

    try:
        yield tie
    finally:
        watcher.kill()
        watcher.wait()
        pipe.close()
