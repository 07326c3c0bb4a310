"""`--param k=v` as a person types it, to the typed arguments that a compiled pipeline takes."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ordering.errors import UserError
from pipelines.spec import parameters

Arguments = dict[str, Any]


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


# The IR's parameter types that a command line can give, with the words that a person knows them by.
TYPES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "STRING": ("text", str),
    "NUMBER_INTEGER": ("a whole number", int),
    "NUMBER_DOUBLE": ("a number", _number),
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
            raise UserError(f"Pipeline {pipeline!r} has no parameter {name!r}; it has {', '.join(known)}.")
        if name in arguments:
            raise UserError(f"Parameter {name!r} is given twice; give it once.")
        words, convert = TYPES[known[name]["parameterType"]]
        try:
            arguments[name] = convert(value)
        except ValueError:
            raise UserError(f"Parameter {name!r} of pipeline {pipeline!r} is {value!r}; it must be {words}.") from None
    return arguments


def require(arguments: Mapping[str, Any], spec: Mapping[str, Any], pipeline: str) -> None:
    """UserError when a parameter without a default is missing."""
    missing = [
        name for name, about in parameters(spec).items() if not about.get("isOptional") and name not in arguments
    ]
    if missing:
        names = ", ".join(f"--param {name}=…" for name in missing)
        raise UserError(f"Pipeline {pipeline!r} needs {names}; or name a stack, whose bucket then gives them.")
