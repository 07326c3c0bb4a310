"""Parts of a release: whatever is wanted, all that it refers to is there, and nothing that it does not justify."""

from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.kubeflow.capacity import requirements
from infra.kubeflow.parts import ALONE, HIDDEN, ORDER_ONLY, PARTS, Selection, choose
from infra.kubeflow.slim import slim
from ops.commands import plan
from ordering.errors import UserError
from ordering.graph import Graph, ObjectId, build, id_of
from ordering.graph.rules import RULES
from ordering.manifests.render import render
from tests.unit.kubeflow.platforms import RELEASES

WHOLE = [path for path in RELEASES if path.name == "26.03"]
OTHERS = [path for path in RELEASES if path.name != "26.03"]
NAMES = [name for name in PARTS if name != "gateway"]


@cache
def whole(path: Path) -> Graph:
    return build(slim(render(path)))


def chosen(path: Path, *wanted: str, existing: tuple[str, ...] = ()) -> Selection:
    return choose(whole(path), wanted, existing)


def ids(found: Selection) -> set[ObjectId]:
    return {id_of(one) for one in found.objects}


def names(found: Selection) -> set[str]:
    return {part.name for part in found.parts}


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
@settings(max_examples=60, deadline=None)
@given(wanted=st.sets(st.sampled_from(NAMES), min_size=1), existing=st.sets(st.sampled_from(["istio", "cert-manager"])))
def test_a_set_of_parts_has_all_that_it_refers_to_and_nothing_without_a_reason(
    path: Path, wanted: set[str], existing: set[str]
) -> None:
    wanted -= existing
    if not wanted:
        return
    found = chosen(path, *wanted, existing=tuple(existing))
    sent, there = ids(found), {id_of(one) for one in found.existing}
    graph = whole(path)
    for edge in graph.edges:
        source, target = (graph.node(id_).gate or id_ for id_ in (edge.source, edge.target))
        if source in sent and edge.rule not in ORDER_ONLY:
            assert target in sent | there, f"{source.title}: {edge.reason}"
    assert sent.isdisjoint(there)
    assert names(found) >= wanted
    assert names(found).isdisjoint(existing)
    assert all(part.why for part in found.parts)
    assert len(found.objects) == sum(part.objects for part in found.parts) + len(found.singles)
    for name in names(found):
        assert (set(HIDDEN.get(name, ())) - existing) <= names(found)


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
@pytest.mark.parametrize("name", NAMES)
def test_each_part_alone_can_be_put_in_order_and_wants_nothing_more_than_the_whole(path: Path, name: str) -> None:
    known = {str(one) for one in whole(path).unresolved}
    assert {str(one) for one in build(chosen(path, name).objects).unresolved} <= known


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_each_part_of_another_release_wants_nothing_more_than_the_whole(path: Path) -> None:
    known = {str(one) for one in whole(path).unresolved}
    for part in chosen(path).parts:
        assert {str(one) for one in build(chosen(path, part.name).objects).unresolved} <= known, part.name


def test_the_rules_that_are_read_in_another_way_are_rules() -> None:
    assert ORDER_ONLY - {"gate"} | ALONE <= {rule.__name__ for rule in RULES}


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
def test_no_part_is_wanted_and_all_of_it_comes(path: Path) -> None:
    assert ids(chosen(path)) == {node.id for node in whole(path).nodes if node.gate is None}


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
def test_what_is_asked_for_by_people_brings_what_they_expect(path: Path) -> None:
    assert names(chosen(path, "training")) == {"training", "jobset"}
    found = {part.name: part.why for part in chosen(path, "notebooks").parts}
    assert found.keys() == {
        "notebooks",
        "login",
        "istio",
        "gateway",
        "profiles",
        "roles",
        "poddefaults",
        "cert-manager",
    }
    assert found["notebooks"] == "wanted"
    assert found["profiles"].startswith("notebooks needs it: ")
    assert " of poddefaults needs it: " in found["cert-manager"]
    assert requirements(chosen(path, "notebooks").objects).total.cpu < requirements(chosen(path).objects).total.cpu / 2


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
def test_what_exists_is_not_sent_and_what_it_is_told_for_all_is(path: Path) -> None:
    found = chosen(path, "notebooks", existing=("istio",))
    assert not [id_.title for id_ in ids(found) if id_.namespace == "istio-system" and id_.kind == "Deployment"]
    assert "gateway" in names(found)
    assert any(id_.kind == "Gateway" and id_.name == "kubeflow-gateway" for id_ in ids(found))
    assert any(one["metadata"]["name"] == "istiod" for one in found.existing)


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
@pytest.mark.parametrize(
    ("wanted", "existing", "fault"),
    [
        (
            ["notebook"],
            [],
            r"^kubeflowParts names 'notebook', which is no part of this release; did you mean notebooks",
        ),
        (["zzz"], [], "which is no part of this release; it has cert-manager, "),
        ([], ["isto"], r"^kubeflowExisting names 'isto', .* did you mean istio\?"),
        (["istio"], ["istio"], "^istio is in kubeflowParts and in kubeflowExisting; keep it in one of them"),
    ],
)
def test_a_bad_name_gets_its_one_sentence(path: Path, wanted: list[str], existing: list[str], fault: str) -> None:
    with pytest.raises(UserError, match=fault):
        choose(whole(path), wanted, existing)


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
def test_the_plan_of_parts_says_why_each_is_there(path: Path) -> None:
    done = CliRunner().invoke(plan.command, ["--parts", "training, jobset", str(path)])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("training (20 objects): wanted\njobset (18 objects): wanted\n\n")
    done = CliRunner().invoke(plan.command, ["--parts", "trainin", str(path)])
    assert str(done.exception).endswith("did you mean training?")
