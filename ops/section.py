"""The lines under `config:` of a stack's settings file: edited as lines, its comments stay.

A key stands there with the project's name before it or without, and is the same to Pulumi; where both do, it takes one
of the two by chance.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from infra.declared import full_key
from ordering.errors import UserError
from ordering.manifests import parse

_HEAD = re.compile(r"""(["']?)config\1\s*:\s*(#.*)?""")
_KEY = re.compile(r"""( +)(["']?)([\w.:/-]+?)\2\s*:(?:\s|$)""")
_INDENT = "  "


@dataclass(frozen=True, kw_only=True)
class Section:
    """Where the lines begin and end, what stands before a key, and each key's line."""

    start: int
    end: int
    indent: str
    keys: Mapping[int, str]


def section(lines: list[str]) -> Section | None:
    """None where no line begins it: there is no `config:`, or it is in another form, as in braces."""
    head = next((index for index, line in enumerate(lines) if _HEAD.fullmatch(line.rstrip())), None)
    if head is None:
        return None
    end = next((at for at in range(head + 1, len(lines)) if _ends(lines[at])), len(lines))
    found = {at: match for at in range(head + 1, end) if (match := _KEY.match(lines[at]))}
    indent = next((match[1] for match in found.values()), _INDENT)
    keys = {at: match[3] for at, match in found.items() if match[1] == indent}
    return Section(start=head + 1, end=end, indent=indent, keys=keys)


def parsed(text: str, name: str) -> dict[str, Any]:
    """A settings file's text as values, with a mapping under `config`; `name` is what messages call the file."""
    content = parse.only(parse.parse(text.encode(), name), name) or {}
    return {**content, "config": content.get("config") or {}}


def without(config: Mapping[str, Any], project: str, keys: Collection[str]) -> dict[str, Any]:
    """What is under `config:` but for these full keys, however they are written."""
    return {key: value for key, value in config.items() if full_key(project, key) not in keys}


def unfit(name: str) -> UserError:
    """What to say of a file that is sound, and cannot be edited as lines."""
    return UserError(
        f"{name} is written so that its lines cannot be told apart, and nothing was changed: give `config:` a line of "
        f"its own, and below it one to each key, as in `{_INDENT}aws:region: us-west-2`."
    )


def _ends(line: str) -> bool:
    return bool(line.strip()) and not line.startswith((" ", "#"))
