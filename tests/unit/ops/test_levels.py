"""Levels of a destroy: read off a state's dependencies, timed by the engine's events."""

from typing import Any

from ops.levels import Level, levels_of, timed
from ops.progress import Span

STACK = "urn:pulumi:local::kubeflow::pulumi:pulumi:Stack::kubeflow-local"
PREFIX = "urn:pulumi:local::kubeflow::kubeflow:infra:Kubeflow$kubernetes"
NAMESPACE = f"{PREFIX}:core/v1:Namespace::apps"
ACCOUNT = f"{PREFIX}:core/v1:ServiceAccount::apps/web"
DEPLOYMENT = f"{PREFIX}:apps/v1:Deployment::apps/web"
STATE: list[dict[str, Any]] = [
    {"urn": STACK, "type": "pulumi:pulumi:Stack"},
    {"urn": NAMESPACE, "type": "kubernetes:core/v1:Namespace", "dependencies": [STACK]},
    {"urn": ACCOUNT, "type": "kubernetes:core/v1:ServiceAccount", "dependencies": [NAMESPACE]},
    {"urn": DEPLOYMENT, "type": "kubernetes:apps/v1:Deployment", "dependencies": [NAMESPACE, ACCOUNT]},
]


def test_a_level_is_the_longest_way_down() -> None:
    assert levels_of(STATE) == {NAMESPACE: 0, ACCOUNT: 1, DEPLOYMENT: 2}


def test_levels_are_told_in_the_order_in_which_they_went() -> None:
    spans = {DEPLOYMENT: Span(100.0, 103.0), ACCOUNT: Span(103.0, 103.5), NAMESPACE: Span(103.5, 110.0)}
    assert timed(levels_of(STATE), spans) == [
        Level(number=2, objects=1, began=0.0, ended=3.0, slowest="Deployment apps/web", slowest_s=3.0),
        Level(number=1, objects=1, began=3.0, ended=3.5, slowest="ServiceAccount apps/web", slowest_s=0.5),
        Level(number=0, objects=1, began=3.5, ended=10.0, slowest="Namespace apps", slowest_s=6.5),
    ]


def test_what_was_not_seen_to_go_is_left_out() -> None:
    assert timed(levels_of(STATE), {}) == []
    assert [one.number for one in timed(levels_of(STATE), {ACCOUNT: Span(0.0, 1.0)})] == [1]
