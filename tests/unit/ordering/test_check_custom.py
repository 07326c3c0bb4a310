"""Custom resources are held against the schema of their definition, as the API server does it."""

from typing import Any

import pytest

from ordering.check import check
from ordering.graph import build
from ordering.manifests.objects import Manifest

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 9},
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
                "text": {"type": "string", "pattern": "^a+$", "maxLength": 3, "nullable": True},
                "mode": {"type": "string", "enum": ["one", "two"]},
                "either": {"x-kubernetes-int-or-string": True},
                "named": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {"type": "object", "properties": {"name": {"type": "string"}}},
                },
                "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}, "minItems": 1},
                "strict": {
                    "type": "object",
                    "required": ["needed", "defaulted"],
                    "properties": {"needed": {"type": "string"}, "defaulted": {"type": "string", "default": "x"}},
                },
                "choice": {
                    "type": "object",
                    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                    "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
                    "not": {"properties": {"a": {"enum": [7]}}, "required": ["a"]},
                },
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


def thing(spec: Any = None, **more: Any) -> Manifest:
    metadata = {"name": "one", "namespace": "default", "labels": {"a": "b"}}
    return {"apiVersion": "sample.dev/v1", "kind": "Thing", "metadata": metadata, "spec": spec, **more}


def faults(*objects: Manifest) -> list[str]:
    found = check(objects, build(objects))
    assert all(one.severity == "refused" for one in found)
    return [one.sentence.removeprefix("Thing default/one ") for one in found]


UNDECLARED = [
    (thing({"sise": 1}), "spec.sise"),
    (thing({}, size=1), "size"),
    (thing({"map": {"x": {"b": 1}}}), "spec.map.x.b"),
    (thing({"list": [{"a": 1}, {"b": 1}]}), "spec.list[1].b"),
    (thing({"any": {"known": {"b": 1}}}), "spec.any.known.b"),
    (thing({"template": {"metadata": {}, "spec": {"b": 1}}}), "spec.template.spec.b"),
    (thing({"empty": {"a.b": 1}}), "spec.empty.a.b"),
]


@pytest.mark.parametrize(("manifest", "path"), UNDECLARED, ids=lambda value: str(value)[-40:])
def test_a_field_that_is_not_declared_is_said_with_its_path(manifest: Manifest, path: str) -> None:
    assert faults(manifest, definition()) == [
        f"has {path}, which the definition of its kind does not have: "
        "correct the field's name and place, or take it out; the API server takes no other."
    ]


VALUES: list[tuple[Any, str]] = [
    ({"size": "1"}, 'has spec.size = "1", which must be a whole number.'),
    ({"size": 0}, "has spec.size = 0, which must be at least 1."),
    ({"size": 10}, "has spec.size = 10, which must be at most 9."),
    ({"text": 1}, "has spec.text = 1, which must be text: put it in quotes."),
    ({"text": "b"}, 'has spec.text = "b", which must match ^a+$.'),
    ({"text": "aaaa"}, 'has spec.text = "aaaa", which must have 3 or fewer characters.'),
    ({"mode": "three"}, 'has spec.mode = "three", which must be "one" or "two".'),
    ({"either": 1.5}, "has spec.either = 1.5, which must be a whole number or text."),
    ({"named": {}}, "has spec.named = {}, which must be a list."),
    (
        {"named": [{"name": "a"}, {"name": "a"}]},
        "has spec.named[1], and the list has one with the same name before it: keep one of them.",
    ),
    (
        {"set": ["a", "a"]},
        "has spec.set[1], and the list has one with the same value before it: keep one of them.",
    ),
    ({"set": []}, "has spec.set = [], which must have 1 or more entries."),
    ({"strict": {}}, "has spec.strict without needed, which the definition of its kind requires: add it."),
    (
        {"choice": {}},
        "has spec.choice = {}, which must fit exactly one of the alternatives that the definition of its kind lists.",
    ),
    ({"choice": {"a": 7}}, 'has spec.choice = {"a": 7}, which the definition of its kind excludes.'),
]


@pytest.mark.parametrize(("spec", "sentence"), VALUES, ids=lambda value: str(value)[-40:])
def test_a_value_that_the_schema_does_not_allow_is_said(spec: Any, sentence: str) -> None:
    assert faults(thing(spec), definition()) == [sentence]


def test_what_is_missing_at_the_top_is_said() -> None:
    required = {**SCHEMA, "required": ["spec"]}
    bare = {key: value for key, value in thing().items() if key != "spec"}
    assert faults(bare, definition(required)) == ["is without spec, which the definition of its kind requires: add it."]


def test_metadata_is_judged_as_that_of_every_kind() -> None:
    wrong = thing({})
    wrong["metadata"]["labels"] = {"a": 1}
    assert faults(wrong, definition()) == ["has metadata.labels.a = 1, which must be text: put it in quotes."]


FITTING: list[list[Manifest]] = [
    [thing({"size": 1.0, "map": {"x": {"a": 1}}, "list": [{"a": 1}], "free": {"x": {"y": 1}}}), definition()],
    [thing({"any": {"x": 1, "known": {"a": 1}}}), definition()],
    [thing({"template": {"apiVersion": "v1", "kind": "Pod", "metadata": {"x": 1}, "spec": {"a": 1}}}), definition()],
    [thing({"text": None, "mode": None, "either": "80%", "strict": {"needed": "a"}}), definition()],
    [thing({"choice": {"a": 1}, "named": [{"name": "a"}, {"name": "b"}], "set": ["a", "b"]}), definition()],
    [thing(None), definition()],
    [thing({"sise": 1}), definition({"type": "object", "x-kubernetes-preserve-unknown-fields": True})],
    [thing({"sise": 1}), definition(None)],
    [thing({"sise": 1}), definition(preserveUnknownFields=True)],
]


@pytest.mark.parametrize("objects", FITTING, ids=lambda objects: str(objects[0]["spec"])[:40])
def test_what_fits_or_has_no_schema_here_passes(objects: list[Manifest]) -> None:
    assert faults(*objects) == []


# Each value fits in Go (regexp/syntax), which Python takes the pattern for something else than, or does not read.
GO = [
    ("^[[:alnum:]]+$", "a1"),
    ("^[a-z[:digit:]]+$", "a1"),
    ("^a{,3}$", "a{,3}"),
    (r"^\W+$", "é"),
    (r"^\p{L}+$", "é"),
]


@pytest.mark.parametrize(("pattern", "value"), GO)
def test_a_pattern_is_read_as_go_does_or_left_to_the_api_server(pattern: str, value: str) -> None:
    text = {"type": "string", "pattern": pattern}
    either = {"type": "string", "oneOf": [{"pattern": pattern}, {"pattern": "^never$"}]}
    one = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"a": text, "b": either}}}}
    assert faults(thing({"a": value, "b": value}), definition(one)) == []


@pytest.mark.parametrize(
    "schema", [{"not": {"pattern": "^[[:alnum:]]$"}}, {"oneOf": [{"pattern": "a"}, {"pattern": r"\pN"}]}]
)
def test_alternatives_with_a_pattern_that_python_does_not_read_are_not_judged(schema: Any) -> None:
    one = {"properties": {"spec": {"type": "object", "properties": {"a": {"type": "string", **schema}}}}}
    assert faults(thing({"a": "a-b"}), definition({"type": "object", **one})) == []
