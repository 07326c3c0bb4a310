"""Judging the copy of a tool that is on PATH. Its answer is remembered: the next run does not start it."""

import json
import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from tools import cache
from tools.catalog import ReleasedTool

_VERSION = re.compile(r"\bv?(\d+\.\d+\.\d+)\b")
_PATIENCE = 20.0  # seconds


def parse(output: str) -> Version | None:
    """The first `1.2.3` in what a program printed when asked for its version, or None."""
    found = _VERSION.search(output)
    return Version(found.group(1)) if found else None


def acceptable(version: Version | None, accepts: SpecifierSet) -> bool:
    """Whether a copy of this version can be used in place of the pinned one."""
    return version is not None and version in accepts


def on_path(tool: ReleasedTool) -> tuple[Path, Version | None] | None:
    """The first copy of the tool on PATH with its version (None when it does not tell), or None when there is none."""
    found = shutil.which(tool.name)
    if found is None:
        return None
    path = Path(found)
    status = path.stat()
    # A changed file, or a link that now leads elsewhere, is asked again.
    mark = [str(path.resolve()), status.st_mtime_ns, status.st_size]
    known = _read()
    entry = known.get(found)
    if entry is None or entry["mark"] != mark:
        entry = {"mark": mark, "version": _ask(path, tool.version_arguments)}
        known[found] = entry
        with suppress(OSError):  # what cannot be kept is asked again
            cache.write_atomically(_file(), json.dumps(known, indent=1))
    return path, Version(entry["version"]) if entry["version"] else None


def _ask(path: Path, arguments: tuple[str, ...]) -> str | None:
    # Nothing of the user's configuration may be touched or asked for by a mere look at the version.
    environment = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true", "KUBECONFIG": os.devnull}
    try:
        done = subprocess.run(
            [path, *arguments],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            env=environment,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = parse(done.stdout)
    return str(version) if version else None


def _file() -> Path:
    return cache.root() / "path-versions.json"


def _read() -> dict[str, Any]:
    try:
        known = json.loads(_file().read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
