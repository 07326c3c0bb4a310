"""Fields that a definition does not declare are found before the API server refuses them."""

from typing import Any

import pytest

from infra.kubeflow.declared import check_declared
from ordering.errors import UserError
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render
from tests.unit.kubeflow.platforms import ALONE, PLATFORMS

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "size": {"type": "integer"},
                "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"a": {}}}},
                "list": {"type": "array", "items": {"type": "object", "properties": {"a": {}}}},
                "any": {
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": True,
                    "properties": {"known": {"type": "object", "properties": {"a": {}}}},
                },
                "free": {"type": "object", "additionalProperties": True},
                "template": {
                    "type": "object",
                    "x-kubernetes-embedded-resource": True,
                    "properties": {"spec": {"type": "object", "properties": {"a": {}}}},
                },
                "empty": {"type": "object"},
            },
        },
    },
}


def definition(schema: Any = SCHEMA, **spec: Any) -> Manifest:
    names = {"kind": "Thing", "plural": "things"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.sample.dev"},
        "spec": {"group": "sample.dev", "names": names, "scope": "Namespaced", "versions": [version], **spec},
    }


def thing(spec: Any = None, version: str = "v1", **more: Any) -> Manifest:
    metadata = {"name": "one", "namespace": "here", "labels": {"a": "b"}}
    return {"apiVersion": f"sample.dev/{version}", "kind": "Thing", "metadata": metadata, "spec": spec, **more}


@pytest.mark.parametrize(
    ("manifest", "path"),
    [
        (thing({"sise": 1}), "spec.sise"),
        (thing({}, size=1), "size"),
        (thing({"map": {"x": {"b": 1}}}), "spec.map.x.b"),
        (thing({"list": [{"a": 1}, {"b": 1}]}), "spec.list[1].b"),
        (thing({"any": {"known": {"b": 1}}}), "spec.any.known.b"),
        (thing({"template": {"metadata": {}, "spec": {"b": 1}}}), "spec.template.spec.b"),
        (thing({"empty": {"a": 1}}), "spec.empty.a"),
    ],
)
def test_a_field_that_is_not_declared_is_refused_by_its_path(manifest: Manifest, path: str) -> None:
    with pytest.raises(UserError) as error:
        check_declared([manifest, definition()])
    assert str(error.value).startswith(f"Thing here/one has {path}, which the definition of its kind does not have: ")


@pytest.mark.parametrize(
    "objects",
    [
        [thing({"size": 1, "map": {"x": {"a": 1}}, "list": [{"a": 1}], "free": {"x": {"y": 1}}}), definition()],
        [thing({"any": {"x": 1, "known": {"a": 1}}}), definition()],
        [
            thing({"template": {"apiVersion": "v1", "kind": "Pod", "metadata": {"x": 1}, "spec": {"a": 1}}}),
            definition(),
        ],
        [thing(None), definition()],
        [thing({"sise": 1})],
        [thing({"sise": 1}, version="v2"), definition()],
        [thing({"sise": 1}), definition({"type": "object", "x-kubernetes-preserve-unknown-fields": True})],
        [thing({"sise": 1}), definition(None)],
    ],
)
def test_what_is_declared_or_has_no_definition_here_passes(objects: list[Manifest]) -> None:
    check_declared(objects)


def test_many_are_counted() -> None:
    with pytest.raises(UserError, match=r"and 2 more do, which"):
        check_declared([definition(), thing({f"x{number}": 1 for number in range(7)})])


@pytest.mark.parametrize("path", [*PLATFORMS, *ALONE])
def test_releases_declare_all_that_they_use(path: Any) -> None:
    check_declared(render(path))
