"""What a check found."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from ordering.errors import UserError

# `broken` stops a stack and fails the command; a `warning` is worth knowing.
State = Literal["ok", "warning", "broken"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report; `advice` says what to do, and is empty only where nothing is."""

    check: str
    state: State
    found: str
    advice: str = ""


def ok(check: str, found: str, advice: str = "") -> Finding:
    """What is as it should be."""
    return Finding(check=check, state="ok", found=found, advice=advice)


def warning(check: str, found: str, advice: str) -> Finding:
    """What will not stop the stack, but may hurt."""
    return Finding(check=check, state="warning", found=found, advice=advice)


def broken(check: str, found: str, advice: str) -> Finding:
    """What will stop the stack, or must not be."""
    return Finding(check=check, state="broken", found=found, advice=advice)


def refused(check: str, error: UserError) -> Finding:
    """An error of the program's own checks, split where it says what to do."""
    found, advice = split(str(error))
    return broken(check, found, advice or "fix it, then run this again")


def split(sentence: str) -> tuple[str, str]:
    """A sentence where it says what to do; empty where it does not."""
    found, _, advice = sentence.rpartition("; ") if "; " in sentence else sentence.rpartition(": ")
    return (found, advice.rstrip(".")) if found else (sentence, "")


def attempt(check: str, find: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What a check finds; its UserError is a finding too, so that one failure hides no other."""
    try:
        return list(find())
    except UserError as error:
        return [refused(check, error)]
