"""Pulumi's configuration, as the strings it is, turned into values while problems are collected."""

import difflib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ordering.errors import UserError

PACKAGES = ("aws", "eks", "kubernetes", "random", "pulumi")
"""Whose settings the engine hands to the providers, or reads itself."""

ELSEWHERE = frozenset(
    {
        "accessKey",
        "assumeRole",
        "assumeRoleWithWebIdentity",
        "assumeRoles",
        "profile",
        "secretKey",
        "sharedConfigFiles",
        "sharedCredentialsFiles",
        "token",
    }
)
"""Settings of the aws package that choose whose account it works in (pulumi-aws 7.51, Provider)."""


class SettingsError(UserError):
    """All that is wrong with a stack's settings; `problems` holds one sentence each."""

    def __init__(self, stack: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        if len(problems) == 1:
            super().__init__(problems[0])
        else:
            lines = "".join(f"\n  - {problem}" for problem in problems)
            super().__init__(f"{len(problems)} settings of the stack {stack} must be fixed:{lines}")


class RawSettings:
    """Reads one project's keys. A value that cannot be read adds a problem and yields an empty value of its type."""

    def __init__(self, project: str, config: Mapping[str, str]) -> None:
        self._prefix = f"{project}:"
        self._config = dict(config)
        self._read: set[str] = set()
        self._wrong: set[str] = set()
        self._missing: list[str] = []
        self.problems: list[str] = []

    def problem(self, key: str, sentence: str) -> None:
        """Note what is wrong with a key; the sentence follows the key's name."""
        self._wrong.add(key)
        # A key that is none may be anything, also empty or a line's end.
        self.problems.append(f"{key if key.isprintable() and key.strip() else repr(key)} {sentence}")

    def refuse_given(self, full: str, key: str, defaults: Mapping[str, str], sentence: str) -> None:
        """Note a full key that says other than its default, and read the default in its place."""
        given, default = self._config.get(full), defaults.get(full)
        if given is not None and not _same(given, default):
            self.problem(key, sentence)
            self._config.pop(full)
            if default is not None:
                self._config[full] = default

    def sound(self, *keys: str) -> bool:
        """Whether nothing is wrong with these keys so far, so that they may be compared."""
        return self._wrong.isdisjoint(keys)

    def text(self, key: str, allowed: Sequence[str] = ()) -> str:
        """A string, maybe one of a few."""
        self._read.add(key)
        value = self._config.get(self._prefix + key)
        if value is None:
            self._wrong.add(key)
            self._missing.append(key)
            return ""
        value = value.strip()
        if odd := next((letter for letter in value if ord(letter) < 32 and letter not in "\n\r\t"), None):
            self.problem(key, f"has the character U+{ord(odd):04X}, which no setting takes; remove it.")
            return ""
        if allowed and value not in allowed:
            self.problem(key, f"{value!r} is not one of {', '.join(allowed)}.")
        return value

    def integer(self, key: str, lowest: int, highest: int) -> int:
        """A whole number within limits (both included)."""
        value = self.text(key)
        try:
            number = int(value)
        except ValueError:
            if self.sound(key):
                self.problem(key, f"{value!r} is not a whole number; choose one from {lowest} to {highest}.")
            return lowest
        if not lowest <= number <= highest:
            self.problem(key, f"{number} is out of range; choose a number from {lowest} to {highest}.")
        return number

    def boolean(self, key: str) -> bool:
        """True or false."""
        return self.text(key, ("true", "false")) == "true"

    def texts(self, key: str, allowed: Collection[str] = ()) -> tuple[str, ...]:
        """A JSON array of strings, those of `allowed` alone where some are named."""
        value = self._json(key, list, "a list of texts")
        if not all(isinstance(item, str) for item in value):
            self.problem(key, f"{json.dumps(value)} is not a list of texts.")
            return ()
        for item in value:
            if allowed and item not in allowed:
                self.problem(key, f"{item!r} is not one of {', '.join(allowed)}.")
        return tuple(value)

    def mapping(self, key: str) -> dict[str, str]:
        """A JSON object whose values are strings; numbers and booleans are written as YAML writes them."""
        pairs: dict[str, str] = {}
        for name, value in self._json(key, dict, "a map of texts").items():
            if isinstance(value, str):
                pairs[name] = value
            elif isinstance(value, (bool, int, float)):
                pairs[name] = json.dumps(value)
            else:
                self.problem(key, f"has a value for {name!r} that is not a text.")
        return pairs

    def objects(self, key: str, fields: Sequence[str]) -> list[dict[str, str]]:
        """A JSON array of objects that have just these string fields."""
        found = []
        for item in self.items(key):
            if (
                isinstance(item, dict)
                and sorted(item) == sorted(fields)
                and all(isinstance(value, str) and value for value in item.values())
            ):
                found.append(item)
            else:
                self.problem(key, f"{json.dumps(item)} must have exactly the texts {' and '.join(fields)}.")
        return found

    def items(self, key: str) -> list[Any]:
        """A JSON array of whatever it holds."""
        found: list[Any] = self._json(key, list, "a list")
        return found

    def refuse_unknown_keys(self) -> None:
        """Every key of the project that nothing has read so far is unknown; name the nearest known one."""
        for full in sorted(self._config):
            key = full.removeprefix(self._prefix)
            if key == full or key in self._read:
                continue
            near = difflib.get_close_matches(key, sorted(self._read), n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(self._read))}."
            self.problem(key, f"is not a setting of this project; {hint}")

    def refuse_foreign_keys(self) -> None:
        """A key of a namespace that no package here reads is misspelt, and some of aws would be heeded only in part."""
        project = self._prefix.removesuffix(":")
        for full in sorted(self._config):
            namespace, _, key = full.partition(":")
            if namespace not in {project, *PACKAGES}:
                near = difflib.get_close_matches(namespace, [project, *PACKAGES], n=1)
                hint = f"did you mean {near[0]}:{key}?" if near else "remove it."
                self.problem(full, f"is read by nothing; {hint}")
            elif namespace == "aws" and key in ELSEWHERE:
                self.problem(
                    full,
                    "would send the provider alone to another account, and not what checks it; set AWS_PROFILE, or "
                    "other credentials, in the environment.",
                )

    def raise_problems(self, stack: str) -> None:
        """Raise SettingsError when there is any problem."""
        missing = ", ".join(self._missing)
        untold = [f"No value and no default for {missing}; run in the folder of Pulumi.yaml."] if missing else []
        if untold or self.problems:
            raise SettingsError(stack, untold + self.problems)

    def _json(self, key: str, kind: type, name: str) -> Any:
        value = self.text(key)
        if not self.sound(key):
            return kind()
        try:
            parsed = json.loads(value)
        except ValueError:
            parsed = None
        if not isinstance(parsed, kind):
            self.problem(key, f"{value!r} is not {name}.")
            return kind()
        return parsed


def _same(given: str, default: str | None) -> bool:
    """Whether two texts say the same, however their JSON is written."""
    if default is None or given == default:
        return given == default
    try:
        return bool(json.loads(given) == json.loads(default))
    except ValueError:
        return False
