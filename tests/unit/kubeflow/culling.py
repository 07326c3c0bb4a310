"""The program that stops idle notebook servers (manifests/culling/stop.py), and servers for it."""

import importlib.util
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

from infra.kubeflow.culling import COMPONENT
from ordering.manifests.objects import Manifest


def program_of_culling() -> ModuleType:
    """The program as a module, without starting it."""
    spec = importlib.util.spec_from_file_location("stop", Path(__file__).parents[3] / COMPONENT / "stop.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def notebook(name: str, *, gpus: int, idle: int, checked: int = 1, notes: Mapping[str, str] | None = None) -> Manifest:
    """A server that was active `idle` minutes ago, as the controller found `checked` minutes ago."""
    now = datetime.now(UTC)
    noted = {
        "notebooks.kubeflow.org/last-activity": written(now - timedelta(minutes=idle)),
        "notebooks.kubeflow.org/last_activity_check_timestamp": written(now - timedelta(minutes=checked)),
        **(notes or {}),
    }
    container = {"name": name, "image": "jupyter", "resources": {"limits": {"nvidia.com/gpu": gpus}} if gpus else {}}
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "Notebook",
        "metadata": {"name": name, "namespace": "kubeflow", "annotations": noted},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


def written(at: datetime) -> str:
    """A time as Go's RFC3339 writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
