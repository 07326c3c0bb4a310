"""A folder for what a run's processes leave behind, kubeconfigs with credentials among it: it goes with the run."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


def left_behind(folder: Path, *, own_state: bool) -> dict[str, str]:
    """What makes the engine and its plugins leave in the folder what they would leave for ever.

    The Kubernetes plugin writes each provider's kubeconfig to a temporary file (`writeKubeconfigToFile` in
    provider/pkg/provider/util.go of pulumi-kubernetes at f47bc2d6f199). The engine keeps the token of every backend
    that the environment names (sdk/go/common/workspace/creds.go at 3.259.0), and a journal of our own state has a new
    address and token for each run.
    """
    credentials = {"PULUMI_CREDENTIALS_PATH": str(folder)} if own_state else {}
    return {"TMPDIR": str(folder), **credentials}


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
