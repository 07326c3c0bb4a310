"""What the text of a scalar means, as kustomize 5.8 reads it: `decode.go` and `resolve.go` of go.yaml.in/yaml/v3 3.0.3.

That is YAML 1.2 with leftovers: `yes` and `on` are text, `0644` and `0o644` are 420, `0o-7` is -7, `08` is 8, `1_000`
is 1000, and a bare date is a moment. kustomize then writes JSON, in which 1.0 is 1.
"""

import base64
import re
from datetime import date
from functools import lru_cache

Scalar = str | int | float | bool | None

_PREFIX = "tag:yaml.org,2002:"
STR = f"{_PREFIX}str"
_BINARY = f"{_PREFIX}binary"
_FLOAT, _TIMESTAMP = f"{_PREFIX}float", f"{_PREFIX}timestamp"
_NOT_TEXT = frozenset(_PREFIX + tag for tag in ("bool", "float", "int", "null", "timestamp"))

# What begins otherwise is text; so is most of what begins so.
_TELLING = frozenset("0123456789+-.~tTfFnN")
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **{sign + word: float("inf") for sign in ("", "+") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_INT = re.compile(r"([-+]?)(?:0[bB]([01]+)|0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_BASES = (2, 16, 8, 10)
_DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DATE = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,]([0-9]+))?")
_ZONE = re.compile(r"Z|[-+]([0-9]{2}):([0-9]{2})")


def plain(text: str) -> Scalar:
    """The value of a scalar without quotes and tag; the same object where it is text."""
    if text and text[0] not in _TELLING:
        return text
    # The cache may answer with an equal text, which is not the same.
    found = _telling(text)
    return text if found is None else found[0]


def tagged(tag: str, text: str) -> Scalar:
    """The value of a scalar with a tag; ValueError where the text is none of that kind."""
    if tag == _BINARY:
        try:
            return base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True).decode(errors="replace")
        except ValueError:
            raise ValueError("is not base64") from None
    if tag not in _NOT_TEXT:
        return text
    value = plain(text)
    kind = _tag(text, value)
    if kind != tag and (tag, kind) != (_FLOAT, f"{_PREFIX}int"):
        raise ValueError(f"is no {tag.removeprefix(_PREFIX)}")
    return value


def refolded(text: str) -> str:
    """What kustomize makes of the text of a `>` scalar: it prints the text once more, and its printer has two faults.

    A line break before an indented line becomes two, so do those at the end of a `>+`; and where the text begins with a
    blank, its lines run together (`yaml_emitter_write_folded_scalar` of go.yaml.in/yaml/v3 3.0.3, emitterc.go).
    """
    if " \n" in text or text.endswith(" ") or not text.replace("\n", "").replace("\t", "").isprintable():
        return text  # Printed in double quotes.
    doubles = text.lstrip("\n")[:1] not in ("", " ", "\t")

    def broken(match: re.Match[str]) -> str:
        """The breaks after a line that is not indented, before the next line or the end."""
        breaks, next_ = match[2], match[3]
        if next_ and next_ not in " \t":
            return match[1] + (breaks if doubles else breaks[1:] or " ")
        return match[1] + breaks + "\n" * (doubles and (bool(next_) or len(breaks) > 1))

    return re.sub(r"(?m)^([^ \t\n].*)(\n+)(?=(.?))", broken, text)


def _tag(text: str, value: Scalar) -> str:
    if value is text:
        return STR
    if isinstance(value, str):
        return _TIMESTAMP
    if value is None or isinstance(value, bool):
        return _PREFIX + ("null" if value is None else "bool")
    return _PREFIX + ("int" if _INT.fullmatch(_bare(text)) else "float")


def _bare(text: str) -> str:
    """The digits of a number, with a sign that Go takes also after `0b` and `0o` in front."""
    return re.sub(r"^(0[bo])([-+])", r"\2\1", text.replace("_", ""))


@lru_cache(4096)
def _telling(text: str) -> tuple[Scalar] | None:
    """The value, in a tuple; None for text."""
    if text in _WORDS:
        return (_WORDS[text],)
    if text[0] in "~tTfFnN":
        return None
    if text[0] == ".":
        return _number(text) if _DECIMAL.fullmatch(text) else None
    if (moment := _moment(text)) is not None:
        return (moment,)
    bare = _bare(text)
    if match := _INT.fullmatch(bare):
        sign, *digits = match.groups()
        number, base = next((digit, base) for digit, base in zip(digits, _BASES, strict=True) if digit is not None)
        # Of more digits than these no number fits, and Python would refuse to look.
        value = int(number, base) if len(number) <= 64 else 2**64
        if -(2**63) <= (value := -value if sign == "-" else value) < 2**63 or (not sign and value < 2**64):
            return (value,)
    return _number(bare) if _DECIMAL.fullmatch(bare) else None


def _number(digits: str) -> tuple[Scalar] | None:
    """A float, or the whole number that JSON makes of it; None where no float is so large."""
    value = float(digits)
    if abs(value) == float("inf"):
        return None
    return (int(value) if value.is_integer() and -(2**63) <= value < 2**64 else value,)


def _moment(text: str) -> str | None:
    """A date or a time as Go prints it, in RFC 3339; None for what Go's time.Parse does not take."""
    day = _DATE.match(text)
    if day is None:
        return None
    rest = text[day.end() :]
    try:
        known = date(int(day[1]) or 4, int(day[2]), int(day[3]))  # Go has a year 0, a leap year.
    except ValueError:
        return None
    head = f"{day[1]}-{known.month:02}-{known.day:02}T"
    if not rest:
        return f"{head}00:00:00Z"
    time = _TIME.match(rest, 1)
    if rest[0] not in "Tt " or time is None:
        return None
    hour, minute, second = int(time[1]), int(time[2]), int(time[3])
    zone = rest[time.end() :]
    if hour > 23 or minute > 59 or second > 59 or (zone == "") != (rest[0] == " "):
        return None
    if zone and (offset := _ZONE.fullmatch(zone)) is None:
        return None
    if zone and offset and offset[1] and (int(offset[1]) > 23 or int(offset[2]) > 59):
        return None
    fraction = (time[4] or "")[:9].rstrip("0")
    shown = zone if zone and zone[1:] not in ("", "00:00") else "Z"
    return f"{head}{hour:02}:{minute:02}:{second:02}{'.' * bool(fraction)}{fraction}{shown}"
