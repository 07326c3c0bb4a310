"""A lock on a file, which the kernel gives up when its process ends, however it ends."""

import contextlib
import fcntl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

_POLL_S = 0.05


@contextlib.contextmanager
def claim(
    path: Path, busy: Callable[[], object] = lambda: None, *, shared: bool = False, patience_s: float = 0.0
) -> Iterator[None]:
    """Holds the lock on a file, which is made if need be, for the length of the block.

    `busy` is called once where another process still holds it after `patience_s`, and may raise; else this waits for as
    long as it takes. Any number of processes hold a `shared` lock at once, and none beside one that is not.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    deadline = time.monotonic() + patience_s
    with path.open("a") as file:
        while not _taken(file, kind):
            if time.monotonic() >= deadline:
                busy()
                fcntl.flock(file, kind)
                break
            time.sleep(_POLL_S)
        yield


def _taken(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
