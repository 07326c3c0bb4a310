"""What is right for every variant of the cases from the field, whatever it is called and however it is written."""

import yaml
from hypothesis import HealthCheck, given, settings

from ordering.graph import CycleError, Graph, build
from ordering.manifests.objects import Manifest
from tests.unit.ordering import variants
from tests.unit.ordering.runs import Run, orders
from tests.unit.ordering.simulated_api import Event

VARIANTS = settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow])


def wrongs(graph: Graph, finishes: dict[tuple[str, str], str] | None = None) -> list[Event]:
    """What goes wrong on the way up and down again, in three of the orders that the graph allows."""
    found = []
    for seed in range(3):
        order = list(orders(graph, seed))
        run = Run(graph, finishes or {})
        run.send(order)
        run.finish()
        found += run.delete(order)
    return found


@given(variants.operators())
@VARIANTS
def test_a_resource_goes_before_the_operator_that_finishes_it(
    drawn: tuple[list[Manifest], dict[tuple[str, str], str]],
) -> None:
    objects, finishes = drawn
    assert wrongs(build(objects), finishes) == []


@given(variants.policies())
@VARIANTS
def test_a_policy_judges_all_that_it_is_for_and_refuses_nothing_for_want_of_parameters(
    objects: list[Manifest],
) -> None:
    graph = build(objects)
    assert wrongs(graph) == []
    assert not graph.dropped


@given(variants.grants())
@VARIANTS
def test_grants_close_no_circle_and_come_first_where_they_can(objects: list[Manifest]) -> None:
    graph = build(objects)
    assert not [dropped for dropped in graph.dropped if dropped.edge.source.name == "other"], "it could wait"
    # The controller starts without the grants in the namespace that it makes itself.
    given_up = {dropped.edge.target.name for dropped in graph.dropped}
    assert [event for event in wrongs(graph) if event.subject.rpartition(" ")[2] not in given_up] == []


@given(variants.defaults())
@VARIANTS
def test_a_default_class_comes_before_what_names_none(objects: list[Manifest]) -> None:
    assert wrongs(build(objects)) == []


@given(variants.circles())
@VARIANTS
def test_every_circle_is_opened_by_the_entries_that_the_messages_show(objects: list[Manifest]) -> None:
    entries: list[tuple[str, str]] = []
    while True:
        try:
            graph = build(objects, overrides=entries)
            break
        except CycleError as error:
            (entry,) = yaml.safe_load(str(error).splitlines()[-1])
            assert (entry["from"], entry["to"]) not in entries, "each opens one more"
            entries.append((entry["from"], entry["to"]))
    assert entries
    assert not graph.warnings, "each was needed"
