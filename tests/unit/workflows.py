"""The workflows, and their steps as GitHub runs them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))

THE_PYTHON = f'exec "{sys.executable}" "$@"'
"""A program that is the interpreter of these tests, for steps that ask `python -m tools` where a tool is."""


def read(path: Path) -> dict[Any, Any]:
    """A file of GitHub's, parsed."""
    content: dict[Any, Any] = yaml.safe_load(path.read_text())
    return content


def jobs(path: Path) -> list[dict[str, Any]]:
    """A workflow's jobs."""
    return list(read(path)["jobs"].values())


def only_script(name: str, job: str) -> str:
    """What the one step with a script of several lines runs, in a job of a workflow."""
    steps = read(GITHUB / "workflows" / f"{name}.yml")["jobs"][job]["steps"]
    [found] = [step for step in steps if "\n" in step.get("run", "")]
    assert "shell" not in found, "`run` here starts what GitHub starts where no shell is named"
    return str(found["run"])


def program(path: Path, script: str) -> None:
    """Writes a program that a step finds in place of the real one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def run(script: str, folder: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs a step in a folder, whose `bin/` comes first.

    Without `pipefail`, which GitHub sets for `shell: bash` alone ("Workflow syntax": `jobs.<job_id>.steps[*].shell`).
    """
    file = folder / "step.sh"
    file.write_text(script)
    # Where the tools are kept.
    kept = {name: os.environ[name] for name in ("HOME", "XDG_CACHE_HOME") if name in os.environ}
    given = {"PATH": f"{folder / 'bin'}:/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(ROOT), **kept, **env}
    return subprocess.run(["bash", "-e", file], cwd=folder, env=given, capture_output=True, text=True, check=False)
