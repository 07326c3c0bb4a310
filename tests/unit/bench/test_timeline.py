"""From an audit log to when each object was sent and ready, and to where the time of a run went."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bench.synthetic import config_map, definition, manifest, namespace, workload
from bench.timeline import AGENT, Parts, Span, chain, critical_path, parts, plural, spans
from ordering.graph import Graph, ObjectId, build

BEGUN = datetime(2026, 3, 1, tzinfo=UTC)


def at(seconds: float) -> float:
    return BEGUN.timestamp() + seconds


def event(verb: str, resource: str, name: str, *, begun: float, ended: float, **more: Any) -> str:
    about = {"resource": resource, "name": name, "namespace": more.get("place", ""), "apiGroup": more.get("group", "")}

    def stamp(seconds: float) -> str:
        return (BEGUN + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    return json.dumps(
        {
            "verb": verb,
            "objectRef": {key: value for key, value in about.items() if value},
            "responseStatus": {"code": more.get("code", 201)},
            "userAgent": more.get("agent", AGENT),
            "requestReceivedTimestamp": stamp(begun),
            "stageTimestamp": stamp(ended),
        }
    )


@pytest.fixture(scope="module")
def graph() -> Graph:
    return build(
        [namespace("team"), config_map("settings", "team"), workload("app", "team"), definition("x.io", "Fox")]
    )


def found(graph: Graph, *lines: str, since: float = 0.0, **done: float) -> dict[str, Span]:
    kept = {f"kubernetes:apps/v1:Deployment::team/{name}": at(seconds) for name, seconds in done.items()}
    return {str(id_): span for id_, span in spans(lines, graph, kept, since=since).items()}


def test_an_object_is_ready_when_the_engine_is_done_with_it(graph: Graph) -> None:
    seen = found(
        graph,
        event("patch", "namespaces", "team", begun=0, ended=1, place="team"),
        event("patch", "deployments", "app", begun=2, ended=3, place="team", group="apps"),
        event("patch", "customresourcedefinitions", "foxs.x.io", begun=1, ended=4, group="apiextensions.k8s.io"),
        app=9,
    )
    assert seen["v1/Namespace//team"] == Span(at(0), at(1), at(1))
    assert seen["apps/v1/Deployment/team/app"] == Span(at(2), at(3), at(9))
    assert seen["apiextensions.k8s.io/v1/CustomResourceDefinition//foxs.x.io"].sent == at(1)
    assert "v1/ConfigMap/team/settings" not in seen


def test_what_others_sent_and_what_came_before_the_run_is_not_counted(graph: Graph) -> None:
    lines = [
        event("patch", "namespaces", "team", begun=0, ended=1, agent="kubectl/v1.35"),
        event("patch", "namespaces", "team", begun=5, ended=6),
        event("patch", "configmaps", "settings", begun=7, ended=8, place="team"),
    ]
    assert found(graph, *lines)["v1/Namespace//team"].sent == at(5)
    assert list(found(graph, *lines, since=at(6.5))) == ["v1/ConfigMap/team/settings"]


def test_custom_resources_are_found_by_their_definitions_plural() -> None:
    odd = definition("x.io", "Ox")
    odd["spec"]["names"]["plural"] = "oxen"
    graph = build([odd, manifest("x.io/v1", "Ox", "one", "default")])
    assert "x.io/v1/Ox/default/one" in found(
        graph, event("patch", "oxen", "one", begun=0, ended=1, place="default", group="x.io")
    )


@pytest.mark.parametrize(
    ("kind", "resource"),
    [("Ingress", "ingresses"), ("NetworkPolicy", "networkpolicies"), ("Gateway", "gateways"), ("Role", "roles")],
)
def test_plural(kind: str, resource: str) -> None:
    assert plural(kind) == resource


def lives(graph: Graph) -> dict[ObjectId, Span]:
    names = {
        "v1/Namespace//team": Span(10, 11, 12),
        "v1/ConfigMap/team/settings": Span(13, 14, 14),
        "apps/v1/Deployment/team/app": Span(12.5, 13.5, 20),
        "apiextensions.k8s.io/v1/CustomResourceDefinition//foxs.x.io": Span(10, 12, 15),
    }
    return {graph.find(name).id: span for name, span in names.items()}


def test_the_parts_along_the_chain_add_up_to_the_whole(graph: Graph) -> None:
    assert [id_.kind for id_ in chain(graph, lives(graph))] == ["Namespace", "Deployment"]
    taken = parts(graph, lives(graph), 8, 21)
    assert taken == Parts(start=2, hand_over=0.5, create=2, wait=7.5, end=1)
    assert sum(vars(taken).values()) == 21 - 8


def test_the_critical_path_is_what_is_left_when_handing_over_costs_nothing(graph: Graph) -> None:
    assert critical_path(graph, lives(graph)) == (12 - 10) + (20 - 12.5)


def test_a_run_that_sent_nothing_has_no_chain(graph: Graph) -> None:
    assert chain(graph, {}) == []
    assert parts(graph, {}, 8, 21) == Parts(start=0, hand_over=0, create=0, wait=0, end=13)
    assert critical_path(graph, {}) == 0
