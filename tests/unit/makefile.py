"""The Makefile as it runs, over an interpreter that only notes what it is given."""

import functools
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]

# Each argument ends with a NUL, each call with one more.
_PYTHON = """#!/bin/sh
for argument in "$@"; do printf '%s\\0' "$argument"; done >> calls
printf '\\0' >> calls
"""


@dataclass(frozen=True)
class Made:
    """A run of make: its exit code, what it printed, and the arguments of each call of the interpreter."""

    code: int
    output: str
    calls: list[list[str]]


def checkout(folder: Path) -> Path:
    """A folder in which the Makefile runs as in a checkout that is set up."""
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(_PYTHON)
    python.chmod(0o755)
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements.txt").touch()
    (folder / ".venv" / ".installed").touch()
    return folder


def make(folder: Path, words: Sequence[str], environment: Mapping[str, str] | None = None) -> Made:
    """Run `make` with these words, in nothing but this environment."""
    env = {"PATH": f"{folder}/bin:{os.environ['PATH']}", **(environment or {})}
    calls = folder / "calls"
    calls.unlink(missing_ok=True)
    done = subprocess.run(
        ["make", *words], cwd=folder, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    noted = calls.read_text().split("\0\0")[:-1] if calls.exists() else []
    # An empty argument at a call's end leaves a NUL of its own at the next call's start; none of ours ends so.
    return Made(done.returncode, done.stdout + done.stderr, [call.split("\0") for call in noted])


@functools.cache
def calls(words: tuple[str, ...]) -> list[list[str]]:
    """What `make` with these words calls the interpreter with, in a checkout of its own."""
    with TemporaryDirectory() as folder:
        return make(checkout(Path(folder)), words).calls
