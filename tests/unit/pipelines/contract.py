"""The Pipelines API as published: its operations and messages, read from the package kfp-server-api.

The package is generated from the API's OpenAPI (backend/api/v2beta1/swagger of kubeflow/pipelines), so what its methods
send and its models hold is what the API takes and gives.
"""

import ast
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import kfp_server_api


@dataclass(frozen=True)
class Operation:
    """A request that the API takes: method, path with gaps, query parameters, and the types of body and answer."""

    method: str
    path: str
    query: frozenset[str]
    body: str | None
    answer: str

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is one of these."""
        parts = re.split(r"\{\w+\}", self.path)
        pattern = "[^/:]+".join(map(re.escape, parts))
        return method == self.method and re.fullmatch(pattern, path) is not None


@functools.cache
def operations() -> tuple[Operation, ...]:
    """Every operation of the package."""
    folder = Path(kfp_server_api.__file__).parent / "api"
    return tuple(
        found for file in sorted(folder.glob("*_api.py")) for found in _operations(ast.parse(file.read_text()))
    )


def find(method: str, path: str) -> Operation | None:
    """The operation that a request is, if the API has one."""
    return next((one for one in operations() if one.matches(method, path)), None)


def _operations(module: ast.Module) -> Iterator[Operation]:
    for function in (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)):
        if not function.name.endswith("_with_http_info"):
            continue
        calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
        named = {call.func.attr: call for call in calls if isinstance(call.func, ast.Attribute)}
        query = {
            pair.elts[0].value
            for call in calls
            if isinstance(call.func, ast.Attribute)
            and call.func.attr == "append"
            and isinstance(call.func.value, ast.Name)
            and call.func.value.id == "query_params"
            and isinstance(pair := call.args[0], ast.Tuple)
            and isinstance(pair.elts[0], ast.Constant)
        }
        path, method = (ast.literal_eval(argument) for argument in named["call_api"].args[:2])
        answer = next(word.value for word in named["call_api"].keywords if word.arg == "response_type")
        body = re.search(r":type \w+: (V2beta1\w+)\n", ast.get_docstring(function) or "")
        yield Operation(
            method=method,
            path=path,
            query=frozenset(map(str, query)),
            body=body[1] if body else None,
            answer=ast.literal_eval(answer),
        )


def problems(kind: str, value: Any, where: str = "") -> list[str]:
    """What a value breaks of a published type: fields that it does not have, values that it does not take."""
    if found := re.fullmatch(r"list\[(.+)\]", kind):
        if not isinstance(value, list):
            return [f"{where} is no list"]
        return [problem for index, one in enumerate(value) for problem in problems(found[1], one, f"{where}[{index}]")]
    if found := re.fullmatch(r"dict\(str, (.+)\)", kind):
        if not isinstance(value, dict):
            return [f"{where} is no object"]
        return [problem for key, one in value.items() for problem in problems(found[1], one, f"{where}.{key}")]
    if kind in _PLAIN:
        return [] if _PLAIN[kind](value) else [f"{where} is {value!r}, and must be {kind}"]
    model = getattr(kfp_server_api, kind)
    if hasattr(model, "allowable_values"):
        return [] if value in model.allowable_values else [f"{where} is {value!r}, which {kind} does not have"]
    if not isinstance(value, dict):
        return [f"{where} is no {kind}"]
    return _fields(model, value, where)


def _fields(model: Any, value: Mapping[str, Any], where: str) -> list[str]:
    types = {wire: model.openapi_types[name] for name, wire in model.attribute_map.items()}
    unknown = [f"{where}.{name} is not of {model.__name__}" for name in value if name not in types]
    return unknown + [
        problem
        for name, one in value.items()
        if name in types
        for problem in problems(types[name], one, f"{where}.{name}")
    ]


def _is_time(value: Any) -> bool:
    try:
        return bool(datetime.fromisoformat(value))
    except (TypeError, ValueError):
        return False


_PLAIN: Mapping[str, Any] = {
    "object": lambda value: True,
    "str": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "datetime": _is_time,
}
