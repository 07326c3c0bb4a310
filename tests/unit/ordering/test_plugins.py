"""What a kustomization's plugins read is among what the build depends on, as what the kustomization itself names is."""

import json
import os
from pathlib import Path

import pytest

from ordering.errors import UserError
from ordering.manifests.render import digest, render

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {key: text}\n"
PATCH = "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npath: value.txt\ntarget: {kind: ConfigMap}\n"
MAKE = "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: made}\nfiles: [key=value.txt]\n"
CHART = "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: mini}\nname: mini\n"


def write(top: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)


def inline(text: str) -> str:
    return "\n- |\n  " + text.replace("\n", "\n  ") + "\n"


@pytest.mark.parametrize(
    "files",
    [
        {"kustomization.yaml": "resources: [a.yaml]\ntransformers: [p.yaml]\n", "p.yaml": PATCH},
        {"kustomization.yaml": "resources: [a.yaml]\ntransformers:" + inline(PATCH)},
        {"kustomization.yaml": "generators: [p.yaml]\n", "p.yaml": MAKE},
        {
            "kustomization.yaml": "generators: [sub]\n",
            "sub/kustomization.yaml": "resources: [p.yaml]\n",
            "sub/p.yaml": MAKE,
        },
    ],
    ids=["transformer", "inline", "generator", "folder"],
)
def test_a_file_that_a_plugin_names_is_part_of_the_key(tmp_path: Path, kustomize: str, files: dict[str, str]) -> None:
    """Its path starts at the kustomization that has the plugin, also where the plugin itself lies in a folder below."""
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": os.environ["PATH"], "KUSTOMIZE": kustomize}
    top = tmp_path / "top"
    write(top, {"a.yaml": CONFIG, **files})
    seen = []
    for value in ("one", "two"):
        write(top, {"value.txt": json.dumps([{"op": "replace", "path": "/data/key", "value": value}])})
        ((data, sum_),) = [(found["data"]["key"], digest(top)) for found in render(top, env=env)]
        assert value in data
        seen.append(sum_)
    assert seen[0] != seen[1]


def test_a_chart_that_a_generator_names_is_one_like_any_other(tmp_path: Path) -> None:
    write(tmp_path, {"kustomization.yaml": "generators: [p.yaml]\n", "p.yaml": CHART, "charts/mini/values.yaml": "{}"})
    with pytest.raises(UserError, match=r"kubeflowBuild: \[helm\]"):
        digest(tmp_path)
    before = digest(tmp_path, allow=["helm"])
    write(tmp_path, {"charts/mini/values.yaml": "{a: b}"})
    assert digest(tmp_path, allow=["helm"]) != before
