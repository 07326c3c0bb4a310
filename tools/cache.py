"""The folder where tools are kept between runs: keys, locks, and installs that are either whole or absent."""

import contextlib
import hashlib
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ordering import cache
from tools.catalog import SourceTool, Tool, go_platform
from tools.claim import claim

_KEPT_BUILDS = 3
_IN_USE_S = 3600.0
"""Seconds since it was last asked for in which a build stays: another checkout's run may be about to start it."""


def root() -> Path:
    """The folder in the project's cache."""
    return cache.home() / "tools"


def digest(folder: Path, files: Iterable[Path], *extra: str) -> str:
    """Twelve hex digits over the names, relative to the folder, and the contents of the files, and extra strings."""
    total = hashlib.sha256("\0".join(extra).encode())
    for file in sorted(files):
        content = file.read_bytes()
        total.update(f"{file.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()[:12]


def sources(folder: Path) -> list[Path]:
    """The files that a Go build of the folder may read: all but tests, test data and hidden files."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not path.name.endswith("_test.go")
        and not any(part.startswith(".") or part == "testdata" for part in path.relative_to(folder).parts)
    ]


def key(tool: Tool) -> str:
    """What a built tool depends on: version, platform, stamps and the pinned modules, or the hash of the sources."""
    system = "-".join(go_platform())
    if isinstance(tool, SourceTool):
        return f"{digest(tool.folder, sources(tool.folder))}-{system}"
    files = [path for path in sources(tool.folder) if path.suffix in {".go", ".mod", ".sum"}]
    pins = digest(tool.folder, files, tool.package, *tool.stamps, *itertools.chain(*tool.constants))
    return f"{tool.version}-{pins}-{system}"


@dataclass(frozen=True)
class Slot:
    """The place of one tool at one key."""

    tool: Tool
    key: str

    @property
    def folder(self) -> Path:
        """The folder of this build."""
        return root() / self.tool.name / self.key

    @property
    def program(self) -> Path:
        """Where the program is, once it is there."""
        return self.folder / self.tool.name

    @property
    def origin(self) -> str:
        """How the program came here, in words."""
        return (self.folder / "origin").read_text().strip()

    def present(self) -> bool:
        """Whether the program is there. What is there is whole, because folders appear by one rename."""
        return os.access(self.program, os.X_OK)

    def use(self) -> Path:
        """The program, for somebody who is about to start it."""
        with contextlib.suppress(OSError):  # a cache that may only be read drops nothing either
            os.utime(self.folder)
        return self.program

    def install(self, make: Callable[[Path], str]) -> None:
        """Let `make` write the program to a path in a temporary folder and name its origin; then move it into place.

        The lock must be held. A `make` that raises leaves nothing.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        for leftover in self.folder.parent.glob(".new-*"):  # a killed build; nobody else is here
            remove(leftover)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=self.folder.parent, ignore_cleanup_errors=True) as name:
            new = Path(name) / "whole"
            new.mkdir()
            program = new / self.tool.name
            (new / "origin").write_text(make(program) + "\n")
            program.chmod(0o755)
            remove(self.folder)
            new.rename(self.folder)
        if isinstance(self.tool, SourceTool):
            self._drop_old_builds()

    def _drop_old_builds(self) -> None:
        builds = sorted(
            (path for path in self.folder.parent.iterdir() if path.is_dir() and not path.name.startswith(".")),
            key=lambda path: path.stat().st_mtime,
        )
        for build in builds[:-_KEPT_BUILDS]:
            if time.time() - build.stat().st_mtime > _IN_USE_S:
                remove(build)


def remove(folder: Path) -> None:
    """Take a folder away as far as that is possible; it may be gone."""
    shutil.rmtree(folder, ignore_errors=True)


def slot(tool: Tool) -> Slot:
    """The tool's place for what its sources or pins are now."""
    return Slot(tool, key(tool))


@contextlib.contextmanager
def lock(tool: Tool, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the tool's lock, which the system frees if we are killed; `waiting` is called once if it is taken."""
    with claim(root() / f"{tool.name}.lock", waiting):
        yield


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old text or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".new-", delete=False) as file:
        file.write(text)
    Path(file.name).replace(path)
