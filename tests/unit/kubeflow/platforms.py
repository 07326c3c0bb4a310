"""The platforms that the tests render: the sample, and the releases beside the checkout, if they are there."""

import json
from pathlib import Path

from ordering.manifests.objects import Manifest

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "manifests" / "sample"
RELEASES = sorted(path.parent for path in ROOT.parent.glob("shared/kubeflow/*/resources.yaml"))
PLATFORMS = [SAMPLE, *RELEASES]

# Pipelines by themselves have no login and no profiles.
ALONE = [path for path in RELEASES if path.name.startswith("pipelines-")]
WHOLE = [path for path in PLATFORMS if path not in ALONE]


def written(at: Path, objects: list[Manifest]) -> Path:
    """A kustomize base of these objects."""
    at.mkdir()
    (at / "kustomization.yaml").write_text("resources: [all.yaml]\n")
    (at / "all.yaml").write_text("\n---\n".join(json.dumps(manifest) for manifest in objects))
    return at
