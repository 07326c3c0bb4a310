"""RandomPassword, with the rules of the official provider (4.21)."""

import secrets
import string

import bcrypt

from localcloud.providers.kinds import Call, Kind, names
from localcloud.providers.resources import TableStandIn
from localcloud.providers.schema import InvalidPropertyError
from localcloud.providers.server import serve
from localcloud.providers.values import UNKNOWN, Properties

SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
BCRYPT_COST = 10  # what Go's bcrypt.DefaultCost is
BCRYPT_BYTES = 72  # bcrypt reads no further
_CLASSES = {"upper": "minUpper", "lower": "minLower", "numeric": "minNumeric", "special": "minSpecial"}
_TEXT_INPUTS = "length keepers lower minLower minNumeric minSpecial minUpper numeric overrideSpecial special upper"


def characters(inputs: Properties) -> dict[str, str]:
    """The characters of each class that may be drawn."""
    alphabets = {
        "upper": string.ascii_uppercase,
        "lower": string.ascii_lowercase,
        "numeric": string.digits,
        "special": inputs.get("overrideSpecial") or SPECIAL,
    }
    return {name: alphabet for name, alphabet in alphabets.items() if inputs.get(name, True)}


def draw(inputs: Properties) -> str:
    """A text of `length` characters with at least the wanted number of each class."""
    allowed = characters(inputs)
    drawn = [
        secrets.choice(alphabet) for name, alphabet in allowed.items() for _ in range(inputs.get(_CLASSES[name], 0))
    ]
    everything = "".join(allowed.values())
    drawn += [secrets.choice(everything) for _ in range(inputs["length"] - len(drawn))]
    secrets.SystemRandom().shuffle(drawn)
    return "".join(drawn)


def check_text(inputs: Properties) -> None:
    """Refuse a length that the minima exceed, and a text of no characters."""
    minima = sum(inputs.get(minimum, 0) for minimum in _CLASSES.values() if inputs.get(minimum) is not UNKNOWN)
    length = inputs["length"]
    if length is not UNKNOWN and (length < 1 or length < minima):
        raise InvalidPropertyError(
            "length", f"`length` is {length}, and must be at least 1 and the minima's sum, {minima}"
        )
    if not characters(inputs):
        raise InvalidPropertyError(
            "special", "all of upper, lower, numeric and special are false: nothing to draw from"
        )


def _defaults(inputs: Properties) -> Properties:
    flags = {name: inputs.get(name, True) for name in _CLASSES}
    return flags | {minimum: inputs.get(minimum, 0) for minimum in _CLASSES.values()}


def _create_password(call: Call) -> tuple[str, Properties]:
    result = draw(call.inputs)
    hashed = bcrypt.hashpw(result.encode()[:BCRYPT_BYTES], bcrypt.gensalt(BCRYPT_COST)).decode()
    return "none", {**_defaults(call.inputs), "result": result, "bcryptHash": hashed}


def _remembered(call: Call) -> Properties | None:
    return call.state or None


_PASSWORD = Kind(
    token="random:index/randomPassword:RandomPassword",
    create=_create_password,
    read=_remembered,
    check=check_text,
    replaces=names(_TEXT_INPUTS),
)
KINDS = {_PASSWORD.token: _PASSWORD}


class RandomStandIn(TableStandIn):
    """The table served."""

    package = "random"

    def __init__(self) -> None:
        super().__init__(KINDS, {})


def serve_provider() -> None:
    """Serve until SIGTERM."""
    serve(RandomStandIn())
