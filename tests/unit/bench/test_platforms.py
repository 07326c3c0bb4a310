"""What is changed of a platform to see that it lives."""

from pathlib import Path
from typing import Any

import pytest

from bench.platforms import changed
from ordering.errors import UserError
from ordering.manifests.render import render


def _workload(kind: str, name: str) -> dict[str, Any]:
    about = {"name": name, "namespace": "n"}
    template = {"metadata": {"annotations": {"own": "1"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": about, "spec": {"template": template}}


def test_the_pods_of_one_workload_are_others(tmp_path: Path) -> None:
    manifests = [_workload("DaemonSet", "agent"), _workload("Deployment", "server"), _workload("Deployment", "other")]
    assert changed(manifests, tmp_path / "changed") == "Deployment n/server"
    annotations = {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["annotations"]
        for one in render(tmp_path / "changed")
    }
    assert annotations == {
        "agent": {"own": "1"},
        "server": {"own": "1", "platforms.bench/revision": "2"},
        "other": {"own": "1"},
    }


def test_a_platform_without_workloads_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no workload"):
        changed([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}], tmp_path / "changed")
