"""The project: its folder, Pulumi.yaml, and the stacks' settings files. The one place that knows their names."""

import os
from pathlib import Path
from typing import Any

from ordering.errors import UserError
from ordering.manifests import parse

PROJECT_ROOT = Path(__file__).resolve().parents[1]

LOCAL_STACK = "local"
"""The stack that runs on a laptop, without an account."""

TEMPLATE_STACK = "dev"
"""The stack whose settings file new stacks are made from."""


_RESTORE = "bring the file back with `git checkout Pulumi.yaml`."


def local_root() -> Path:
    """The folder whose `.local/` holds state, logs and the local control plane: the project's own.

    `KUBEFLOW_LOCAL_ROOT` moves it, so that a test's state and a person's can live side by side; UserError where it is
    no folder: with state in another place everything would be made again.
    """
    root = Path(os.environ.get("KUBEFLOW_LOCAL_ROOT") or PROJECT_ROOT).absolute()
    if not root.is_dir():
        raise UserError(f"KUBEFLOW_LOCAL_ROOT is {root}, and there is no such folder; create it, or name another.")
    return root


def local_dir() -> Path:
    """The folder for state, logs and the local control plane, ignored by Git."""
    return local_root() / ".local"


def is_local(stack: str) -> bool:
    """Whether the stack runs on a laptop, without an account."""
    return stack == LOCAL_STACK


def read_project(root: Path = PROJECT_ROOT) -> dict[str, Any]:
    """Pulumi.yaml, parsed; UserError where it is not this project's any more."""
    project = parse.single(root / "Pulumi.yaml")
    config = project.get("config") if isinstance(project, dict) else None
    if not isinstance(config, dict) or not isinstance(project.get("name"), str):
        raise UserError(f"{root / 'Pulumi.yaml'} has no `name` or no `config` as a project has; {_RESTORE}")
    for key, schema in config.items():
        wanted = ("value",) if ":" in str(key) else ("type", "default", "description")
        if not isinstance(schema, dict) or any(name not in schema for name in wanted):
            raise UserError(
                f"{root / 'Pulumi.yaml'} declares {key} without {' or '.join(wanted)}; declare it, or {_RESTORE}"
            )
    return {**project, "config": config}


def project_name() -> str:
    """The project's name, as Pulumi.yaml has it."""
    return str(read_project()["name"])


def default_release() -> str:
    """The Kubeflow release of a stack that names none."""
    return str(read_project()["config"]["kubeflowRelease"]["default"])


def stack_file(stack: str, root: Path = PROJECT_ROOT) -> Path:
    """A stack's settings file; UserError when there is none."""
    path = settings_path(stack, root)
    try:
        there = path.is_file()
    except (OSError, ValueError):
        # No file can have such a name.
        there = False
    if not there or stack not in stack_names(root):
        known = ", ".join(stack_names(root))
        raise UserError(f"There is no stack {stack!r} (known: {known}); make it with `make stack NAME={stack}`.")
    return path


def settings_path(stack: str, root: Path = PROJECT_ROOT) -> Path:
    """Where a stack's settings file is, or would be."""
    return root / f"Pulumi.{stack}.yaml"


def stack_names(root: Path = PROJECT_ROOT) -> list[str]:
    """The stacks that have a settings file in the project's folder."""
    return sorted(name[len("Pulumi.") : -len(".yaml")] for name in os.listdir(root) if _is_stack_file(name))


def read_stacks(root: Path = PROJECT_ROOT) -> dict[str, dict[str, Any]]:
    """Every stack's settings file, parsed, by the stack's name; UserError for one that is none."""
    return {name: {"config": read_section(settings_path(name, root))} for name in stack_names(root)}


def read_section(path: Path) -> dict[str, Any]:
    """What a stack's settings file has under `config:`; UserError for a file that is none."""
    content = parse.single(path) or {}
    section = (content.get("config") or {}) if isinstance(content, dict) else None
    if not isinstance(section, dict):
        raise UserError(f"{path.name} is not a stack's settings; write keys and values under `config:`.")
    return {str(key): value for key, value in section.items()}


def _is_stack_file(name: str) -> bool:
    return name.startswith("Pulumi.") and name.endswith(".yaml") and len(name) > len("Pulumi..yaml")
