"""Secrets that no manifest holds and a workload makes: whoever mounts one comes after it, and nothing is missed."""

from typing import Any

import pytest

from bench.synthetic import account, binding, manifest, namespace, volume, workload
from ordering.check import check
from ordering.graph import build
from ordering.manifests.objects import Manifest

RBAC = "rbac.authorization.k8s.io/v1"
RUNNER = account("maker", "a")
CREATES = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]}
READS = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["shared"], "verbs": ["get"]}
WAITS = workload("waits", "a", volumes=[volume("Secret", "shared")])
READS_IT = [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "shared", "key": "auth"}}}]


def platform(made: Manifest, *rules: dict[str, Any], place: str = "a") -> list[Manifest]:
    """Whoever may do something in a namespace, and a workload that waits for its Secret."""
    kind = "Role" if place else "ClusterRole"
    role = manifest(RBAC, kind, "maker", place, rules=list(rules))
    return [namespace("a"), RUNNER, role, binding("maker", role, RUNNER, place), made, WAITS]


def maker(**fields: Any) -> Manifest:
    return workload("maker", "a", account="maker", **fields)


def with_init(*own: dict[str, Any]) -> Manifest:
    main = {"name": "main", "image": "main", "env": READS_IT}
    return maker(pod={"initContainers": [{"name": "init", "image": "init", "env": list(own)}], "containers": [main]})


NAMED = {"name": "main", "image": "main", "env": [{"name": "SECRET", "value": "shared"}]}


@pytest.mark.parametrize(
    ("objects", "like"),
    [
        (platform(maker(volumes=[volume("Secret", "shared", optional=True)]), CREATES), "KEDA's operator"),
        (platform(maker(pod={"containers": [NAMED]}), CREATES), "MetalLB's controller"),
        (platform(maker(args=["--secret=shared"]), CREATES, place=""), "one that is told so"),
        (platform(with_init(), CREATES, READS), "Argo CD's Redis"),
    ],
    ids=lambda given: given.replace(" ", "_") if isinstance(given, str) else "",
)
def test_who_mounts_it_comes_after_who_makes_it(objects: list[Manifest], like: str) -> None:
    graph = build(objects)
    waits = graph.find("Deployment/waits")
    assert graph.find("Deployment/maker").id in graph.needs_of(waits.id), like
    assert check(objects, graph) == []
    assert graph.dropped == ()


@pytest.mark.parametrize(
    "objects",
    [
        platform(maker(args=["--secret=shared"]), READS),
        platform(maker(args=["--secret=other"]), CREATES),
        platform(maker(args=["--secret=shared"], volumes=[volume("Secret", "shared")]), CREATES),
        platform(with_init(*READS_IT), CREATES, READS),
    ],
    ids=["not_allowed", "named_nowhere", "itself_waits", "its_init_container_waits"],
)
def test_who_cannot_make_it_is_no_reason_to_stay_silent(objects: list[Manifest]) -> None:
    graph = build(objects)
    assert graph.find("Deployment/maker").id not in graph.needs_of(graph.find("Deployment/waits").id)
    assert "Secret a/shared is in no manifest" in check(objects, graph)[0].sentence


def test_what_is_optional_waits_for_nobody() -> None:
    objects = platform(maker(args=["--secret=shared"]), CREATES)
    objects[-1] = workload("waits", "a", volumes=[volume("Secret", "shared", optional=True)])
    graph = build(objects)
    assert graph.find("Deployment/maker").id not in graph.needs_of(graph.find("Deployment/waits").id)
