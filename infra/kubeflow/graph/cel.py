"""The part of CEL that a manifest alone can decide: comparisons of literals with what the request will hold.

Everything else, from an unknown function to a field that the API server might default, is UNKNOWN and never guessed.
"""

import re
from collections.abc import Mapping
from typing import Any


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


class _Deployer:
    """Whoever sends the request: a person or a controller of Kubernetes, never an account that the manifests make."""


UNKNOWN = _Unknown()
DEPLOYER = _Deployer()
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"\\]*"|'[^'\\]*')|(?P<number>\d+(?![\w.]))|(?P<name>[A-Za-z_]\w*)"""
    r"""|(?P<sign>&&|\|\||==|!=|[!.,()\[\]]))"""
)
# An account of the manifests' own. Those of kube-system include the controllers that make pods.
_ACCOUNT = re.compile(r"system:serviceaccount:(?!kube-system:)")
_TEXT_METHODS = {"startsWith": str.startswith, "endsWith": str.endswith, "contains": str.__contains__}
_CONSTANTS = {"true": True, "false": False, "null": None}


class _UndecidableError(Exception):
    """The expression is outside of what is understood here."""


def evaluate(expression: str, variables: Mapping[str, Any]) -> Any:
    """The value of an expression, or UNKNOWN. `variables` maps names such as `request` and `object` to plain values."""
    try:
        parser = _Parser(_tokens(expression), variables)
        value = parser.disjunction()
        return value if parser.at_end() else UNKNOWN
    except _UndecidableError:
        return UNKNOWN


def _tokens(expression: str) -> list[tuple[str, str]]:
    tokens, position = [], 0
    expression = expression.rstrip()
    while position < len(expression):
        match = _TOKEN.match(expression, position)
        if match is None or match.lastgroup is None:
            raise _UndecidableError
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


class _Parser:
    """Recursive descent that evaluates as it goes; the language has no side effects, so nothing is lost by that."""

    def __init__(self, tokens: list[tuple[str, str]], variables: Mapping[str, Any]) -> None:
        self._tokens, self._variables, self._next = tokens, variables, 0

    def at_end(self) -> bool:
        return self._next == len(self._tokens)

    def disjunction(self) -> Any:
        value = self._conjunction()
        while self._take("||"):
            value = _either(value, self._conjunction())
        return value

    def _conjunction(self) -> Any:
        value = self._relation()
        while self._take("&&"):
            value = _negated(_either(_negated(value), _negated(self._relation())))
        return value

    def _relation(self) -> Any:
        left = self._unary()
        if self._take("=="):
            return _equal(left, self._unary())
        if self._take("!="):
            return _negated(_equal(left, self._unary()))
        if self._take("in", "name"):
            return _contained(left, self._unary())
        return left

    def _unary(self) -> Any:
        return _negated(self._unary()) if self._take("!") else self._member()

    def _member(self) -> Any:
        value = self._primary()
        while True:
            if self._take("."):
                name = self._name()
                value = _call(value, name, self._arguments()) if self._take("(") else _field(value, name)
            elif self._take("["):
                value = _field(value, self.disjunction())
                self._expect("]")
            else:
                return value

    def _primary(self) -> Any:
        if self._take("("):
            value = self.disjunction()
            self._expect(")")
            return value
        if self._take("["):
            return self._arguments("]")
        kind, token = self._peek()
        self._next += 1
        if kind == "text":
            return token[1:-1]
        if kind == "number":
            return int(token)
        if kind != "name":
            raise _UndecidableError
        if token in _CONSTANTS:
            return _CONSTANTS[token]
        if token == "has" and self._take("("):
            (argument,) = self._arguments() or (UNKNOWN,)
            return UNKNOWN if argument is UNKNOWN else argument is not None
        return self._variables.get(token, UNKNOWN)

    def _arguments(self, end: str = ")") -> list[Any]:
        values: list[Any] = []
        while not self._take(end):
            if values:
                self._expect(",")
            values.append(self.disjunction())
        return values

    def _peek(self) -> tuple[str, str]:
        if self.at_end():
            raise _UndecidableError
        return self._tokens[self._next]

    def _take(self, token: str, kind: str = "sign") -> bool:
        found = not self.at_end() and self._tokens[self._next] == (kind, token)
        self._next += found
        return found

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise _UndecidableError

    def _name(self) -> str:
        kind, token = self._peek()
        if kind != "name":
            raise _UndecidableError
        self._next += 1
        return token


def _either(left: Any, right: Any) -> Any:
    if left is True or right is True:
        return True
    return False if left is False and right is False else UNKNOWN


def _negated(value: Any) -> Any:
    return (not value) if isinstance(value, bool) else UNKNOWN


def _equal(left: Any, right: Any) -> Any:
    if left is UNKNOWN or right is UNKNOWN:
        return UNKNOWN
    if DEPLOYER in (left, right):
        other = right if left is DEPLOYER else left
        return False if isinstance(other, str) and _ACCOUNT.match(other) else UNKNOWN
    return left == right if type(left) is type(right) else UNKNOWN


def _contained(value: Any, container: Any) -> Any:
    if isinstance(container, list):
        result: Any = False
        for item in container:
            result = _either(result, _equal(value, item))
        return result
    if isinstance(container, Mapping) and isinstance(value, str):
        return value in container
    return UNKNOWN


def _field(value: Any, name: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(name, str) and name in value:
        return value[name]
    return UNKNOWN


def _call(value: Any, method: str, arguments: list[Any]) -> Any:
    if method in _TEXT_METHODS and isinstance(value, str) and len(arguments) == 1 and isinstance(arguments[0], str):
        return _TEXT_METHODS[method](value, arguments[0])
    return UNKNOWN
