"""Custom resources against the schema of their definition in the same set.

A server-side apply of a field that the schema does not declare is refused, where a plain create would leave it out.
Values are judged as the API server does (k8s.io/apiextensions-apiserver v0.35.4, pkg/apiserver/validation), after the
schema's defaults; formats and rules in CEL are left to it.
"""

import copy
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from ordering.check.values import Fault, expected, is_number, is_whole, shown, twice
from ordering.manifests.objects import Manifest

Schema = Mapping[str, Any]

_IDENTITY = frozenset({"apiVersion", "kind", "metadata"})
_TYPES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "array": (lambda value: isinstance(value, list), "a list"),
    "boolean": (lambda value: isinstance(value, bool), "true or false"),
    "integer": (is_whole, "a whole number"),
    "number": (is_number, "a number"),
    "object": (lambda value: isinstance(value, dict), "a mapping"),
    "string": (lambda value: isinstance(value, str), "text"),
}
# What Go and Python read otherwise: a class such as [:alnum:], and {,3}, which is text in Go.
_OTHERWISE = re.compile(r"\[:\^?\w+:\]|\{,\d+\}")


def schemas(objects: Iterable[Manifest]) -> dict[tuple[str, str], Schema]:
    """The schema of each version of each kind that is defined, by apiVersion and kind."""
    found: dict[tuple[str, str], Schema] = {}
    for manifest in objects:
        spec = manifest.get("spec")
        if manifest["kind"] != "CustomResourceDefinition" or not isinstance(spec, dict):
            continue
        for version in spec.get("versions") or ():
            schema = (version.get("schema") or {}).get("openAPIV3Schema")
            if isinstance(schema, dict) and not spec.get("preserveUnknownFields"):
                found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    return found


def faults(schema: Schema, manifest: Manifest) -> Iterator[Fault]:
    """What the API server would refuse of an object whose definition has this schema; its metadata is not judged."""
    root = {**schema, "x-kubernetes-embedded-resource": True}
    undeclared = list(_undeclared(root, manifest, ""))
    yield from undeclared
    filled = copy.deepcopy(manifest)
    _fill(root, filled)
    yield from _values(root, filled, "")


def _children(schema: Schema, value: Any, path: str) -> Iterator[tuple[Schema | None, Any, str]]:
    """The values inside of a value, with the schema of each (None for one that may be anything) and its path."""
    if isinstance(value, list):
        items = schema.get("items")
        for index, item in enumerate(value):
            yield items if isinstance(items, dict) else None, item, f"{path}[{index}]"
    elif isinstance(value, dict):
        properties, others = schema.get("properties") or {}, schema.get("additionalProperties")
        identity = _IDENTITY if schema.get("x-kubernetes-embedded-resource") else frozenset()
        for key, child in value.items():
            place = f"{path}.{key}" if path else str(key)
            if key in identity and (key == "metadata" or key not in properties):
                yield None, child, place
            elif key in properties:
                yield properties[key], child, place
            else:
                yield others if isinstance(others, dict) else None, child, place


def _undeclared(schema: Schema, value: Any, path: str) -> Iterator[Fault]:
    """What its schema declares in no way."""
    anything = schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("additionalProperties")
    declared = schema.get("properties") or {}
    identity = _IDENTITY if schema.get("x-kubernetes-embedded-resource") else frozenset()
    for below, child, place in _children(schema, value, path):
        if below is not None:
            yield from _undeclared(below, child, place)
        elif isinstance(value, dict) and not anything:
            key = place.removeprefix(f"{path}.") if path else place
            if key not in declared and key not in identity:
                yield Fault(
                    place,
                    ", which the definition of its kind does not have: "
                    "correct the field's name and place, or take it out; the API server takes no other",
                )


def _fill(schema: Schema, value: Any) -> None:
    """Puts the schema's defaults where a value has nothing, and drops nulls that it does not allow."""
    if isinstance(value, dict):
        for key, below in (schema.get("properties") or {}).items():
            if isinstance(below, dict) and value.get(key) is None and not (key in value and below.get("nullable")):
                value.pop(key, None)
                if "default" in below:
                    value[key] = copy.deepcopy(below["default"])
    for below, child, _ in _children(schema, value, ""):
        if below is not None:
            _fill(below, child)


def _values(schema: Schema, value: Any, path: str) -> Iterator[Fault]:
    """What its schema does not allow of a value and of those inside of it."""
    if value is None:
        return  # allowed by nullable, or as good as left out
    if text := _type_fault(schema, value):
        yield Fault(path, text)
        return
    for text in _rules(schema, value):
        yield Fault(path, text)
    kind = schema.get("x-kubernetes-list-type")
    if isinstance(value, list) and kind == "map":
        keys = [str(key) for key in schema.get("x-kubernetes-list-map-keys") or ()]
        entries = [one for one in value if isinstance(one, dict)]
        yield from twice(entries, lambda one: repr([one.get(key) for key in keys]), path, " and ".join(keys))
    elif isinstance(value, list) and kind == "set":
        yield from twice(value, repr, path, "value")
    for below, child, place in _children(schema, value, path):
        if below is not None:
            yield from _values(below, child, place)


def _type_fault(schema: Schema, value: Any) -> str:
    if schema.get("x-kubernetes-int-or-string"):
        fits, what = isinstance(value, str) or is_whole(value), "a whole number or text"
    elif schema.get("type") in _TYPES:
        judge, what = _TYPES[schema["type"]]
        fits = judge(value)
    else:
        return ""
    return "" if fits else expected(value, what)


def _rules(schema: Schema, value: Any) -> Iterator[str]:
    """What is wrong with a value of the right type."""
    told = f" = {shown(value)}"
    if (enum := schema.get("enum")) and value not in enum:
        yield f"{told}, which must be {' or '.join(shown(one) for one in enum)}"
    if is_number(value):
        least, most = schema.get("minimum"), schema.get("maximum")
        if least is not None and (value < least or (value == least and schema.get("exclusiveMinimum"))):
            yield f"{told}, which must be {'more than' if schema.get('exclusiveMinimum') else 'at least'} {least}"
        if most is not None and (value > most or (value == most and schema.get("exclusiveMaximum"))):
            yield f"{told}, which must be {'less than' if schema.get('exclusiveMaximum') else 'at most'} {most}"
    for kind, unit, names in (
        (str, "characters", ("minLength", "maxLength")),
        (list, "entries", ("minItems", "maxItems")),
        (dict, "fields", ("minProperties", "maxProperties")),
    ):
        if isinstance(value, kind):
            least, most = (schema.get(name) for name in names)
            if least is not None and len(value) < least:
                yield f"{told}, which must have {least} or more {unit}"
            if most is not None and len(value) > most:
                yield f"{told}, which must have {most} or fewer {unit}"
    if (
        isinstance(value, str)
        and (pattern := schema.get("pattern"))
        and (go := _read(pattern))
        and not go.search(value)
    ):
        yield f"{told}, which must match {pattern}"
    if isinstance(value, dict):
        for key in schema.get("required") or ():
            if key not in value:
                yield f" without {key}, which the definition of its kind requires: add it"
    yield from _combined(schema, value)


def _combined(schema: Schema, value: Any) -> Iterator[str]:
    """What is wrong by the schemas that a schema puts together."""
    for part in schema.get("allOf") or ():
        yield from (fault.text for fault in _values(part, value, ""))
    fits = {
        name: sum(1 for part in schema[name] if next(_values(part, value, ""), None) is None)
        for name in ("anyOf", "oneOf")
        if schema.get(name) and _judged(schema[name])
    }
    if fits.get("anyOf") == 0 or fits.get("oneOf", 1) != 1:
        count = "exactly one" if fits.get("oneOf", 1) != 1 else "one"
        yield f" = {shown(value)}, which must fit {count} of the alternatives that the definition of its kind lists"
    other = schema.get("not")
    if isinstance(other, dict) and _judged(other) and next(_values(other, value, ""), None) is None:
        yield f" = {shown(value)}, which the definition of its kind excludes"


@cache
def _read(pattern: str) -> re.Pattern[str] | None:
    """A pattern of Go; None for one that Python does not read, or otherwise, which is left to the API server."""
    try:
        return None if _OTHERWISE.search(pattern) else re.compile(pattern, re.ASCII)
    except re.error:
        return None


def _judged(schema: Any) -> bool:
    """Whether every pattern inside of a schema is read."""
    if isinstance(schema, list):
        return all(map(_judged, schema))
    if not isinstance(schema, dict):
        return True
    pattern = schema.get("pattern")
    return (not isinstance(pattern, str) or _read(pattern) is not None) and all(map(_judged, schema.values()))
