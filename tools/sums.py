"""The sum that a downloaded file must have: the one pinned in `sums.json`, else the first one seen on this machine."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ordering.errors import UserError
from tools import cache

PINNED = Path(__file__).parent / "sums.json"

_ALGORITHMS = {64: "sha256", 128: "sha512"}
_SUM = re.compile(r"[0-9a-f]{64}|[0-9a-f]{128}")
_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Pin:
    """The SHA-256 or SHA-512 sum of a release file, in hexadecimal, and who published it where."""

    sum: str
    source: str


def pinned() -> dict[str, Pin]:
    """The pins by URL."""
    return {url: Pin(**pin) for url, pin in json.loads(PINNED.read_text()).items()}


def pin(pins: Mapping[str, Pin]) -> None:
    """Writes the pins, in the order of their URLs."""
    cache.write_atomically(PINNED, json.dumps({url: asdict(pins[url]) for url in sorted(pins)}, indent=2) + "\n")
    PINNED.chmod(0o644)


def first_seen(url: str) -> str | None:
    """The sum that the file had when this machine first downloaded it; None if it never did. May raise UserError."""
    return _seen().get(url)


def remember(url: str, found: str) -> None:
    """Keeps the sum of a first download."""
    cache.write_atomically(seen_file(), json.dumps(_seen() | {url: found}, indent=2) + "\n")


def seen_file() -> Path:
    """Where the first sums are kept, beside the tools."""
    return cache.root() / "first-sums.json"


def is_sum(text: str) -> bool:
    """Whether a text is a SHA-256 or SHA-512 sum in hexadecimal."""
    return _SUM.fullmatch(text) is not None


def algorithm(expected: str) -> str:
    """The name of the algorithm that such a sum comes from, in hashlib's words."""
    return _ALGORITHMS[len(expected)]


def measure(file: Path, expected: str | None = None) -> str:
    """The sum of a file, by the algorithm of the expected sum, or SHA-256."""
    total = hashlib.new(algorithm(expected) if expected else "sha256")
    with file.open("rb") as content:
        while block := content.read(_BLOCK):
            total.update(block)
    return total.hexdigest()


def _seen() -> dict[str, str]:
    file = seen_file()
    try:
        seen = json.loads(file.read_text())
        if all(isinstance(found, str) and is_sum(found) for found in seen.values()):
            return dict(seen)
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError):
        pass
    raise UserError(f"{file} is damaged: remove it, and the next downloads count as first ones.")
