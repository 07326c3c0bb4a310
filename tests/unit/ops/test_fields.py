"""Whose fields are whose, as the API server writes it."""

from typing import Any

import pytest

from ops.fields import MISSING, at, outermost, owned, text, without, writer

CONTAINER = 'k:{"name":"main"}'
PORT = 'k:{"containerPort":80,"protocol":"TCP"}'
IMAGE = ("f:spec", "f:containers", CONTAINER, "f:image")
ENTRIES: list[dict[str, Any]] = [
    {
        "manager": "ours",
        "operation": "Apply",
        "time": "1",
        "fieldsV1": {
            "f:metadata": {"f:labels": {"f:a.b/c": {}}},
            "f:spec": {"f:containers": {CONTAINER: {".": {}, "f:image": {}, "f:ports": {PORT: {".": {}}}}}},
        },
    },
    {"manager": "ours", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}},
    {"manager": "first", "time": "2", "fieldsV1": {"f:spec": {"f:rules": {}}}},
    {"manager": "second", "time": "3", "fieldsV1": {"f:spec": {"f:rules": {}, "f:more": {"f:x": {}}}}},
    {"manager": "kubelet", "time": "4", "subresource": "status", "fieldsV1": {"f:spec": {"f:rules": {}}}},
]
OBJECT = {
    "metadata": {"labels": {"a.b/c": "1"}, "finalizers": ["x", "y"]},
    "spec": {"containers": [{"name": "other"}, {"name": "main", "image": "one", "ports": [{"containerPort": 80}]}]},
}


def test_what_a_manager_owns_are_fields_and_items_and_no_status() -> None:
    item = IMAGE[:-1]
    assert owned(ENTRIES, "ours") == {
        ("f:metadata", "f:labels", "f:a.b/c"),
        item,
        IMAGE,
        (*item, "f:ports", PORT),
    }
    assert outermost(owned(ENTRIES, "ours")) == [("f:metadata", "f:labels", "f:a.b/c"), item]
    assert owned(ENTRIES, "nobody") == frozenset()


def test_whoever_owns_a_field_now_or_what_is_inside_wrote_it() -> None:
    assert (writer(ENTRIES, ("f:spec", "f:rules")) or {})["manager"] == "second", "the latest, and no status"
    assert (writer(ENTRIES, ("f:spec", "f:more")) or {})["manager"] == "second"
    assert writer(ENTRIES, ("f:spec", "f:gone")) is None, "whoever removes a field leaves no trace"


def test_a_path_leads_to_a_value_and_is_written_as_people_do() -> None:
    assert at(IMAGE, OBJECT) == "one"
    assert text(IMAGE, OBJECT) == "spec.containers[1].image"
    port = (*IMAGE[:-1], "f:ports", PORT)
    assert at(port, OBJECT) == {"containerPort": 80}, "a protocol that is left out is TCP"
    assert text(("f:metadata", "f:labels", "f:a.b/c"), OBJECT) == 'metadata.labels["a.b/c"]'
    assert at(("f:metadata", "f:finalizers", 'v:"y"'), OBJECT) == "y"
    assert at(("f:spec", "f:containers", 'k:{"name":"none"}'), OBJECT) is MISSING
    assert text(("f:spec", "f:containers", 'k:{"name":"none"}'), OBJECT) == 'spec.containers[{"name":"none"}]'


@pytest.mark.parametrize(
    "path",
    [
        IMAGE,
        IMAGE[:-1],
        ("f:metadata", "f:labels", "f:a.b/c"),
        ("f:metadata", "f:finalizers", 'v:"x"'),
        ("f:spec",),
    ],
)
def test_an_object_without_a_field_lacks_that_alone(path: tuple[str, ...]) -> None:
    before = repr(OBJECT)
    assert at(path, without(path, OBJECT)) is MISSING
    assert at(("f:metadata", "f:finalizers", 'v:"y"'), without(path, OBJECT)) == "y"
    assert repr(OBJECT) == before
    assert without(("f:none", "f:x"), OBJECT) == OBJECT
