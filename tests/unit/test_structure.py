"""Which way imports go: the program knows nothing of what runs it, and the laptop is known to what starts it alone."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Folder of the project -> those that it may import, beside itself.
ALLOWED = {
    "ordering": set[str](),
    "infra": {"ordering"},
    "tools": {"ordering"},
    "state": {"ordering", "tools"},
    "localcloud": {"infra", "ordering", "tools"},
    "policy": {"infra", "ordering"},
    "manifests": set[str](),
    "examples": {"infra"},
    "pipelines": {"infra", "ops", "ordering", "tools"},
    "ops": {"infra", "ordering", "tools", "state", "policy"},
}

# What starts and stops the laptop, and so knows it.
STARTERS = {"ops/run.py", "ops/stack.py", "ops/commands/down.py"}


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The first parts of the names of all modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("folder", ALLOWED)
def test_a_folder_imports_only_what_is_below_it(folder: str) -> None:
    found = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files(folder)
        for name in set(imported(path)) & ALLOWED.keys() - {folder} - ALLOWED[folder]
        if not (name == "localcloud" and str(path.relative_to(ROOT)) in STARTERS)
    }
    assert found == set()


def test_every_starter_still_starts_the_laptop() -> None:
    assert {path for path in STARTERS if "localcloud" in imported(ROOT / path)} == STARTERS


def test_nothing_under_infra_names_the_laptops_stack() -> None:
    told = {
        str(path.relative_to(ROOT))
        for path in files("infra")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value == "local"
    }
    assert told == set()


def test_no_command_imports_the_programs_sdks_at_its_start() -> None:
    """They take a second, and a run imports them while the engine reads the state."""
    script = (
        "import sys; from ops.__main__ import COMMANDS, Commands\n"
        "for name in COMMANDS: Commands().get_command(None, name)\n"
        "print(*(name for name in sys.modules if name in ('pulumi_aws', 'pulumi_eks', 'pulumi_kubernetes')))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
