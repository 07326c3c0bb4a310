"""The local control plane: a real Kubernetes API server with its controllers and scheduler, over five fake nodes.

    plane = start(root)          # `python -m localcloud.plane start`
    stop(root, wipe=True)

Everything listens on loopback only, and lives in `<root>/.local/plane`.
"""

from pathlib import Path

from localcloud.plane.components import COMPONENTS
from localcloud.plane.layout import Layout, Pods
from localcloud.plane.lifecycle import Plane, Status, lost, start, status, stop
from localcloud.plane.stages import PACE

__all__ = ["COMPONENTS", "PACE", "Plane", "Pods", "Status", "issuer", "kubeconfig", "lost", "start", "status", "stop"]


def issuer(root: Path) -> str:
    """The issuer of the plane's tokens for service accounts, an https URL."""
    return Layout(root).issuer


def kubeconfig(root: Path) -> Path:
    """Where the administrator's kubeconfig of the plane under `root` is, once that was started."""
    return Layout(root).kubeconfig
