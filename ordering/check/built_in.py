"""Objects of Kubernetes' own kinds against the fields that the API server declares.

Every object is sent as a server-side apply. The server makes a typed value of it first
(sigs.k8s.io/structured-merge-diff v6, typed/validate.go), and refuses fields that it does not declare, values of
another type and list entries with the same key, whatever `fieldValidation` the request asks for; then it converts that
to its Go type, which refuses fractions, malformed quantities, times and base64. A null passes as if it were not there.
"""

import difflib
from collections.abc import Callable, Iterator
from typing import Any

from ordering.check.table import METADATA, Table
from ordering.check.values import PLAIN, Fault, expected, twice
from ordering.manifests.objects import Manifest

# A definition's schemas are megabytes that programs write, and the server judges them by other rules.
_UNSEEN = frozenset({"apiextensions.v1.JSONSchemaProps"})
_CLOSE = 0.75
"""How alike a declared field must be to be what was meant."""


def faults(table: Table, manifest: Manifest, *, newer: bool = False) -> Iterator[Fault]:
    """What the API server would refuse of an object of a kind in the table.

    `newer`: the cluster is newer than the table, so a field that is not declared in it may be a new one.
    """
    yield from _Walk(table, newer).struct(table.kinds[f"{manifest['apiVersion']}/{manifest['kind']}"], manifest, "")


def metadata_faults(table: Table, metadata: Any) -> Iterator[Fault]:
    """The same of the metadata of an object of whatever kind."""
    yield from _Walk(table, False).struct(METADATA, metadata, "metadata")


class _Walk:
    def __init__(self, table: Table, newer: bool) -> None:
        self._types, self._newer = table.types, newer

    def struct(self, name: str, value: Any, path: str) -> Iterator[Fault]:
        if not isinstance(value, dict):
            yield Fault(path, expected(value, "a mapping"))
            return
        fields = self._types[name]
        for key, child in value.items():
            place = f"{path}.{key}" if path else str(key)
            if key in fields:
                if child is not None:
                    yield from self.value(fields[key], child, place)
            elif not self._newer:
                close = difflib.get_close_matches(str(key), fields, 1, _CLOSE)
                hint = f"write {close[0]}" if close else "correct its name and place, or take it out"
                yield Fault(place, f", which the API server does not know there: {hint}")

    def value(self, code: str, value: Any, path: str) -> Iterator[Fault]:
        if code in PLAIN:
            fits, what = PLAIN[code]
            if not fits(value):
                yield Fault(path, expected(value, what))
        elif code.startswith("@"):
            if code[1:] not in _UNSEEN:
                yield from self.struct(code[1:], value, path)
        elif code.startswith("{}"):
            yield from self._map(code[2:], value, path)
        elif code.startswith("["):
            keys, _, item = code[1:].partition("]")
            yield from self._list(keys, item, value, path)

    def _map(self, code: str, value: Any, path: str) -> Iterator[Fault]:
        if not isinstance(value, dict):
            yield Fault(path, expected(value, "a mapping"))
            return
        for key, child in value.items():
            if child is not None:
                yield from self.value(code, child, f"{path}.{key}")

    def _list(self, keys: str, code: str, value: Any, path: str) -> Iterator[Fault]:
        if not isinstance(value, list):
            yield Fault(path, expected(value, "a list"))
            return
        for index, child in enumerate(value):
            if child is not None:
                yield from self.value(code, child, f"{path}[{index}]")
            elif keys:
                yield Fault(f"{path}[{index}]", " = null, which a list with keys cannot hold: take it out")
        if keys == "=":
            yield from twice((one for one in value if isinstance(one, str)), _itself, path, "value")
        elif keys:
            found = [one for one in value if isinstance(one, dict)]
            names, key = _key(keys)
            yield from twice(found, key, path, names)


def _itself(value: str) -> str:
    return value


def _key(keys: str) -> tuple[str, Callable[[Any], str]]:
    """The names of a list's keys, and what gives an entry's values of them; a value that is none stands for itself."""
    pairs = [(name, default) for name, _, default in (one.partition("=") for one in keys.split(","))]
    names = " and ".join(name for name, _ in pairs)
    return names, lambda one: repr([str(one.get(name, default)) for name, default in pairs])
