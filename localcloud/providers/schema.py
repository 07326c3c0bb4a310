"""What a type or a function takes and gives, read from the Python SDK of its package.

The SDKs are generated from the same schemas that the official plugins serve, so they are the one exact list at
hand. Their source is read as text, and only the classes asked for: importing them costs seconds.
"""

import importlib.util
import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from localcloud.providers.values import UNKNOWN, Properties
from ordering.errors import UserError

_GETTER = re.compile(r'@pulumi\.getter(?:\(name="(\w+)"\))?\n    def (\w+)\(self\) -> (.+):\n')
_WRAPPER = re.compile(r"(?:pulumi\.Input|Optional)\[(.*)\]", re.DOTALL)
_END = re.compile(r"^(?:class |@pulumi\.|if not MYPY)", re.MULTILINE)
_SCALARS = {
    "_builtins.str": "string",
    "_builtins.int": "integer",
    "_builtins.float": "number",
    "_builtins.bool": "boolean",
}


@dataclass(frozen=True, kw_only=True)
class Type:
    """A property's type: string, integer, number, boolean, list, map, object or any.

    `of` names the class of an object in a module's folder; one may hold others of its own kind.
    """

    kind: str
    optional: bool = False
    item: "Type | None" = None
    of: tuple[Path, str] | None = None

    @property
    def fields(self) -> dict[str, "Type"] | None:
        """What an object has; None where nothing is known of it."""
        return _nested(*self.of) or None if self.of else None


@dataclass(frozen=True, kw_only=True)
class ResourceSchema:
    """A resource type: its inputs, and the names of all its outputs."""

    token: str
    inputs: dict[str, Type]
    outputs: frozenset[str]

    @property
    def computed(self) -> frozenset[str]:
        """Outputs that are not inputs: only the cloud can tell them."""
        return self.outputs - self.inputs.keys()


class InvalidPropertyError(UserError):
    """An input that the type does not know, lacks, or that is of another type."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason)
        self.path = path


@cache
def resource_schema(token: str) -> ResourceSchema:
    """The schema of a resource type such as `aws:ec2/vpc:Vpc`."""
    folder, source, name = _source(token)
    # The arguments are `InitArgs` where a nested type has taken the plain name.
    inputs = _fields(folder, source, f"{name}Args") or _fields(folder, source, f"{name}InitArgs")
    outputs = {**_fields(folder, source, f"_{name}State", nested=False), **_fields(folder, source, name, nested=False)}
    return ResourceSchema(token=token, inputs=inputs, outputs=frozenset(outputs))


@cache
def function_arguments(token: str) -> frozenset[str]:
    """The names of the arguments of a function such as `aws:index/getRegion:getRegion`."""
    _, source, _ = _source(token)
    return frozenset(re.findall(r"__args__\['(\w+)'\]", source))


def checked(schema: ResourceSchema, inputs: Properties) -> Properties:
    """The inputs, with scalars written as their property's type; raises InvalidPropertyError."""
    for name, type_ in schema.inputs.items():
        if not type_.optional and inputs.get(name) is None:
            raise InvalidPropertyError(name, f"{schema.token} needs `{name}`, which is not set")
    return _checked_fields(schema.token, schema.inputs, inputs, "")


def unknown_name(owner: str, name: str, known: list[str], what: str = "input") -> str:
    """The sentence that refuses a name, with the nearest known one."""
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else f"; it has {', '.join(sorted(known))}"
    return f"{owner} has no {what} `{name}`{hint}"


def _checked_fields(token: str, fields: dict[str, Type], values: Properties, prefix: str) -> Properties:
    result: Properties = {}
    for name, value in values.items():
        path = f"{prefix}{name}"
        if name not in fields:
            owner = f"{token} `{prefix.rstrip('.')}`" if prefix else token
            raise InvalidPropertyError(path, unknown_name(owner, name, list(fields)))
        if value is not None:
            result[name] = _checked(token, fields[name], value, path)
    return result


def _checked(token: str, type_: Type, value: Any, path: str) -> Any:
    if value is UNKNOWN or type_.kind == "any":
        return value
    if type_.kind == "list":
        if not isinstance(value, list):
            raise _mismatch(token, path, "a list", value)
        item = type_.item or Type(kind="any")
        return [_checked(token, item, each, f"{path}[{index}]") for index, each in enumerate(value)]
    if type_.kind in ("map", "object"):
        if not isinstance(value, dict):
            raise _mismatch(token, path, "an object", value)
        if type_.fields is not None:
            return _checked_fields(token, type_.fields, value, f"{path}.")
        item = type_.item or Type(kind="any")
        return {key: _checked(token, item, each, f"{path}.{key}") for key, each in value.items() if each is not None}
    return _scalar(token, type_.kind, value, path)


def _scalar(token: str, kind: str, value: Any, path: str) -> Any:
    if kind == "string" and not isinstance(value, dict | list):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if kind == "boolean" and (isinstance(value, bool) or value in ("true", "false")):
        return value in (True, "true")
    if kind in ("integer", "number") and not isinstance(value, bool | dict | list):
        try:
            return int(value) if kind == "integer" else float(value)
        except ValueError:
            pass
    raise _mismatch(token, path, f"{'an' if kind[0] in 'io' else 'a'} {kind}", value)


def _mismatch(token: str, path: str, wanted: str, value: Any) -> InvalidPropertyError:
    return InvalidPropertyError(path, f"{token} wants {wanted} for `{path}`, not {value!r}")


def _source(token: str) -> tuple[Path, str, str]:
    """The folder of a token's module in the SDK, the source of its file, and its class or function name."""
    package, module, name = token.split(":")
    spec = importlib.util.find_spec(f"pulumi_{package}")
    if spec is None or spec.origin is None:
        raise UserError(f"the Python package pulumi-{package} is not installed; install it to serve {token}")
    folder_name, _, file_name = module.partition("/")
    folder = Path(spec.origin).parent / ("" if folder_name == "index" else folder_name)
    path = folder / f"{_snake(file_name or name)}.py"
    if not path.is_file():
        raise UserError(f"the Python package pulumi-{package} has no {token}")
    return folder, path.read_text(encoding="utf-8"), name


@cache
def _nested(folder: Path, class_name: str) -> dict[str, Type]:
    return _fields(folder, _nested_source(folder), class_name)


@cache
def _nested_source(folder: Path) -> str:
    path = folder / "_inputs.py"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _fields(folder: Path, source: str, class_name: str, *, nested: bool = True) -> dict[str, Type]:
    # The files have megabytes: to look for the line by a pattern takes longer than all the rest of a preview here.
    start = max(source.find(f"\nclass {class_name}{mark}") for mark in ":(")
    if start < 0:
        return {}
    end = _END.search(source, start + 1 + len(class_name))
    body = source[start : end.start() if end else len(source)]
    return {
        wire or name: _type(folder, annotation) if nested else Type(kind="any")
        for wire, name, annotation in _GETTER.findall(body)
    }


def _type(folder: Path, annotation: str) -> Type:
    text, optional = annotation.strip(), False
    while wrapped := _WRAPPER.fullmatch(text):
        optional = optional or text.startswith("Optional")
        text = wrapped[1].strip()
    if text in _SCALARS:
        return Type(kind=_SCALARS[text], optional=optional)
    if sequence := re.fullmatch(r"Sequence\[(.*)\]", text, re.DOTALL):
        return Type(kind="list", optional=optional, item=_type(folder, sequence[1]))
    if mapping := re.fullmatch(r"Mapping\[(?:_builtins\.)?str, (.*)\]", text, re.DOTALL):
        return Type(kind="map", optional=optional, item=_type(folder, mapping[1]))
    if reference := re.fullmatch(r"'(\w+Args)'", text):
        return Type(kind="object", optional=optional, of=(folder, reference[1]))
    return Type(kind="any", optional=optional)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
