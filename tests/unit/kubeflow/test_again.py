"""What a preview leaves unjudged: what an `up` makes again, and what nobody can answer for yet."""

from typing import Any

import pulumi
import pytest

from infra.kubeflow.again import Again
from infra.kubeflow.earlier import Earlier
from ordering.graph import build, id_of
from ordering.manifests.objects import Manifest
from tests.unit.ordering.test_authorities import judged, may, platform


def job(image: str = "users:1", checksum: Any = None) -> Manifest:
    annotations = {} if checksum is None else {"checksum/read": checksum}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "users", "namespace": "kubeflow"},
        "spec": {
            "template": {
                "metadata": {"annotations": annotations},
                "spec": {"containers": [{"name": "main", "image": image}], "restartPolicy": "Never"},
            }
        },
    }


@pytest.mark.parametrize(("image", "again"), [("users:1", False), ("users:2", True)])
def test_what_the_engine_alone_knows_makes_no_job_again(image: str, again: bool) -> None:
    graph = build([job(image)])
    [node] = graph.nodes
    filled = {id_of(job()): job(image, pulumi.Output.from_input("abc"))}
    sent = {id_of(job()): job(checksum="abc")}
    assert Again(graph, Earlier(sent=sent), filled).unjudged(node) is again


def test_what_only_the_filled_object_has_is_looked_at() -> None:
    graph = build([job()])
    [node] = graph.nodes
    assert Again(graph, Earlier(sent={node.id: job()}), {node.id: job("users:2")}).unjudged(node)


def unjudged(*sent: str) -> set[str]:
    """What is not asked about, by name, once these have been sent."""
    graph = build(platform(*may("get", "patch"), judged("Validating")))
    known = {node.id: node.manifest for node in graph.nodes if node.gate is None and node.id.name in sent}
    again = Again(graph, Earlier(sent=known), {})
    return {node.id.name for node in graph.nodes if again.unjudged(node)}


def test_what_a_webhook_judges_is_not_asked_about_until_its_backend_was_sent() -> None:
    assert "one" in unjudged("validating")
    assert "one" in unjudged("validating", "one")
    assert unjudged("validating", "operator", "one") == set()


def test_a_webhook_that_was_not_sent_judges_nothing() -> None:
    assert unjudged() == set()
    assert unjudged("one", "operator") == set()
