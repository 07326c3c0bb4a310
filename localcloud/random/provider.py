"""RandomPassword, RandomString, RandomBytes and RandomId, with the rules of the official provider (4.21)."""

import base64
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


def check_length(name: str, inputs: Properties) -> None:
    """Refuse a number of bytes below one."""
    if inputs[name] is not UNKNOWN and inputs[name] < 1:
        raise InvalidPropertyError(name, f"`{name}` is {inputs[name]}, and must be at least 1")


def _defaults(inputs: Properties) -> Properties:
    flags = {name: inputs.get(name, True) for name in _CLASSES}
    return flags | {minimum: inputs.get(minimum, 0) for minimum in _CLASSES.values()}


def _create_password(call: Call) -> tuple[str, Properties]:
    result = draw(call.inputs)
    hashed = bcrypt.hashpw(result.encode()[:BCRYPT_BYTES], bcrypt.gensalt(BCRYPT_COST)).decode()
    return "none", {**_defaults(call.inputs), "result": result, "bcryptHash": hashed}


def _create_string(call: Call) -> tuple[str, Properties]:
    result = draw(call.inputs)
    return result, {**_defaults(call.inputs), "result": result}


def _create_bytes(call: Call) -> tuple[str, Properties]:
    drawn = secrets.token_bytes(call.inputs["length"])
    return "none", {"base64": base64.b64encode(drawn).decode(), "hex": drawn.hex()}


def _create_id(call: Call) -> tuple[str, Properties]:
    drawn = secrets.token_bytes(call.inputs["byteLength"])
    prefix = call.inputs.get("prefix", "")
    url = base64.urlsafe_b64encode(drawn).decode().rstrip("=")
    return url, {
        "b64Std": prefix + base64.b64encode(drawn).decode(),
        "b64Url": prefix + url,
        "dec": prefix + str(int.from_bytes(drawn)),
        "hex": prefix + drawn.hex(),
    }


def _remembered(call: Call) -> Properties | None:
    return call.state or None


KINDS = {
    kind.token: kind
    for kind in (
        Kind(
            token="random:index/randomPassword:RandomPassword",
            create=_create_password,
            read=_remembered,
            check=check_text,
            replaces=names(_TEXT_INPUTS),
        ),
        Kind(
            token="random:index/randomString:RandomString",
            create=_create_string,
            read=_remembered,
            check=check_text,
            replaces=names(_TEXT_INPUTS),
        ),
        Kind(
            token="random:index/randomBytes:RandomBytes",
            create=_create_bytes,
            read=_remembered,
            replaces=names("length keepers"),
            check=lambda inputs: check_length("length", inputs),
        ),
        Kind(
            token="random:index/randomId:RandomId",
            create=_create_id,
            read=_remembered,
            replaces=names("byteLength keepers prefix"),
            check=lambda inputs: check_length("byteLength", inputs),
        ),
    )
}


class RandomStandIn(TableStandIn):
    """The table served."""

    package = "random"

    def __init__(self) -> None:
        super().__init__(KINDS, {})


def serve_provider() -> None:
    """Serve until SIGTERM."""
    serve(RandomStandIn())
