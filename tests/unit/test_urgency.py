"""What is sent first: what most waits come after, and large definitions before small ones."""

from bench.synthetic import config_map, definition, namespace, platform, service, workload
from infra.kubeflow.urgency import by_urgency, waits_after
from ordering.graph import ObjectId, build, takes_time


def test_every_object_comes_after_what_it_needs() -> None:
    graph = build(platform(400))
    seen: set[ObjectId] = set()
    for node in by_urgency(graph):
        assert seen.issuperset(node.needs)
        seen.add(node.id)
    assert len(seen) == len(graph.nodes)


def test_large_definitions_go_before_small_ones_and_both_before_what_nothing_waits_for() -> None:
    small, large = definition("small.example", "Small"), definition("large.example", "Large")
    large["spec"]["versions"][0]["schema"] = {"openAPIV3Schema": {"type": "object", "title": "x" * 1000}}
    plain = config_map("a-settings", "default")
    order = [node.id.name for node in by_urgency(build([plain, small, large]))]
    assert order == ["larges.large.example", "smalls.small.example", "a-settings"]


def test_the_longest_line_of_waits_decides() -> None:
    objects = [namespace("idle"), namespace("team"), workload("app", "team"), service("app", "team")]
    graph = build(objects)
    after = {str(id_): waits for id_, waits in waits_after(graph).items()}
    idle = graph.find("v1/Namespace//idle")
    assert after["v1/Namespace//idle"] == takes_time(idle)
    assert after["v1/Namespace//team"] == takes_time(idle) + 1
    assert next(node.id.name for node in by_urgency(graph)) == "team"
