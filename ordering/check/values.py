"""What a single value may be, and how a fault in one is put into words."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

# k8s.io/apimachinery v0.35.4, pkg/api/resource/quantity.go.
_QUANTITY = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+|[KMGTPE]i|[numkMGTPE])?$", re.ASCII)
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)$", re.ASCII)
_LONGEST = 40
"""Characters of a value that a sentence shows: it may be a secret's, and it is only there to be found again."""


class Fault(NamedTuple):
    """Where in an object, and what is wrong with it, to follow on `KIND NAME has PATH`."""

    path: str
    text: str


def shown(value: Any) -> str:
    """A value as a sentence shows it."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def expected(value: Any, what: str) -> str:
    """The words for a value of the wrong type."""
    quotes = what == "text" and isinstance(value, bool | int | float)
    return f" = {shown(value)}, which must be {what}{': put it in quotes' if quotes else ''}"


def is_whole(value: Any) -> bool:
    """Whether a number has no fraction; Go reads 1.0 as a whole one, and true as none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)


def is_number(value: Any) -> bool:
    """Whether a value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_bytes(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        # Go skips line feeds and wants the padding.
        base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _is_int_or_string(value: Any) -> bool:
    return isinstance(value, str) or (is_whole(value) and -(2**31) <= value < 2**31)


def _is_quantity(value: Any) -> bool:
    return is_number(value) or (isinstance(value, str) and _QUANTITY.match(value) is not None)


PLAIN: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "boolean": (lambda value: isinstance(value, bool), "true or false"),
    "bytes": (_is_bytes, "base64"),
    "int32": (is_whole, "a whole number"),
    "int64": (is_whole, "a whole number"),
    "int-or-string": (_is_int_or_string, "a whole number or text"),
    "number": (is_number, "a number"),
    "quantity": (_is_quantity, "a quantity, such as 100m or 1Gi"),
    "string": (lambda value: isinstance(value, str), "text"),
    "time": (lambda value: isinstance(value, str) and _TIME.match(value) is not None, "a time in RFC 3339"),
}
"""For each plain type, the test of a value and the words for what it must be."""


def twice(items: Iterable[Any], key: Callable[[Any], Hashable], path: str, named: str) -> Iterator[Fault]:
    """What comes more than once in a list that may hold it once only; a merge would not know which is meant."""
    seen: set[Hashable] = set()
    for index, item in enumerate(items):
        found = key(item)
        if found in seen:
            yield Fault(f"{path}[{index}]", f", and the list has one with the same {named} before it: keep one of them")
        seen.add(found)
