"""The platforms that the tests render: the sample, and the releases beside the checkout, if they are there."""

from pathlib import Path

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "manifests" / "sample"
RELEASES = sorted(path.parent for path in ROOT.parent.glob("shared/kubeflow/*/resources.yaml"))
PLATFORMS = [SAMPLE, *RELEASES]

# Pipelines by themselves have no login and no profiles.
ALONE = [path for path in RELEASES if path.name.startswith("pipelines-")]
WHOLE = [path for path in PLATFORMS if path not in ALONE]
