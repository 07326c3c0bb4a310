"""A resource as rules see it, a rule, and what it finds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

# A `mandatory` violation stops a run, an `advisory` one is reported.
Level = Literal["mandatory", "advisory"]


class _Unknown:
    """A value that only the deployment will tell; it is equal to nothing, and false."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()

# What the engine writes into a preview in place of values that it does not know yet (sdk/go/common/resource/plugin,
# `UnknownBoolValue` and its neighbours): bool, number, text, array, asset, archive, object.
_SENTINELS = frozenset(
    (
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    )
)


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of a run: its inputs as the provider names them, with UNKNOWN for what is not known yet."""

    type: str
    urn: str
    inputs: Mapping[str, Any]
    protect: bool = False

    @property
    def stack(self) -> str:
        """The name of the stack it belongs to."""
        return self.urn.split("::")[0].rpartition(":")[2]

    @property
    def project(self) -> str:
        """The name of the project it belongs to."""
        return self.urn.split("::")[1]

    @property
    def name(self) -> str:
        """Its name in the program."""
        return self.urn.split("::", 3)[3]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule: `find` yields one sentence for each thing that is wrong with a resource, and what to do about it."""

    name: str
    description: str
    level: Level
    find: Callable[[Resource], Iterable[str]]


@dataclass(frozen=True, kw_only=True)
class Violation:
    """What a rule found."""

    rule: str
    level: Level
    urn: str
    message: str

    def __str__(self) -> str:
        return f"{self.urn.split('::', 3)[3]}: {self.message} ({self.rule})"


def check(resources: Iterable[Resource], rules: Sequence[Rule]) -> list[Violation]:
    """Every violation of some rules, in the order of the resources; mandatory and advisory ones alike."""
    return [
        Violation(rule=rule.name, level=rule.level, urn=resource.urn, message=message)
        for resource in resources
        for rule in rules
        for message in rule.find(resource)
    ]


def plain(value: Any) -> Any:
    """A value of the engine's as rules take it: UNKNOWN where the engine does not know, whole numbers as such."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return UNKNOWN if isinstance(value, str) and value in _SENTINELS else value
