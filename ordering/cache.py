"""Where the project keeps what can be made again: tools, rendered manifests, releases."""

import os
from collections.abc import Mapping
from pathlib import Path


def home(env: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_CACHE_HOME/kubeflow-on-pulumi`, by default under `~/.cache`, also where that variable is a relative path.

    The XDG base directory specification has such a path ignored.
    """
    base = env.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "kubeflow-on-pulumi"
