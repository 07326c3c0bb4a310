"""What is said of the releases before they are sent: nothing that is refused, and each warning is true."""

from pathlib import Path

import pytest

from infra.kubeflow.load import LoadedRelease, load
from infra.settings import Settings
from ops.doctor import release as doctor
from ops.doctor.finding import Finding
from ordering.check import Absent, Has, RefusedError, told
from tests.unit.kubeflow.platforms import PLATFORMS, ROOT, written
from tests.unit.settings_source import settings

HALF = [
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config", "namespace": "argo", "uid": "1"}},
    {
        "apiVersion": "monitoring.example.com/v1",
        "kind": "Monitor",
        "metadata": {"name": "workflows", "namespace": "argo"},
    },
]
"""What people install who take a part of a platform."""


def loaded(path: Path, has: Has = lambda _: False) -> LoadedRelease:
    return load(release="26.03", path=str(path), sample=False, root=ROOT, kubernetes_version="1.35", has=has)


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda path: path.name)
def test_a_release_is_refused_nothing_and_warned_of_what_it_really_lacks(platform: Path) -> None:
    lacking = [
        "ServiceAccount kubeflow/jupyter-notebook is in no manifest, and RoleBinding "
        "kubeflow/jupyter-web-app-jupyter-notebook-role-binding wants it "
        "(grants to ServiceAccount kubeflow/jupyter-notebook)."
    ]
    found = loaded(platform)
    assert told(found.findings) == (lacking if platform.name in ("26.03", "1.10.2") else [])


def test_what_nobody_makes_is_refused_at_once_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as error:
        loaded(written(tmp_path / "half", HALF))
    assert error.value.sentences == (
        "No manifest defines the kind of Monitor argo/workflows, Monitor in monitoring.example.com/v1: "
        "add its definition, or leave it out.",
        "Namespace argo of Monitor argo/workflows and 1 more is in no manifest: add it, or correct metadata.namespace.",
    )


def test_what_the_cluster_has_is_not_refused_and_what_is_not_known_is_said(tmp_path: Path) -> None:
    half = written(tmp_path / "half", HALF)
    exported = "ConfigMap argo/config has metadata.uid of the cluster that it comes from: it is left out; take it out."
    assert told(loaded(half, has=lambda _: True).findings) == [exported]
    assert [one.severity for one in loaded(half, has=lambda _: None).findings] == ["unsure", "unsure", "warned"]
    with pytest.raises(RefusedError, match=r"^Namespace argo of"):
        loaded(half, has=lambda wanted: wanted == Absent("monitoring.example.com/v1", "Monitor"))


def test_doctor_says_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half = settings(kubeflowPath=str(written(tmp_path / "half", HALF)))
    assert [one.state for one in said(half, tmp_path)] == ["ok", "warning", "warning", "warning"]
    monkeypatch.setattr(doctor, "unknown", lambda _: False)
    found = said(half, tmp_path)
    assert [(one.state, one.advice) for one in found] == [
        ("broken", "add its definition, or leave it out"),
        ("broken", "add it, or correct metadata.namespace"),
    ]


def said(stack: Settings, root: Path) -> list[Finding]:
    return [one for one in doctor.check_release(stack, root) if one.check == "release"]
