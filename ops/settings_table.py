"""The table of settings in docs/settings.md, rendered from Pulumi.yaml: `python -m ops.settings_table` prints it."""

from collections.abc import Mapping
from typing import Any

from infra.declared import declared
from ops.project import read_project

# The page has the table between these two lines.
START, END = "<!-- settings: start -->", "<!-- settings: end -->"


def render(project: Mapping[str, Any]) -> str:
    """The Markdown table: key, type, default, meaning."""
    lines = ["| Setting | Type | Default | Meaning |", "|---|---|---|---|"]
    for setting in declared(project):
        default = f"`{setting.configured}`" if setting.configured else "(empty)"
        lines.append(f"| `{setting.key}` | {setting.type} | {default} | {setting.description} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(render(read_project()))
