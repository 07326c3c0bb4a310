"""Label selectors as apimachinery evaluates them, over labels of which some may be unknown.

Answers are True, False, or None where what is known does not decide.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ordering.errors import UserError


@dataclass(frozen=True)
class Labels:
    """The labels that an object will have when it reaches the API server.

    `present` are keys that will exist with a value nobody knows yet; `complete` says that no other key will exist.
    """

    known: Mapping[str, str] = field(default_factory=dict)
    present: frozenset[str] = frozenset()
    complete: bool = True


@dataclass(frozen=True)
class Requirement:
    """One line of a selector: `key operator values`."""

    key: str
    operator: str
    values: frozenset[str]

    def matches(self, labels: Labels) -> bool | None:
        """Whether the labels meet this line. NotIn and DoesNotExist hold where the key is absent."""
        value = labels.known.get(self.key)
        if value is None and self.key not in labels.present and not labels.complete:
            return None
        exists = value is not None or self.key in labels.present
        if self.operator == "Exists":
            return exists
        if self.operator == "DoesNotExist":
            return not exists
        if not exists:
            return self.operator == "NotIn"
        if value is None:
            return None
        return (value in self.values) == (self.operator == "In")


Selector = tuple[Requirement, ...]
_TAKES_VALUES = {"In": True, "NotIn": True, "Exists": False, "DoesNotExist": False}


def parse(selector: Any, where: Callable[[str], str]) -> Selector:
    """A LabelSelector (`matchLabels`, `matchExpressions`) as requirements; empty or absent selects everything.

    `where` turns a fault into the whole sentence of the UserError, so that it can name the object.
    """
    if selector is None:
        return ()
    if not isinstance(selector, dict):
        raise UserError(where(f"is {selector!r}, not a mapping with matchLabels or matchExpressions"))
    if unknown := sorted(set(selector) - {"matchLabels", "matchExpressions"}):
        raise UserError(where(f"has the unknown field {unknown[0]!r}; allowed are matchLabels and matchExpressions"))
    found = _equalities(selector.get("matchLabels"), where)
    expressions = selector.get("matchExpressions") or []
    if not isinstance(expressions, list):
        raise UserError(where(f"has {expressions!r} as matchExpressions, which must be a list"))
    return (*found, *(_expression(expression, where) for expression in expressions))


def _equalities(labels: Any, where: Callable[[str], str]) -> list[Requirement]:
    if labels is not None and not isinstance(labels, dict):
        raise UserError(where(f"has {labels!r} as matchLabels, which must be a mapping"))
    found = []
    for key, value in (labels or {}).items():
        if not isinstance(value, str):
            raise UserError(where(f"has {value!r} as the value of {key!r} in matchLabels, which must be text"))
        found.append(Requirement(key, "In", frozenset({value})))
    return found


def _expression(expression: Any, where: Callable[[str], str]) -> Requirement:
    if not isinstance(expression, dict) or not isinstance(expression.get("key"), str) or not expression["key"]:
        raise UserError(where(f"has the expression {expression!r}, which lacks a key"))
    key, operator, values = expression["key"], expression.get("operator"), expression.get("values") or []
    if operator not in _TAKES_VALUES:
        allowed = ", ".join(_TAKES_VALUES)
        raise UserError(where(f"has the unknown operator {operator!r} for {key!r}; allowed are {allowed}"))
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise UserError(where(f"has {values!r} as the values of {key!r}, which must be a list of texts"))
    if _TAKES_VALUES[operator] != bool(values):
        fault = "no values" if not values else "values, which it does not take"
        raise UserError(where(f"gives the operator {operator} for {key!r} {fault}"))
    return Requirement(key, operator, frozenset(values))


def matches(selector: Selector, labels: Labels) -> bool | None:
    """Whether every requirement holds; False wins over what is undecided."""
    undecided = False
    for requirement in selector:
        answer = requirement.matches(labels)
        if answer is False:
            return False
        undecided = undecided or answer is None
    return None if undecided else True
