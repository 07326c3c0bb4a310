"""When schedules start runs: cron expressions and intervals, checked before they are sent.

Kubeflow Pipelines takes six fields, the first of which is seconds, and never tells of one that it cannot read. It reads
all of them in one zone, `cronScheduleTimezone` in its ConfigMap pipeline-install-config, which the release sets to UTC;
its parser (github.com/robfig/cron 1.2.0) knows no `TZ=` before an expression. So another zone is translated here.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

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


_INTERVAL = re.compile(r"([1-9]\d{0,4})([mhd])")
_SECONDS = {"m": 60, "h": 3600, "d": 86400}


def interval(text: str) -> int:
    """The seconds of an interval such as `30m`, `6h` or `1d`; UserError for any other text."""
    found = _INTERVAL.fullmatch(text)
    if not found:
        raise UserError(f"Interval {text!r} must be a whole number of minutes, hours or days, such as 30m, 6h or 1d.")
    return int(found[1]) * _SECONDS[found[2]]


def in_utc(expression: str, zone: str, now: datetime) -> tuple[str, str | None]:
    """Six fields in UTC for six in a zone, and a note where the zone's clocks change within a year.

    Raises UserError for a zone that does not exist, and for an expression that no one expression in UTC can stand for.
    """
    try:
        place = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise UserError(f"There is no time zone {zone!r}; write it as Europe/Berlin or UTC.") from None
    offset = _offset(place, now)
    if not offset and not _change(place, now):
        return expression, None
    second, minute, hour, day, month, weekday = expression.split()
    problem = UserError(
        f"Cron expression {expression!r} in {zone} cannot be said in UTC, in which Pipelines reads it; give it in UTC."
    )
    hours, minutes = divmod(-offset, 60)
    if minutes:
        if not minute.isdecimal():
            raise problem
        more, moved = divmod(int(minute) + minutes, 60)
        hours, minute = hours + more, str(moved)
    if hour not in ("*", "?"):
        moved_hours = [one + hours for one in _values(hour, 0, 23)]
        days = {one // 24 for one in moved_hours}
        hour = ",".join(str(one) for one in sorted(one % 24 for one in moved_hours))
        free = {"*", "?"}
        if days != {0} and {day, month, weekday} - free:
            if len(days) > 1 or {day, month} - free:
                raise problem
            weekday = ",".join(
                str(one) for one in sorted((one + next(iter(days))) % 7 for one in _values(weekday, 0, 6))
            )
    elif offset and {day, month, weekday} - {"*", "?"}:
        raise problem
    change = _change(place, now)
    note = (
        f"Clocks in {zone} change on {change:%Y-%m-%d}: from then on it runs an hour off there; schedule it again then."
        if change
        else None
    )
    return " ".join([second, minute, hour, day, month, weekday]), note


def _offset(place: ZoneInfo, at: datetime) -> int:
    return int((at.astimezone(place).utcoffset() or timedelta()).total_seconds() // 60)


def _change(place: ZoneInfo, now: datetime) -> datetime | None:
    """The hour within a year, there, from which the zone's offset is another."""
    hours = (now.astimezone(UTC) + timedelta(hours=hour) for hour in range(1, 366 * 24))
    return next((hour.astimezone(place) for hour in hours if _offset(place, hour) != _offset(place, now)), None)


def _values(field: str, lowest: int, highest: int) -> list[int]:
    """The numbers that a field which `normalise` has checked stands for."""
    words = _DAYS if highest == 6 else []
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.match(part)
        if match is None:
            continue
        step = int(match["step"] or 1)
        if match["any"]:
            first, last = lowest, highest
        else:
            first = _number(match["first"], lowest, words) or 0
            last = _number(match["last"], lowest, words) or 0 if match["last"] else first
            if match["step"] and not match["last"]:
                last = highest
        found |= set(range(first, last + 1, step))
    return sorted(found)
