"""A checkout that may only be read: what has to write says so in one sentence, and the rest works."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.refused.checkout import ROOT, environment

WRITING = {
    "up": ("up", "--stack=local", "--yes"),
    "preview": ("preview", "--stack=local"),
    "destroy": ("destroy", "--stack=local", "--yes"),
    "adopt": ("adopt", "--stack=local"),
    "down": ("down",),
    "stack": ("stack", "--name=green"),
}
READING = {
    "plan": ("plan", "manifests/sample"),
    "cost": ("cost", "--stack=local"),
}

# Root may write everywhere, unless it gives up that right before it starts a program.
BOUND = ("setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override") if os.geteuid() == 0 else ()


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A copy of the project in which nothing can be made or changed, and a home in which all can."""
    folder = tmp_path_factory.mktemp("read-only")
    root, home = folder / "project", folder / "home"
    home.mkdir()
    ignored = shutil.ignore_patterns(".*", "__pycache__", "tests", "docs", "bench")
    shutil.copytree(ROOT, root, ignore=ignored)
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o555)
    yield root, home
    for path in folders:
        path.chmod(0o755)


def run(places: tuple[Path, Path], arguments: tuple[str, ...]) -> "subprocess.CompletedProcess[str]":
    root, home = places
    tools = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return subprocess.run(
        [*BOUND, sys.executable, "-m", "ops", *arguments],
        cwd=root,
        env={**environment(home), "XDG_CACHE_HOME": tools, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("arguments", WRITING.values(), ids=WRITING)
def test_what_has_to_write_says_where_it_cannot(places: tuple[Path, Path], arguments: tuple[str, ...]) -> None:
    done = run(places, arguments)
    assert done.returncode == 1
    [told] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert str(places[0]) in told
    assert told.endswith("Permission denied; give yourself access to it.")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", READING.values(), ids=READING)
def test_what_only_reads_works(places: tuple[Path, Path], arguments: tuple[str, ...]) -> None:
    done = run(places, arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("error") == 0
