"""Cron expressions, checked before they are sent.

Kubeflow Pipelines takes six fields, the first of which is seconds, and never tells of one that it cannot read.
"""

import re

from ordering.errors import UserError

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]

# Name, lowest, highest, and the words that stand for numbers, the first of them for the lowest.
_FIELDS: tuple[tuple[str, int, int, list[str]], ...] = (
    ("second", 0, 59, []),
    ("minute", 0, 59, []),
    ("hour", 0, 23, []),
    ("day of the month", 1, 31, []),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_PART = re.compile(r"^(?:(?P<any>[*?])|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?$")


def normalise(expression: str) -> str:
    """The expression with six fields; one with the usual five starts at second 0.

    Raises UserError that names the field which cannot be read.
    """
    fields = expression.split()
    if len(fields) == 5:
        fields.insert(0, "0")
    if len(fields) != 6:
        raise UserError(
            f"Cron expression {expression!r} has {len(fields)} fields; "
            "give minute, hour, day, month and weekday, with or without the second before them."
        )
    for field, (name, lowest, highest, words) in zip(fields, _FIELDS, strict=True):
        for part in field.split(","):
            if not _valid(part, lowest, highest, words):
                raise UserError(
                    f"Cron expression {expression!r} has {part!r} as {name}; "
                    f"it must be *, a number or a range from {lowest} to {highest}, or one of these with /STEP."
                )
    return " ".join(fields)


def _valid(part: str, lowest: int, highest: int, words: list[str]) -> bool:
    found = _PART.match(part)
    if not found or (found["step"] is not None and int(found["step"]) == 0):
        return False
    if found["any"]:
        return True
    first = _number(found["first"], lowest, words)
    last = first if found["last"] is None else _number(found["last"], lowest, words)
    return first is not None and last is not None and lowest <= first <= last <= highest


def _number(text: str, lowest: int, words: list[str]) -> int | None:
    if text.upper() in words:
        return lowest + words.index(text.upper())
    return int(text) if text.isdecimal() else None
