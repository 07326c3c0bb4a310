"""The README's table of settings, rendered from Pulumi.yaml: `python -m ops.settings_table` prints it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROJECT_FILE = Path(__file__).parent.parent / "Pulumi.yaml"

# The README has the table between these two lines.
START, END = "<!-- settings: start -->", "<!-- settings: end -->"


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


def settings(project: Mapping[str, Any]) -> list[Setting]:
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
    return {**others, **{f"{name}:{setting.key}": setting.configured for setting in settings(project)}}


def render(project: Mapping[str, Any]) -> str:
    """The Markdown table: key, type, default, meaning."""
    lines = ["| Setting | Type | Default | Meaning |", "|---|---|---|---|"]
    for setting in settings(project):
        default = f"`{setting.configured}`" if setting.configured else "(empty)"
        lines.append(f"| `{setting.key}` | {setting.type} | {default} | {setting.description} |")
    return "\n".join(lines)


def read_project(path: Path = PROJECT_FILE) -> dict[str, Any]:
    """Pulumi.yaml, parsed."""
    project: dict[str, Any] = yaml.safe_load(path.read_text())
    return project


if __name__ == "__main__":
    print(render(read_project()))
