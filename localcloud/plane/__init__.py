"""The local control plane: a real Kubernetes API server with its controllers and scheduler, over five fake nodes.

    plane = start(root)          # `python -m localcloud.plane start`
    stop(root, wipe=True)

Everything listens on loopback only, and lives in `<root>/.local/plane`.
"""

from pathlib import Path

from localcloud.plane.components import COMPONENTS
from localcloud.plane.layout import Layout, Pods
from localcloud.plane.lifecycle import Plane, Status, start, status, stop

__all__ = ["COMPONENTS", "Plane", "Pods", "Status", "kubeconfig", "start", "status", "stop"]


def kubeconfig(root: Path) -> Path:
    """Where the administrator's kubeconfig of the plane under `root` is, once that was started."""
    return Layout(root).kubeconfig
