"""The program's stages before it registers anything: import, render, slim, graph."""

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import tools
from infra.kubeflow import slim
from infra.kubeflow.release import resolve
from ops.program import import_sdks
from ops.project import PROJECT_ROOT
from ordering.graph import build
from ordering.manifests.render import render

_T = TypeVar("_T")


def measure(release: str = "26.03") -> dict[str, Any]:
    """CPU seconds of each stage, of this process and of the kustomize that it starts; and the sizes that come out.

    `render_first_s` parses the manifests, `render_s` finds them in the cache.
    """
    _, import_s = _timed(import_sdks)
    source = resolve(release=release, path=None, sample=True, root=PROJECT_ROOT)
    kustomize = str(tools.ensure("kustomize")["kustomize"])
    with tempfile.TemporaryDirectory() as empty:
        env = {**os.environ, "XDG_CACHE_HOME": empty}
        _, first_s = _timed(lambda: render(source.path, kustomize=kustomize, env=env))
        rendered, render_s = _timed(lambda: render(source.path, kustomize=kustomize, env=env))
    objects, slim_s = _timed(lambda: slim.slim(rendered))
    graph, graph_s = _timed(lambda: build(objects))
    return {
        "release": source.name,
        "objects": len(objects),
        "levels": graph.stats["levels"],
        "bytes_rendered": slim.size(rendered),
        "bytes_sent": slim.size(objects),
        "import_s": import_s,
        "render_first_s": first_s,
        "render_s": render_s,
        "slim_s": slim_s,
        "graph_s": graph_s,
    }


def _timed(work: Callable[[], _T]) -> tuple[_T, float]:
    before = _cpu()
    result = work()
    return result, round(_cpu() - before, 3)


def _cpu() -> float:
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def changed_copy(path: Path, folder: Path) -> str:
    """A copy of the manifests at `path` in `folder` with one ConfigMap changed; returns the ConfigMap's name."""
    objects = render(path, kustomize=str(tools.ensure("kustomize")["kustomize"]))
    one = next(m for m in objects if m["kind"] == "ConfigMap" and m.get("data"))
    one["data"] = {**one["data"], "changed-by-the-benchmark": "true"}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "resources.yaml").write_text("".join(f"---\n{json.dumps(manifest)}\n" for manifest in objects))
    (folder / "kustomization.yaml").write_text("resources:\n- resources.yaml\n")
    render(folder)  # the next reader finds it in the cache
    return str(one["metadata"]["name"])
