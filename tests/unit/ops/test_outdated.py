"""An object is read again where the engine was told of it as it was before its update."""

from typing import Any

import pytest
from pulumi.automation.events import EngineEvent

from ops.existing import placed
from ops.outdated import Outdated
from ordering.graph.ids import id_of

SENT: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "a", "labels": {"version": "2"}},
    "spec": {},
}
BEFORE: dict[str, Any] = {"metadata": {**SENT["metadata"], "labels": {"version": "1"}}}


def heard(answered: dict[str, Any], sent: dict[str, Any] = SENT, op: str = "update", kind: str = "v1:Service") -> bool:
    return listener(answered, sent, op, kind).urns == {"u"}


def listener(answered: dict[str, Any], sent: dict[str, Any], op: str, kind: str) -> Outdated:
    about = {"type": f"kubernetes:{kind}", "urn": "u", "custom": True, "id": "i", "parent": "", "provider": ""}
    new = {**about, "inputs": sent, "outputs": answered}
    step = {"op": op, "urn": "u", "type": about["type"], "old": None, "new": new, "provider": ""}
    event = {"sequence": 1, "timestamp": 1, "resOutputsEvent": {"metadata": {**step, "keys": [], "diffs": []}}}
    hears = Outdated()
    hears(EngineEvent.from_json(event))
    return hears


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


def test_to_take_over_what_is_there_is_to_update_it() -> None:
    here, other = id_of(SENT), id_of({**SENT, "metadata": {"name": "b"}})
    early = listener({**SENT, **BEFORE}, SENT, "create", "v1:Service")
    assert early.urns == set()
    assert early.taken_over([here], []) == {"u"}
    assert early.taken_over([other], [here]) == set(), "what was not there"
    late = listener(SENT, SENT, "create", "v1:Service")
    assert late.taken_over([here], []) == set()
    assert late.taken_over([here], [here]) == {"u"}, "kubectl lost something of it afterwards"


def test_what_an_earlier_run_took_over_is_read_again_where_this_one_took_it_from_kubectl() -> None:
    here = id_of(SENT)
    known = Outdated(made={placed("", "Service", "", "a"): "u"})
    assert known.taken_over([here], []) == set()
    assert known.taken_over([here], [here]) == {"u"}


def test_what_a_run_makes_is_known_by_its_place() -> None:
    assert listener(SENT, SENT, "create", "v1:Service").made == {placed("", "Service", "", "a"): "u"}
    assert listener(SENT, SENT, "update", "v1:Service").made == {}
    assert listener({}, {"bucket": "a"}, "create", "aws:s3/bucket:Bucket").made == {}
