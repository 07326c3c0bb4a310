"""Where things are: the project's folder, and the folder that holds a laptop's state."""

import os
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[1]


def local_root() -> Path:
    """The folder whose `.local/` holds state, logs and the local control plane: the project's own.

    `KUBEFLOW_LOCAL_ROOT` moves it, so that a test's state and a person's can live side by side.
    """
    return Path(os.environ.get("KUBEFLOW_LOCAL_ROOT") or PROJECT_ROOT)


def local_dir() -> Path:
    """The folder for state, logs and the local control plane, ignored by Git."""
    return local_root() / ".local"
