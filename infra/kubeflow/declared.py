"""Fields of custom resources that the definition in the same release does not declare.

The API server refuses an apply of such a field ("field not declared in schema"), which every create is here, where a
plain create would leave it out. Below an object that declares no fields at all it leaves it out all the same, so that
every preview would bring it again. It says so when half of the platform is there already; this says it before.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ordering.errors import UserError
from ordering.manifests.objects import Manifest, title

_IDENTITY = frozenset({"apiVersion", "kind", "metadata"})
_SHOWN = 5


def check_declared(objects: Iterable[Manifest]) -> None:
    """UserError naming the fields that no definition among the objects declares; kinds without one are not judged."""
    given = list(objects)
    schemas = _schemas(given)
    found = [
        f"{title(manifest)} has {path}"
        for manifest in given
        if (schema := schemas.get((manifest["apiVersion"], manifest["kind"]))) is not None
        for path in _undeclared({**schema, "x-kubernetes-embedded-resource": True}, manifest, "")
    ]
    if found:
        more = f" and {len(found) - _SHOWN} more do" if len(found) > _SHOWN else ""
        raise UserError(
            f"{', '.join(found[:_SHOWN])}{more}, which the definition of its kind does not have: "
            "correct the field's name and place, or take it out; the API server takes no other."
        )


def _schemas(objects: Iterable[Manifest]) -> dict[tuple[str, str], dict[str, Any]]:
    """The schema of each version of each kind that is defined, by apiVersion and kind."""
    found = {}
    for manifest in objects:
        spec = manifest.get("spec")
        if manifest["kind"] != "CustomResourceDefinition" or not isinstance(spec, dict):
            continue
        for version in spec.get("versions") or ():
            schema = (version.get("schema") or {}).get("openAPIV3Schema")
            if isinstance(schema, dict) and not spec.get("preserveUnknownFields"):
                found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    return found


def _undeclared(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
    """The paths below a value that its schema declares in no way."""
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        # What is declared below it is held against that all the same.
        properties, others = schema.get("properties") or {}, True
    else:
        properties, others = schema.get("properties") or {}, schema.get("additionalProperties", False)
    if isinstance(value, list):
        items = schema.get("items")
        if isinstance(items, dict):
            for index, item in enumerate(value):
                yield from _undeclared(items, item, f"{path}[{index}]")
    elif isinstance(value, dict):
        identity = _IDENTITY if schema.get("x-kubernetes-embedded-resource") else frozenset()
        for key, child in value.items():
            place = f"{path}.{key}" if path else key
            if key in identity and (key == "metadata" or key not in properties):
                continue
            if key in properties:
                yield from _undeclared(properties[key], child, place)
            elif isinstance(others, dict):
                yield from _undeclared(others, child, place)
            elif not others:
                yield place
