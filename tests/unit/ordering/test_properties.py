"""What holds for every platform: generated ones, and the real ones that are at hand."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.synthetic import config_map, namespace, platform, service, workload
from ordering.graph import CycleError, Edge, Graph, ObjectId, Strength, build
from ordering.manifests.objects import Manifest
from tests.unit.ordering.platforms import platforms
from tests.unit.ordering.runs import Run, first, last, objects_of, orders, real_platforms

SLOW = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
REAL = real_platforms()


def built(objects: list[Manifest]) -> Graph | None:
    """The graph; None for a platform that has none, after checking that the error proves it."""
    try:
        return build(objects)
    except CycleError as error:
        assert_is_circle(error.edges)
        assert_names(str(error), error.edges)
        return None


def assert_is_circle(edges: tuple[Edge, ...]) -> None:
    assert edges
    for edge, following in zip(edges, (*edges[1:], edges[0]), strict=True):
        assert edge.target == following.source
        assert edge.strength is Strength.REQUIRED


def assert_names(message: str, edges: tuple[Edge, ...]) -> None:
    for edge in edges:
        assert f"{edge.source} needs {edge.target}" in message


def closure(graph: Graph, edges: list[tuple[ObjectId, ObjectId]]) -> dict[ObjectId, set[ObjectId]]:
    """Everything reached over the given pairs, computed the plain way."""
    reached: dict[ObjectId, set[ObjectId]] = {}
    direct: dict[ObjectId, set[ObjectId]] = {node.id: set() for node in graph.nodes}
    for source, target in edges:
        direct[source].add(target)
    for node in graph.nodes:
        reached[node.id] = set(direct[node.id]).union(*(reached[need] for need in direct[node.id]))
    return reached


@given(platforms())
@SLOW
def test_generated_platforms_have_a_sound_graph(objects: list[Manifest]) -> None:
    if graph := built(objects):
        assert_sound(graph)


@pytest.mark.parametrize("name", REAL)
def test_real_platforms_have_a_sound_graph(name: str) -> None:
    graph = build(objects_of(name))
    assert_sound(graph)
    assert not graph.dropped


def assert_sound(graph: Graph) -> None:
    seen: set[ObjectId] = set()
    for node in graph.nodes:
        assert seen.issuperset(node.needs), "nodes come after what they need"
        levels = [graph.node(need).level for need in node.needs]
        assert node.level == max(levels, default=-1) + 1
        seen.add(node.id)
    pairs = [(edge.source, edge.target) for edge in graph.edges]
    reduced = [(node.id, need) for node in graph.nodes for need in node.needs]
    assert set(reduced) <= set(pairs), "reduction adds nothing"
    full = closure(graph, pairs)
    assert full == closure(graph, reduced), "reduction loses nothing"
    for source, target in reduced:
        others = [need for need in graph.node(source).needs if need != target]
        assert not any(target in full[other] for other in others), "no direct need is implied by another"
    for dropped in graph.dropped:
        assert dropped.edge.source in full[dropped.edge.target], "only what would close a circle is dropped"
        assert dropped.edge.strength is not Strength.REQUIRED
    assert_reaches(graph, full)
    assert_waits_end(graph, full)


def assert_reaches(graph: Graph, full: dict[ObjectId, set[ObjectId]]) -> None:
    """Every namespaced object reaches its Namespace, every custom resource its definition."""
    definitions = {
        (node.manifest["spec"]["group"], node.manifest["spec"]["names"]["kind"]): node.id
        for node in graph.nodes
        if node.id.kind == "CustomResourceDefinition"
    }
    namespaces = {node.id.name: node.id for node in graph.nodes if node.id.kind == "Namespace"}
    for node in graph.nodes:
        if node.gate is None and node.id.namespace in namespaces:
            assert namespaces[node.id.namespace] in full[node.id]
        if (definition := definitions.get((node.id.group, node.id.kind))) is not None:
            assert definition in full[node.id]
        if node.id.kind in ("Deployment", "StatefulSet", "DaemonSet"):
            assert_has_permissions(graph, node.id, full)


def assert_has_permissions(graph: Graph, id_: ObjectId, full: dict[ObjectId, set[ObjectId]]) -> None:
    """Every workload reaches the bindings that name its account, and their roles."""
    name = graph.node(id_).manifest["spec"]["template"]["spec"].get("serviceAccountName", "default")
    held = {"kind": "ServiceAccount", "name": name, "namespace": id_.namespace}
    for node in graph.nodes:
        subjects = node.manifest.get("subjects") or []
        if any(held.items() <= subject.items() for subject in subjects):
            assert node.id in full[id_]
            role = node.manifest["roleRef"]
            known = [other for other in full[id_] if (other.kind, other.name) == (role["kind"], role["name"])]
            assert known or not any(n.id.kind == role["kind"] and n.id.name == role["name"] for n in graph.nodes)


def assert_waits_end(graph: Graph, full: dict[ObjectId, set[ObjectId]]) -> None:
    """What fills a caBundle, or sets a condition, comes before whatever waits for it, so it never needs the waiter."""
    for node in graph.nodes:
        for expression in node.wait.expressions:
            if "caBundle" in expression:
                backends = [need for need in full[node.id] if need.kind in ("Deployment", "StatefulSet", "DaemonSet")]
                assert backends, f"{node.id} waits for a caBundle that nothing before it fills"
            if node.id.kind in ("Certificate", "Issuer", "ClusterIssuer"):
                assert any(need.name == "cert-manager" and need.kind == "Deployment" for need in full[node.id])
        for need in full[node.id]:
            assert node.id not in full[need]


@given(platforms(), st.integers(0, 2**32))
@SLOW
def test_the_order_of_the_input_changes_nothing(objects: list[Manifest], seed: int) -> None:
    shuffled = list(objects)
    random.Random(seed).shuffle(shuffled)
    graph = built(objects)
    assert graph == built(shuffled)
    assert graph == built(objects), "and the same input gives the same graph again"


@pytest.mark.parametrize("name", REAL)
def test_the_order_of_a_real_platform_changes_nothing(name: str) -> None:
    objects = objects_of(name)
    graph = build(objects)
    random.Random(1).shuffle(objects)
    assert build(objects) == graph


@given(platforms())
@SLOW
def test_unrelated_objects_change_no_edge(objects: list[Manifest]) -> None:
    graph = built(objects)
    if graph is None:
        return
    apart = [namespace("apart"), config_map("alone", "apart"), workload("alone", "apart"), service("alone", "apart")]
    # A webhook for all of the core group would make them related.
    wide = any("*" in r["resources"] or "pods" in r["resources"] or "configmaps" in r["resources"]
               for o in objects for w in o.get("webhooks", []) for r in w["rules"])  # fmt: skip
    larger = built([*objects, *apart])
    assert larger is not None or wide
    if larger is None or wide:
        return
    own = {node.id for node in graph.nodes}
    assert [edge for edge in larger.edges if edge.source in own] == list(graph.edges)


@given(platforms(), st.integers(0, 2**32))
@SLOW
def test_any_order_that_the_graph_allows_is_never_refused(objects: list[Manifest], seed: int) -> None:
    graph = built(objects)
    if graph is None:
        return
    order = list(orders(graph, seed))
    assert len(order) == len(graph.nodes)
    assert_nothing_wrong(graph, order)


@given(platforms(), st.data())
@SLOW
def test_an_object_may_come_as_early_or_as_late_as_the_graph_allows(
    objects: list[Manifest], data: st.DataObject
) -> None:
    graph = built(objects)
    if graph is None:
        return
    node = data.draw(st.sampled_from(graph.nodes))
    for order in (first(graph, node.id), last(graph, node.id)):
        events = Run(graph).send(order)
        assert [event for event in events if event.kind not in ("missed",) or not graph.dropped] == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", REAL)
def test_real_platforms_are_never_refused_in_any_order(name: str, seed: int) -> None:
    graph = build(objects_of(name))
    assert_nothing_wrong(graph, list(orders(graph, seed)))


def assert_nothing_wrong(graph: Graph, order: list) -> None:  # type: ignore[type-arg]
    """Nothing refused, nothing waiting, nothing stuck, up and down again.

    What a webhook's backend itself needs is sent before the webhook, which then misses it: the graph says so.
    """
    run = Run(graph)
    run.send(order)
    run.finish()
    events = run.delete(order)
    dropped = {f"{d.edge.source.kind} {d.edge.source.name}" for d in graph.dropped}
    assert [event for event in events if event.kind != "missed" or event.subject not in dropped] == []


@pytest.mark.parametrize("size", [100, 400])
def test_synthetic_platforms_of_the_benchmark_are_sound(size: int) -> None:
    objects = platform(size)
    assert len(objects) == size
    assert_sound(build(objects))
