"""The component for one person's platform: smaller, and otherwise the same."""

import json
from pathlib import Path

import pytest

from infra.aws.instances import GI
from infra.kubeflow.capacity import requirements
from ordering.manifests.render import render

ROOT = Path(__file__).parents[3]
DEV = ROOT / "manifests" / "dev"
RELEASE = ROOT.parent / "shared" / "kubeflow" / "26.03"


@pytest.mark.parametrize(
    "platform", [ROOT / "manifests" / "sample", *([RELEASE] if RELEASE.is_dir() else [])], ids=lambda path: path.name
)
def test_it_is_smaller_and_nothing_else_is_missing(platform: Path, tmp_path: Path) -> None:
    # Without its definitions, which the component leaves alone and which cost kustomize most of its time.
    before = [m for m in render(platform) if m["kind"] != "CustomResourceDefinition"]
    (tmp_path / "base.yaml").write_text("\n---\n".join(json.dumps(manifest) for manifest in before))
    after = render(tmp_path / "base.yaml", components=[DEV])
    gone = [m["kind"] for m in before if m["kind"] in ("HorizontalPodAutoscaler", "PodDisruptionBudget")]
    assert gone
    assert len(after) == len(before) - len(gone)
    assert not {m["kind"] for m in after} & set(gone)
    claims = [m for m in after if m["kind"] == "PersistentVolumeClaim"]
    assert claims
    assert {m["spec"]["resources"]["requests"]["storage"] for m in claims} == {"5Gi"}
    (proxy,) = [m for m in after if m["kind"] == "Deployment" and m["metadata"]["name"] == "oauth2-proxy"]
    assert proxy["spec"]["replicas"] == 1
    assert requirements(after).total.pods <= requirements(before).total.pods
    assert requirements(after).storage <= 20 * GI
