"""What changes between two sets of inputs, and what of it replaces the resource."""

import json
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from enum import Enum
from typing import Any

from localcloud.providers.schema import Type
from localcloud.providers.values import UNKNOWN, Properties


class Change(Enum):
    """How one property differs."""

    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


@dataclass(frozen=True)
class Difference:
    """One property path that differs."""

    path: str
    change: Change
    replaces: bool


def differences(
    old: Properties, new: Properties, *, replaces: Set[str], unordered: Set[str], documents: Set[str]
) -> list[Difference]:
    """The differences by property path.

    `replaces` names properties, top-level or dotted, whose change makes a new resource; `unordered` those whose
    list is a set; `documents` those that hold JSON, where only the meaning counts.
    """
    found = _walk("", old, new, unordered, documents)
    return [Difference(path, change, _replaces(path, replaces)) for path, change in found]


def equal(old: Any, new: Any, *, unordered: bool = False, document: bool = False) -> bool:
    """Whether two values mean the same."""
    if unordered and isinstance(old, list) and isinstance(new, list):
        old, new = sorted(old, key=_sort_key), sorted(new, key=_sort_key)
    if document and isinstance(old, str) and isinstance(new, str):
        old, new = _parsed(old), _parsed(new)
    same: bool = old == new
    return same


def projected(old: Any, live: Any, type_: Type | None, *, exact: bool = False) -> Any:
    """The live value, cut to what the old one states: fields that the program left to the cloud are no drift."""
    if isinstance(old, dict) and isinstance(live, dict) and not exact and (type_ is None or type_.kind != "map"):
        fields = (type_.fields if type_ else None) or {}
        return {key: projected(value, live[key], fields.get(key)) for key, value in old.items() if key in live}
    if isinstance(old, list) and isinstance(live, list) and len(old) == len(live):
        item = type_.item if type_ else None
        return [projected(before, after, item) for before, after in zip(old, live, strict=True)]
    return live


def _walk(path: str, old: Any, new: Any, unordered: Set[str], documents: Set[str]) -> Iterator[tuple[str, Change]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            inner = _join(path, key)
            if old.get(key) is None and new.get(key) is None:
                continue
            if old.get(key) is None:
                yield inner, Change.ADD
            elif new.get(key) is None:
                yield inner, Change.DELETE
            else:
                yield from _walk(inner, old[key], new[key], unordered, documents)
        return
    plain = re.sub(r"\[\d+\]", "", path)
    if new is not UNKNOWN and equal(old, new, unordered=plain in unordered, document=plain in documents):
        return
    if isinstance(old, list) and isinstance(new, list) and plain not in unordered:
        for index in range(max(len(old), len(new))):
            inner = f"{path}[{index}]"
            if index >= len(old):
                yield inner, Change.ADD
            elif index >= len(new):
                yield inner, Change.DELETE
            else:
                yield from _walk(inner, old[index], new[index], unordered, documents)
        return
    yield path, Change.UPDATE


def _join(path: str, key: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*", key):
        return f'{path}["{key}"]'
    return f"{path}.{key}" if path else key


def _replaces(path: str, replaces: Set[str]) -> bool:
    plain = re.sub(r"\[[^\]]*\]", "", path)
    return any(plain == name or plain.startswith(f"{name}.") or name.startswith(f"{plain}.") for name in replaces)


def _sort_key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _parsed(text: str) -> Any:
    try:
        return _normal(json.loads(text))
    except ValueError:
        return text


def _normal(value: Any) -> Any:
    """A policy says the same with one string or with a list of it."""
    if isinstance(value, dict):
        return {key: _normal(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [_normal(item) for item in value]
        return items[0] if len(items) == 1 else items
    return value
