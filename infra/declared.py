"""What Pulumi.yaml declares: every setting, its type and its default, as the engine hands them to the program."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One key of the project's `config:` section."""

    key: str
    type: str
    default: Any
    description: str

    @property
    def configured(self) -> str:
        """The default as the engine hands it to the program: text as it is, all else as JSON."""
        return self.default if isinstance(self.default, str) else json.dumps(self.default)


def full_key(project: str, key: str) -> str:
    """A key with its namespace, which is the project's unless it names one: `protect`, `aws:region`."""
    return key if ":" in key else f"{project}:{key}"


def declared(project: Mapping[str, Any]) -> list[Setting]:
    """The settings that a parsed Pulumi.yaml declares, in its order, without those of other packages (`aws:region`)."""
    found = []
    for key, schema in project["config"].items():
        if ":" in key:
            continue
        kind = f"{schema['type']} of {schema['items']['type']}s" if "items" in schema else schema["type"]
        found.append(Setting(key=key, type=kind, default=schema["default"], description=schema["description"]))
    return found


def defaults(project: Mapping[str, Any]) -> dict[str, str]:
    """The whole configuration of a stack that sets nothing, with full keys, as the engine hands it to the program."""
    name = project["name"]
    others = {key: str(schema["value"]) for key, schema in project["config"].items() if ":" in key}
    return {**others, **{full_key(name, setting.key): setting.configured for setting in declared(project)}}
