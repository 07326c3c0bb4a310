"""Checks of a resource's inputs, from which the rules for each type are made."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from typing import Any

from localcloud.providers.values import UNKNOWN, Properties

Check = Callable[[Any], str | None]
"""Why a value is refused, as the end of the sentence `it is VALUE, …`; None for a good one."""

_ARN = re.compile(r"arn:aws(-[a-z]+)*:[a-z0-9-]+:([a-z]{2}(-[a-z]+)+-\d)?:(aws|aws-managed|\d{12})?:.+")


# -- checks of one value -------------------------------------------------------------------------------------------


def matching(pattern: str, what: str) -> Check:
    """A text that matches a pattern as a whole."""
    compiled = re.compile(pattern)
    return lambda value: None if compiled.fullmatch(str(value)) else f"which is not {what}"


def length(low: int, high: int) -> Check:
    """A text of so many characters."""
    return lambda value: None if low <= len(value) <= high else f"with {len(value)} characters, not {low} to {high}"


def between(low: int, high: int) -> Check:
    """A number within limits."""
    return lambda value: None if low <= value <= high else f"which is not {low} to {high}"


def one_of(*allowed: Any) -> Check:
    """One of a few values."""
    return lambda value: None if value in allowed else f"which is not one of {', '.join(map(str, allowed))}"


def both(*checks: Check) -> Check:
    """What all of these take."""
    return lambda value: next((fault for check in checks if (fault := check(value))), None)


def arn(value: str) -> str | None:
    """An Amazon resource name (internal/verify, ValidARN)."""
    return None if _ARN.fullmatch(value) else "which is not an ARN"


def address(value: str) -> str | None:
    """An IPv4 address."""
    try:
        IPv4Address(value)
    except AddressValueError:
        return "which is not an IPv4 address"
    return None


def block(low: int = 0, high: int = 32) -> Check:
    """An IPv4 block, written from its start, with a prefix within limits (internal/verify, ValidateIPv4CIDRBlock)."""

    def check(value: str) -> str | None:
        try:
            network = IPv4Network(value, strict=False)
        except (AddressValueError, NetmaskValueError, ValueError):
            return "which is not an IPv4 block"
        if str(network) != value:
            return f"which is not the start of its block; write {network}"
        return None if low <= network.prefixlen <= high else f"which is not a block of /{low} to /{high}"

    return check


def json_object(value: str) -> str | None:
    """A JSON object as text."""
    try:
        found = json.loads(value)
    except ValueError as error:
        return f"which is not JSON: {error}"
    return None if isinstance(found, dict) else "which is not a JSON object"


def policy(longest: int) -> Check:
    """An IAM policy of at most so many characters without spaces (internal/verify, ValidIAMPolicyJSON)."""

    def check(value: str) -> str | None:
        if fault := json_object(value):
            return fault
        found = json.loads(value)
        statements = found.get("Statement")
        statements = statements if isinstance(statements, list) else [statements]
        if not all(isinstance(one, dict) and one.get("Effect") in ("Allow", "Deny") for one in statements):
            return "which is not a policy: each statement has the effect Allow or Deny"
        size = len(json.dumps(found, separators=(",", ":")))
        return None if size <= longest else f"with {size} characters, more than {longest}"

    return check


def trust(value: str) -> str | None:
    """A role's trust policy (IAM user guide, "IAM JSON policy elements": it names principals, and no resource)."""
    if fault := policy(8192)(value):
        return fault
    statements = json.loads(value).get("Statement")
    for one in statements if isinstance(statements, list) else [statements]:
        if not one.keys() & {"Principal", "NotPrincipal"}:
            return "which is no trust policy: a statement names no Principal"
        if one.keys() & {"Resource", "NotResource"}:
            return "which is no trust policy: a statement names a Resource"
    return None


def https(value: str) -> str | None:
    """An https URL without a query."""
    return None if re.fullmatch(r"https://[^\s?/]+(/[^\s?]*)?", value) else "which is not an https URL without a query"


# -- rows ----------------------------------------------------------------------------------------------------------

Fault = tuple[str, Any, str]
"""The path of an input, its value, and the reason."""


@dataclass(frozen=True)
class Each:
    """A check of every value at a path; `*` in it stands for the entries of a list, or the values of a map."""

    path: str
    check: Check

    def faults(self, inputs: Properties) -> Iterator[Fault]:
        for path, value in _at(inputs, self.path.split("."), ""):
            if value is not UNKNOWN and value is not None and (reason := self.check(value)):
                yield path, value, reason


@dataclass(frozen=True)
class Only:
    """At most one of these inputs, and at least one where `needed`."""

    names: tuple[str, ...]
    needed: bool = False

    def faults(self, inputs: Properties) -> Iterator[Fault]:
        given = [name for name in self.names if inputs.get(name) not in (None, False, [], {})]
        unknown = [name for name in self.names if inputs.get(name) is UNKNOWN]
        if len({*given, *unknown}) > 1:
            first, second = [name for name in self.names if name in given or name in unknown][:2]
            yield second, inputs[second], f"and `{first}` is set too; set one of {_either(self.names)}"
        elif self.needed and not given and not unknown:
            yield self.names[0], None, f"and one of {_either(self.names)} must be set"


@dataclass(frozen=True)
class With:
    """An input that asks for another."""

    name: str
    other: str

    def faults(self, inputs: Properties) -> Iterator[Fault]:
        if inputs.get(self.name) is not None and inputs.get(self.other) is None:
            yield self.name, inputs[self.name], f"and needs `{self.other}`, which is not set"


@dataclass(frozen=True)
class Whole:
    """A check of the inputs as a whole: it gives path, value and reason itself."""

    check: Callable[[Properties], Fault | None]

    def faults(self, inputs: Properties) -> Iterator[Fault]:
        if fault := self.check(inputs):
            yield fault


Row = Each | Only | With | Whole
"""A rule for a type; `faults` yields what breaks it."""


def _either(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _at(value: Any, path: list[str], told: str) -> Iterator[tuple[str, Any]]:
    if not path:
        yield told, value
    elif path[0] == "*" and isinstance(value, list):
        for index, one in enumerate(value):
            yield from _at(one, path[1:], f"{told}[{index}]")
    elif path[0] == "*" and isinstance(value, Mapping):
        for name, one in value.items():
            yield from _at(one, path[1:], f"{told}.{name}")
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _at(value[path[0]], path[1:], f"{told}.{path[0]}" if told else path[0])
