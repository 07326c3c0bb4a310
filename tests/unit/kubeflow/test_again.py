"""A preview asks for no dry run of what nobody can answer yet, as after an upgrade that was killed half-way."""

from infra.kubeflow.again import Again
from infra.kubeflow.earlier import Earlier
from ordering.graph import build
from tests.unit.ordering.test_authorities import judged, may, platform


def unjudged(*sent: str) -> set[str]:
    """What is not asked about, by name, once these have been sent."""
    graph = build(platform(*may("get", "patch"), judged("Validating")))
    known = {node.id: node.manifest for node in graph.nodes if node.gate is None and node.id.name in sent}
    again = Again(graph, Earlier(sent=known))
    return {node.id.name for node in graph.nodes if again.unjudged(node)}


def test_what_a_webhook_judges_is_not_asked_about_until_its_backend_was_sent() -> None:
    assert "one" in unjudged("validating")
    assert "one" in unjudged("validating", "one")
    assert unjudged("validating", "operator", "one") == set()


def test_a_webhook_that_was_not_sent_judges_nothing() -> None:
    assert unjudged() == set()
    assert unjudged("one", "operator") == set()
