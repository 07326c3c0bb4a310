"""`--param k=v` as a person types it, to the typed arguments that a compiled pipeline takes."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ordering.errors import UserError
from pipelines.package import parameters

Arguments = dict[str, Any]


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _bool(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _list(text: str) -> list[Any]:
    found = json.loads(text)
    if not isinstance(found, list):
        raise ValueError(text)
    return found


def _struct(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(text)
    return found


# The IR's parameter types, with the words that a person knows them by.
TYPES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "STRING": ("text", str),
    "NUMBER_INTEGER": ("a whole number", int),
    "NUMBER_DOUBLE": ("a number", _number),
    "BOOLEAN": ("true or false", _bool),
    "LIST": ("a list in JSON, such as [1, 2]", _list),
    "STRUCT": ('an object in JSON, such as {"a": 1}', _struct),
}


def describe(spec: Mapping[str, Any]) -> list[str]:
    """Every parameter as `name=default`, or as its name alone where the stack or a person gives it."""
    return [
        f"{name}={about['defaultValue']:g}"
        if isinstance(about.get("defaultValue"), float)
        else f"{name}={about['defaultValue']}"
        if "defaultValue" in about
        else name
        for name, about in parameters(spec).items()
    ]


def parse(given: Iterable[str], spec: Mapping[str, Any], pipeline: str) -> Arguments:
    """The arguments in `k=v` texts, each of the type that the pipeline declares.

    Raises UserError for a text without `=`, and for a parameter that does not exist, comes twice, or has another type.
    """
    known = parameters(spec)
    arguments: Arguments = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"Parameter {text!r} has no value; write it as NAME=VALUE.")
        if name not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise UserError(f"Pipeline {pipeline!r} has no parameter {name!r}; {has}.")
        if name in arguments:
            raise UserError(f"Parameter {name!r} is given twice; give it once.")
        kind = known[name].get("parameterType", "")
        if kind not in TYPES:
            raise UserError(f"Parameter {name!r} of pipeline {pipeline!r} is made by Pipelines itself ({kind}).")
        words, convert = TYPES[kind]
        try:
            arguments[name] = convert(value)
        except (ValueError, KeyError):
            raise UserError(f"Parameter {name!r} of pipeline {pipeline!r} is {value!r}; it must be {words}.") from None
    return arguments


def require(arguments: Mapping[str, Any], spec: Mapping[str, Any], pipeline: str, *, ours: bool) -> None:
    """UserError when a parameter without a default is missing."""
    missing = [
        name
        for name, about in parameters(spec).items()
        if not about.get("isOptional") and "defaultValue" not in about and name not in arguments
    ]
    if missing:
        names = ", ".join(f"--param {name}=…" for name in missing)
        advice = "; or name a stack, whose bucket then gives them" if ours else ""
        raise UserError(f"Pipeline {pipeline!r} needs {names}{advice}.")
