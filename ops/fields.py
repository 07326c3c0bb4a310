"""Who owns which field of an object, as the API server keeps it in `managedFields`.

A path is a tuple of the server's own elements: `f:NAME` is a field, `k:{…}` the item of a list with those keys, `v:…` a
value of a set (Kubernetes' "Server-Side Apply", and FieldsV1 in meta/v1).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

FieldPath = tuple[str, ...]
Entry = Mapping[str, Any]
"""One of an object's `managedFields`."""

MISSING = object()
"""What is found where nothing is."""


def owned(entries: Sequence[Entry], manager: str) -> frozenset[FieldPath]:
    """The fields that a manager owns, but for those of a status."""
    return frozenset(
        path
        for one in entries
        if one.get("manager") == manager and one.get("subresource") != "status"
        for path in _leaves(one.get("fieldsV1") or {})
    )


def outermost(paths: frozenset[FieldPath]) -> list[FieldPath]:
    """Those of the paths that lie in no other one of them, sorted."""
    return sorted(path for path in paths if not any(path[:end] in paths for end in range(1, len(path))))


def writer(entries: Sequence[Entry], path: FieldPath) -> Entry | None:
    """The entry of whoever owns a field, or what is inside it; None where nobody does, as of one that was removed."""
    owners = [one for one in entries if one.get("subresource") != "status" and _covers(one.get("fieldsV1") or {}, path)]
    return max(owners, key=lambda one: str(one.get("time", "")), default=None)


def at(path: FieldPath, manifest: Any) -> Any:
    """What an object has there, or MISSING."""
    for element in path:
        manifest = _step(element, manifest)
        if manifest is MISSING:
            return MISSING
    return manifest


def without(path: FieldPath, manifest: Any) -> Any:
    """The object without what it has there; the given one is left as it is."""
    element, rest = path[0], path[1:]
    inner = _step(element, manifest)
    if inner is MISSING:
        return manifest
    put = [without(rest, inner)] if rest else []
    if isinstance(manifest, Mapping):
        # By name: small numbers and short texts are the same object wherever they stand.
        return {key: value for key, old in manifest.items() for value in (put if key == element[2:] else [old])}
    return [value for old in manifest for value in (put if old is inner else [old])]


def text(path: FieldPath, manifest: Any) -> str:
    """The path as the engine and people write it, such as `spec.containers[0].image`."""
    told = ""
    for element in path:
        inner = _step(element, manifest)
        if element.startswith("f:"):
            name = element[2:]
            plain = name.replace("-", "").replace("_", "").isalnum()
            told += (f".{name}" if told else name) if plain else f'["{name}"]'
        elif isinstance(manifest, list) and inner is not MISSING:
            told += f"[{next(index for index, one in enumerate(manifest) if one is inner)}]"
        else:
            told += f"[{element[2:]}]"
        manifest = inner
    return told


def _leaves(tree: Mapping[str, Any], above: FieldPath = ()) -> Iterator[FieldPath]:
    for element, below in tree.items():
        if element == ".":
            yield above
        elif below:
            yield from _leaves(below, (*above, element))
        else:
            yield (*above, element)


def _covers(tree: Mapping[str, Any], path: FieldPath) -> bool:
    """Whether the field, or one inside it, is among those of a tree."""
    for element in path:
        if element not in tree:
            return False
        tree = tree[element]
    return True


def _step(element: str, node: Any) -> Any:
    kind, _, name = element.partition(":")
    if kind == "f":
        return node.get(name, MISSING) if isinstance(node, Mapping) else MISSING
    if not isinstance(node, list):
        return MISSING
    if kind == "v":
        return next((one for one in node if one == json.loads(name)), MISSING)
    keys = json.loads(name)
    return next((one for one in node if isinstance(one, Mapping) and _fits(one, keys)), MISSING)


def _fits(item: Mapping[str, Any], keys: Mapping[str, Any]) -> bool:
    """Whether it is the item with these keys; what a manifest leaves out has its default, such as a port's protocol."""
    return all(item.get(key, value) == value for key, value in keys.items())
