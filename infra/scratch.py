"""Folders for what is not to outlast a run, credentials among it: where one is killed, the next takes them away."""

import atexit
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

_PREFIX = "kubeflow-run-"
_HELD = "held"
_FRESH = 60.0  # seconds, in which another run may not have got to hold its folder yet


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that only its owner can read, for the length of the block. Those of runs that were killed go first."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if _abandoned(left):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with (folder / _HELD).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@cache
def lasting() -> Path:
    """Such a folder for as long as this process lives."""
    until_exit = ExitStack()
    atexit.register(until_exit.close)
    return until_exit.enter_context(scratch())


def _abandoned(folder: Path) -> bool:
    """Whether a folder is ours and its run is over: the system frees a lock when the process that held it ends."""
    try:
        status = folder.lstat()
        if status.st_uid != os.getuid() or time.time() - status.st_mtime < _FRESH:
            return False
        with (folder / _HELD).open() as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
