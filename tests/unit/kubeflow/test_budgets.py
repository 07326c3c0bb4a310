"""Disruption budgets that would keep a node from being emptied."""

from pathlib import Path
from typing import Any

import pytest

from infra.kubeflow.budgets import blocking
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render

RELEASE = Path(__file__).parents[3].parent / "shared" / "kubeflow" / "26.03"


def platform(spec: dict[str, Any], replicas: int, least: int = 0) -> list[Manifest]:
    labels = {"app": "web"}
    about = {"name": "web", "namespace": "here"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    workload = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    scaled = {"minReplicas": least, "maxReplicas": 9, "scaleTargetRef": {"kind": "Deployment", "name": "web"}}
    objects: list[Manifest] = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": about, "spec": workload},
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": about,
            "spec": {"selector": {"matchLabels": labels}, **spec},
        },
    ]
    if least:
        about = {"name": "web", "namespace": "here"}
        objects.append(
            {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": about, "spec": scaled}
        )
    return objects


@pytest.mark.parametrize(
    ("spec", "replicas", "least", "blocks"),
    [
        ({"minAvailable": 1}, 1, 0, True),
        ({"minAvailable": 1}, 2, 0, False),
        ({"minAvailable": 1}, 1, 2, False),
        ({"minAvailable": 0}, 1, 0, False),
        ({"minAvailable": "50%"}, 1, 0, True),
        ({"minAvailable": "50%"}, 3, 0, False),
        ({"maxUnavailable": 0}, 3, 0, True),
        ({"maxUnavailable": 1}, 1, 0, False),
        ({"maxUnavailable": "10%"}, 1, 0, False),
        ({"minAvailable": 1, "selector": {"matchLabels": {"app": "other"}}}, 1, 0, False),
    ],
)
def test_a_budget_that_lets_no_pod_go_is_named(spec: dict[str, Any], replicas: int, least: int, blocks: bool) -> None:
    assert (len(blocking(platform(spec, replicas, least))) == 1) is blocks


@pytest.mark.parametrize("release", [RELEASE] if RELEASE.is_dir() else [])
def test_the_release_lets_every_node_be_emptied(release: Path) -> None:
    assert blocking(render(release)) == []
