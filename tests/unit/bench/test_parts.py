"""The sets of parts that are tried, and what of a plan is justified."""

import pytest

from bench.parts import RANDOM, Set, plan, sets, table, unjustified
from infra.kubeflow.parts import PARTS, Part, Selection, choose
from infra.kubeflow.slim import slim
from ordering.graph import Graph, build
from ordering.manifests.render import render
from tests.unit.kubeflow.platforms import RELEASES

WHOLE = [path for path in RELEASES if path.name == "26.03"]


@pytest.fixture(scope="module", params=WHOLE, ids=lambda path: path.name)
def graph(request: pytest.FixtureRequest) -> Graph:
    return build(slim(render(request.param)))


def test_each_part_is_tried_alone_and_then_sets_that_no_call_changes(graph: Graph) -> None:
    drawn = sets(graph)
    assert {one.wanted for one in drawn if len(one.wanted) == 1} == {(name,) for name in PARTS}
    assert len(set(drawn)) == len(drawn) == len(PARTS) + RANDOM
    assert any(one.existing for one in drawn)
    assert drawn == sets(graph)
    for one in drawn:
        chosen = choose(graph, one.wanted, one.existing)
        assert unjustified(chosen, one.wanted) == []
        assert not {each.name for each in chosen.parts} & {*one.existing}


def test_a_part_that_nothing_wanted_leads_to_is_named() -> None:
    parts = (
        Part(name="a", objects=1, why="wanted"),
        Part(name="b", objects=1, why="Deployment n/d of a needs it: it calls it"),
        Part(name="c", objects=1, why="b needs it: no manifest shows it"),
        Part(name="d", objects=1, why="e needs it: whatever"),
        Part(name="e", objects=1, why="d needs it: whatever"),
    )
    chosen = Selection(objects=[], existing=[], parts=parts, singles={})
    assert unjustified(chosen, ["a"]) == ["d", "e"]


def test_the_next_call_goes_on_with_what_is_not_right() -> None:
    one, other, third = Set(wanted=("a",)), Set(wanted=("a",), existing=("b",)), Set(wanted=("c",))
    row = {"parts": 1, "objects": 2, "up_s": 3.0, "destroy_s": 4.0}
    kept = [{"title": "a", "wrong": "", **row}, {"title": "c", "wrong": "refused: x", **row}]
    assert plan(kept, [one, other, third]) == [other, third]
    assert table(kept).splitlines()[2:] == [
        "| a | 1 | 2 | 3.0 | 4.0 | nothing left |",
        "| c | 1 | 2 | 3.0 | 4.0 | refused: x |",
    ]
