"""A resource's creation, rehearsed: what AWS's own model of each request says against it, before anything is made.

The model is botocore's: what must be there, enums, lengths, ranges and patterns. botocore itself checks no more than
types and what must be there.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from typing import Any

from localcloud.providers.kinds import Call, Kind
from localcloud.providers.schema import InvalidPropertyError, Type, resource_schema
from localcloud.providers.values import UNKNOWN, Properties, has_unknown
from ordering.errors import UserError

NOT_KNOWN = "(not known yet)"
"""Stands for what only an update will tell, wherever it ends up in a request."""

# Java's classes of characters, as near as Python's own come.
_CLASSES = (("\\p{L}", "\\w"), ("\\p{Z}", "\\s"), ("\\p{N}", "\\d"), ("\\p{M}", "\\w"), ("\\p{Alnum}", "\\w"))


@dataclass(frozen=True)
class Problem:
    """What is wrong with a value of a request; `path` names it, `reason` ends the sentence `it is VALUE, …`."""

    path: tuple[str, ...]
    value: Any
    reason: str


def rehearse(kind: Kind, call: Call) -> list[str]:
    """Run a creation with clients that ask nobody, and return the operations that it would ask for.

    Raises InvalidPropertyError for what AWS's model refuses.
    """
    inputs = _with_placeholders(kind.token, call.inputs)
    # What is missing may be in what is not known.
    session = _Session(call.session, complete=not has_unknown(call.inputs))
    for action, id_ in ((kind.create, ""), (kind.setup, NOT_KNOWN)):
        try:
            action(Call(session=session, urn=call.urn, name=call.name, id=id_, inputs=inputs))
        except _RefusedError as refused:
            raise _property_error(kind, call, refused.problem) from None
        except Exception:  # it goes as far as it can without answers
            break
    return session.asked


def validate(client: Any, operation: str, parameters: dict[str, Any]) -> None:
    """Hold a request that nobody serves against the model; raises UserError."""
    for problem in problems(client.meta.service_model.operation_model(operation).input_shape, parameters):
        told = "not set" if problem.value is None else repr(problem.value)
        raise UserError(f"{operation} would be refused: {'.'.join(problem.path)} is {told}, {problem.reason}")


def problems(shape: Any, value: Any, path: tuple[str, ...] = ()) -> Iterator[Problem]:
    """What is wrong with a value of a request by its shape in botocore's model."""
    if _not_known(value):
        return
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        for name in shape.required_members:
            if value.get(name) is None:
                yield Problem((*path, name), None, "and must be set")
        for name, item in value.items():
            if name in shape.members:
                yield from problems(shape.members[name], item, (*path, name))
    elif kind == "list" and isinstance(value, list):
        yield from _length(shape, value, path, "entries")
        for item in value:
            yield from problems(shape.member, item, path)
    elif kind == "map" and isinstance(value, dict):
        yield from _length(shape, value, path, "entries")
        for key, item in value.items():
            yield from problems(shape.key, key, (*path, str(key)))
            yield from problems(shape.value, item, (*path, str(key)))
    elif kind == "string" and isinstance(value, str):
        yield from _text(shape, value, path)
    elif kind in ("integer", "long", "double", "float") and isinstance(value, int | float):
        low, high = shape.metadata.get("min"), shape.metadata.get("max")
        if (low is not None and value < low) or (high is not None and value > high):
            yield Problem(path, value, f"which is not {_between(low, high)}")


def _text(shape: Any, value: str, path: tuple[str, ...]) -> Iterator[Problem]:
    if getattr(shape, "enum", None):
        if value not in shape.enum:
            yield Problem(path, value, f"which is not one of {', '.join(shape.enum)}")
        return
    yield from _length(shape, value, path, "characters")
    pattern = shape.metadata.get("pattern")
    compiled = _compiled(pattern) if pattern else None
    if compiled and not compiled.fullmatch(value):
        yield Problem(path, value, f"which does not match {pattern}")


def _length(shape: Any, value: Any, path: tuple[str, ...], what: str) -> Iterator[Problem]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and len(value) < low) or (high is not None and len(value) > high):
        yield Problem(path, value, f"with {len(value)} {what}, which is not {_between(low, high)}")


def _between(low: Any, high: Any) -> str:
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """The pattern for the whole of a text, or None where Python cannot read it."""
    for theirs, ours in _CLASSES:
        pattern = pattern.replace(theirs, ours)
    try:
        return re.compile(f"(?:{pattern.removeprefix('^').removesuffix('$')})", re.DOTALL)
    except re.error:
        return None


# -- what a rehearsal plays with -----------------------------------------------------------------------------------


class _RefusedError(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem


class _Answer:
    """An answer of which nothing is known: whatever is read from it is not known either."""

    def __getitem__(self, _: object) -> "_Answer":
        return self

    def get(self, *_: object) -> "_Answer":
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __str__(self) -> str:
        return NOT_KNOWN


class _Client:
    """A client that holds each request against the model, and sends none."""

    def __init__(self, client: Any, session: "_Session") -> None:
        self.meta, self._session = client.meta, session

    def __getattr__(self, method: str) -> Any:
        operation = self.meta.method_to_api_mapping[method]
        shape = self.meta.service_model.operation_model(operation).input_shape

        def ask(**parameters: Any) -> _Answer:
            self._session.asked.append(operation)
            for problem in problems(shape, parameters):
                if problem.value is not None or self._session.complete:
                    raise _RefusedError(problem)
            return _Answer()

        return ask


class _Record:
    """A record that keeps nothing."""

    def get(self, _kind: str, _key: str) -> None:
        return None

    def put(self, _kind: str, _key: str, _item: object) -> None:
        return None


class _Session:
    """A session whose clients send nothing."""

    def __init__(self, session: Any, *, complete: bool) -> None:
        self._session, self.complete = session, complete
        self.region, self.partition = session.region, session.partition
        self.record, self.account = _Record(), NOT_KNOWN
        self.asked: list[str] = []

    def client(self, service: str, region: str | None = None) -> _Client:
        return _Client(self._session.client(service, region), self)


def _not_known(value: Any) -> bool:
    return isinstance(value, _Answer) or (isinstance(value, str) and NOT_KNOWN in value)


def _with_placeholders(token: str, inputs: Properties) -> Properties:
    """The inputs with something of the right kind for what is not known."""
    fields = resource_schema(token).inputs
    return {name: _placeholder(value, fields.get(name)) for name, value in inputs.items()}


def _placeholder(value: Any, type_: Type | None) -> Any:
    item = type_.item if type_ else None
    if value is UNKNOWN:
        if type_ and type_.kind == "list":
            return [_placeholder(UNKNOWN, item)]
        return {} if type_ and type_.kind in ("map", "object") else NOT_KNOWN
    if isinstance(value, list):
        return [_placeholder(one, item) for one in value]
    if isinstance(value, dict):
        fields = (type_.fields if type_ else None) or {}
        return {name: _placeholder(one, fields.get(name, item)) for name, one in value.items()}
    return value


# -- whose fault it is ---------------------------------------------------------------------------------------------


def _property_error(kind: Kind, call: Call, problem: Problem) -> InvalidPropertyError:
    last = problem.path[-1] if problem.path else ""
    path = _property(call.inputs, problem.value, last) or last[:1].lower() + last[1:]
    return refusal(kind, call.name, path, problem.value, problem.reason)


def refusal(kind: Kind, name: str, path: str, value: Any, reason: str) -> InvalidPropertyError:
    """The sentence that names the resource, the property and its value."""
    told = repr(value)
    what = "not set" if value is None else told if len(told) <= 80 else f"{told[:77]}…"
    return InvalidPropertyError(path, f"{kind.token} `{name}`: `{path}` is {what}, {reason}")


def _property(inputs: Mapping[str, Any], value: Any, parameter: str) -> str | None:
    """The path of the input that holds a value; of several, the one whose name is most like the parameter's."""
    found = [path for path, one in _leaves(inputs, "") if value is not None and (one == value or str(one) == value)]
    return max(found, key=lambda path: _likeness(path, parameter), default=None)


def _likeness(path: str, parameter: str) -> float:
    return SequenceMatcher(None, path.rpartition(".")[2].lower(), parameter.lower()).ratio()


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if path:
        yield path, value
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
