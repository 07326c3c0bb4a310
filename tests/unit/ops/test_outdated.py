"""An object is read again where the engine was told of it as it was before its update."""

from typing import Any

import pytest
from pulumi.automation.events import EngineEvent

from ops.outdated import Outdated

SENT: dict[str, Any] = {"kind": "Service", "metadata": {"name": "a", "labels": {"version": "2"}}, "spec": {}}
BEFORE: dict[str, Any] = {"metadata": {**SENT["metadata"], "labels": {"version": "1"}}}


def heard(answered: dict[str, Any], sent: dict[str, Any] = SENT, op: str = "update", kind: str = "v1:Service") -> bool:
    about = {"type": f"kubernetes:{kind}", "urn": "u", "custom": True, "id": "i", "parent": "", "provider": ""}
    new = {**about, "inputs": sent, "outputs": answered}
    step = {"op": op, "urn": "u", "type": about["type"], "old": None, "new": new, "provider": ""}
    event = {"sequence": 1, "timestamp": 1, "resOutputsEvent": {"metadata": {**step, "keys": [], "diffs": []}}}
    listener = Outdated()
    listener(EngineEvent.from_json(event))
    return listener.urns == ["u"]


def test_an_answer_from_before_the_update_is_outdated() -> None:
    assert heard({**SENT, **BEFORE})
    assert not heard({**SENT, **BEFORE}, op="create")
    assert not heard({**SENT, **BEFORE}, op="same")


@pytest.mark.parametrize(
    "answered",
    [
        SENT,
        {**SENT, "spec": {"clusterIP": "10.0.0.1"}, "status": {}},
        {**SENT, "metadata": {**SENT["metadata"], "uid": "1"}},
    ],
)
def test_what_the_server_adds_is_no_sign(answered: dict[str, Any]) -> None:
    assert not heard(answered)


def test_items_of_lists_count_and_secrets_are_not_compared() -> None:
    assert heard({"webhooks": [{"name": "a"}]}, {"webhooks": [{"name": "b"}]})
    assert heard({"webhooks": []}, {"webhooks": [{"name": "b"}]})
    assert not heard({"webhooks": [{"name": "b", "rules": []}]}, {"webhooks": [{"name": "b"}]})
    assert not heard({"data": "[secret]"}, {"data": "[secret]"})


def test_of_a_definition_its_schema_is_not_compared() -> None:
    kind = "apiextensions.k8s.io/v1:CustomResourceDefinition"
    schema = {"x-kubernetes-map-type": "atomic"}
    assert not heard({"metadata": {}, "spec": {}}, {"metadata": {}, "spec": schema}, kind=kind)
    assert heard({"metadata": {}}, {"metadata": {"labels": {"a": "b"}}}, kind=kind)
