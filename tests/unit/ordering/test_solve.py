"""Ordering any edges at all: circles are proved, hard edges hold, soft ones hold where they can."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordering.graph import CycleError, Edge, ObjectId, Strength
from ordering.graph.solve import Solution, solve

IDS = [ObjectId("v1", "ConfigMap", "a", f"{number:02}") for number in range(12)]
EDGES = st.lists(
    st.builds(
        Edge,
        source=st.sampled_from(IDS),
        target=st.sampled_from(IDS),
        rule=st.just("rule"),
        strength=st.sampled_from(list(Strength)),
        reason=st.just("so"),
    ),
    max_size=40,
)


def edge(source: int, target: int, strength: Strength = Strength.REQUIRED) -> Edge:
    return Edge(IDS[source], IDS[target], "rule", strength, "so")


def reached(pairs: Iterable[tuple[ObjectId, ObjectId]]) -> set[tuple[ObjectId, ObjectId]]:
    """The transitive closure, by the plain definition."""
    found = set(pairs)
    while more := {(a, d) for a, b in found for c, d in found if b == c} - found:
        found |= more
    return found


def solved(edges: list[Edge]) -> Solution | CycleError:
    try:
        return solve(IDS, edges)
    except CycleError as error:
        return error


@given(EDGES)
@settings(deadline=None)
def test_a_circle_is_proved_and_its_absence_too(edges: list[Edge]) -> None:
    required = [e for e in edges if e.strength is Strength.REQUIRED]
    answer = solved(edges)
    circular = any(a == b for a, b in reached((e.source, e.target) for e in required))
    assert isinstance(answer, CycleError) == circular
    if isinstance(answer, CycleError):
        assert set(answer.edges) <= set(required)
        for one, following in zip(answer.edges, (*answer.edges[1:], answer.edges[0]), strict=True):
            assert one.target == following.source
        assert len({e.source for e in answer.edges}) == len(answer.edges), (
            "no object twice: the circle is a shortest one"
        )


@given(EDGES)
@settings(deadline=None)
def test_what_is_kept_and_what_is_dropped(edges: list[Edge]) -> None:
    answer = solved(edges)
    if isinstance(answer, CycleError):
        return
    kept = reached((e.source, e.target) for e in answer.kept)
    assert {e for e in edges if e.strength is Strength.REQUIRED} <= set(answer.kept), "hard edges survive"
    assert set(answer.kept) | {d.edge for d in answer.dropped} == set(edges)
    for dropped in answer.dropped:
        pair = (dropped.edge.target, dropped.edge.source)
        assert pair in kept or pair[0] == pair[1], "only what would close a circle is dropped"
    place = {id_: position for position, id_ in enumerate(answer.order)}
    assert sorted(place) == IDS
    assert all(place[e.target] < place[e.source] for e in answer.kept)
    assert all(answer.levels[e.target] < answer.levels[e.source] for e in answer.kept)
    direct = [(source, need) for source, needs in answer.needs.items() for need in needs]
    assert reached(direct) == kept, "reduction keeps the closure"
    for pair in direct:
        assert pair not in reached(other for other in direct if other != pair), "and nothing is left to leave out"


@given(EDGES, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_neither_the_order_of_edges_nor_that_of_objects_matters(edges: list[Edge], chance: object) -> None:
    shuffled, ids = list(dict.fromkeys(edges)), list(IDS)
    original = list(shuffled)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    chance.shuffle(ids)  # type: ignore[attr-defined]
    first = solved(original)
    try:
        second: Solution | CycleError = solve(ids, shuffled)
    except CycleError as error:
        second = error
    if isinstance(first, CycleError):
        assert str(first) == str(second)
    else:
        assert first == second


def test_stronger_edges_win() -> None:
    answer = solve(IDS, [edge(0, 1, Strength.OPTIONAL), edge(1, 0, Strength.UNDECIDED)])
    assert [e.strength for e in answer.kept] == [Strength.UNDECIDED]
    assert [d.edge.strength for d in answer.dropped] == [Strength.OPTIONAL]


def test_a_dropped_edge_says_what_that_means() -> None:
    (dropped,) = solve(IDS, [edge(0, 1), edge(1, 0, Strength.INTERCEPTED)]).dropped
    assert dropped.explanation == "the webhook or policy itself needs this object, so it is sent before that exists"


def test_the_message_names_objects_and_reasons() -> None:
    with pytest.raises(CycleError) as raised:
        solve(IDS, [edge(3, 4), edge(4, 5), edge(5, 3), edge(5, 6), edge(7, 3)])
    assert str(raised.value).splitlines() == [
        "3 objects need each other in a cycle: remove one of these needs.",
        "  v1/ConfigMap/a/03 needs v1/ConfigMap/a/04: so [rule]",
        "  v1/ConfigMap/a/04 needs v1/ConfigMap/a/05: so [rule]",
        "  v1/ConfigMap/a/05 needs v1/ConfigMap/a/03: so [rule]",
        "This entry in kubeflowEdges leaves one out, if it is not needed after all:",
        '  - {"from": "v1/ConfigMap/a/03", "to": "-v1/ConfigMap/a/04"}',
    ]


def test_an_object_that_needs_itself() -> None:
    with pytest.raises(CycleError, match=r"^An object needs itself in a cycle"):
        solve(IDS, [edge(0, 1), edge(2, 2)])


def test_nothing_at_all() -> None:
    answer = solve([], [])
    assert (answer.order, answer.kept) == ((), ())
