"""What the program's run spares the SDK changes nothing about what is sent."""

import asyncio
from typing import Any, cast

import pulumi
import pytest
from pulumi.runtime import rpc

from infra.kubeflow.graph import ObjectId, build
from infra.kubeflow.install import Known, KubeflowArgs, install
from ops import program
from tests.unit.mocks import record

MANIFEST: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Thing",
    "metadata": {"name": "a", "labels": {}, "annotations": {"n": "1"}},
    "spec": {"on": True, "ratio": 0.5, "count": 3, "none": None, "list": [{"a": [1, "x", False]}, [], None]},
    "rules": [{"verbs": ["get"]}],
}


def sent(resource: object, properties: dict[str, Any]) -> dict[str, Any]:
    """The properties of a resource as they go to the engine."""
    loop = asyncio.new_event_loop()  # the thread's own is the one that the SDK's mocks run in
    try:
        struct = loop.run_until_complete(rpc.serialize_properties(properties, {}, cast("Any", resource)))
    finally:
        loop.close()
    return dict(rpc.deserialize_properties(struct))


@pytest.fixture
def spared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "serialize_property", program._serialized)


def test_an_object_that_is_known_in_full_is_sent_as_the_sdk_would_send_it(monkeypatch: pytest.MonkeyPatch) -> None:
    known = object.__new__(Known)
    as_it_is = sent(known, MANIFEST)
    monkeypatch.setattr(rpc, "serialize_property", program._serialized)
    assert sent(known, MANIFEST) == as_it_is


@pytest.mark.usefixtures("spared")
def test_a_value_that_is_still_to_come_is_waited_for() -> None:
    async def later() -> str:
        return "here"

    assert sent(None, {"data": {"key": later()}}) == {"data": {"key": "here"}}


@pytest.mark.usefixtures("spared")
def test_nothing_is_spared_of_an_object_that_is_filled_in() -> None:
    thing = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"key": "known"}}
    filled = {**thing, "data": {"key": pulumi.Output.from_input("made")}}
    object_id = ObjectId("v1", "ConfigMap", "", "a")

    def run() -> None:
        provider = pulumi.ProviderResource("kubernetes", "cluster", {})
        args = KubeflowArgs(graph=build([thing]), replacements={object_id: filled}, provider=provider, needs=[])
        install("kubeflow", args)

    assert record(run).one("ConfigMap").inputs["data"] == {"key": "made"}
