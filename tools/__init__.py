"""The programs that the local stack runs: found on PATH or in the cache, else downloaded, else built. See `ensure`."""

import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ordering.errors import UserError
from tools import cache, versions
from tools.catalog import TOOLS, ReleasedTool, SourceTool, Tool
from tools.progress import Event, Report, reporter, silent

if TYPE_CHECKING:
    from tools.download import Downloads

__all__ = ["Found", "bring", "ensure", "find"]


@dataclass(frozen=True, kw_only=True)
class Found:
    """Where a tool is, and where it comes from, in words: for a released one the version comes first."""

    name: str
    path: Path
    origin: str


def ensure(*names: str, report: Report = silent) -> dict[str, Path]:
    """Bring the named tools, or all of them, and say where each is.

    Order of search: a copy on PATH whose version will do, the cache, the official download, a build from Go modules.
    Only the last two take long (minutes, for the first build of an API server); `report` hears of them.
    Raises UserError for an unknown name, or when none of these ways works.
    """
    return {found.name: found.path for found in find(*names, report=report)}


def bring(*names: str) -> dict[str, Path]:
    """As `ensure`, and shows the person who waits what is being brought, and for how long."""
    with reporter() as report:
        return ensure(*names, report=report)


def find(*names: str, report: Report = silent) -> list[Found]:
    """As `ensure`, with the origin of every tool."""
    tools = _select(names)
    with ExitStack() as stack:
        run = _Run(stack)
        return [
            _bring(tool, _Steps(tool.name, index, len(tools), report), run) for index, tool in enumerate(tools, start=1)
        ]


class _Run:
    """What one call of `find` knows: whether there is a network, and what it downloaded."""

    def __init__(self, stack: ExitStack) -> None:
        self.offline = False
        self._stack = stack
        self._downloads: Downloads | None = None

    @property
    def downloads(self) -> "Downloads":
        from tools.download import downloads  # with its HTTP client, a third of a second

        if self._downloads is None:
            self._downloads = self._stack.enter_context(downloads())
        return self._downloads


class _Steps:
    """Reports about one tool of a run."""

    def __init__(self, name: str, index: int, total: int, report: Report) -> None:
        self._name, self._index, self._total, self._report = name, index, total, report
        self._since = time.monotonic()

    def start(self, text: str) -> None:
        self._since = time.monotonic()
        self._report(Event(subject=self._name, text=text, index=self._index, total=self._total))

    def end(self, text: str) -> None:
        elapsed = time.monotonic() - self._since
        self._report(Event(subject=self._name, text=text, index=self._index, total=self._total, elapsed=elapsed))

    def note(self, text: str) -> None:
        self._report(Event(subject=self._name, text=text, index=self._index, total=self._total, note=True))


def _select(names: Iterable[str]) -> list[Tool]:
    chosen = set(names) or set(TOOLS)
    unknown = sorted(chosen - set(TOOLS))
    if unknown:
        raise UserError(f"there is no tool named {unknown[0]!r}: choose among {', '.join(TOOLS)}")
    return [tool for tool in TOOLS.values() if tool.name in chosen]


def _bring(tool: Tool, steps: _Steps, run: _Run) -> Found:
    if isinstance(tool, SourceTool) and not tool.folder.is_dir():
        raise UserError(f"cannot build {tool.name}: its sources are missing, there is no folder {tool.folder}")
    refused = None
    if isinstance(tool, ReleasedTool) and (copy := versions.on_path(tool)) is not None:
        path, version = copy
        if versions.acceptable(version, tool.accepts):
            return Found(name=tool.name, path=path, origin=f"{version}, on PATH")
        refused = f"{path} is {version or 'of an unknown version'}, not {tool.accepts}, and is left alone"
    slot = cache.slot(tool)
    if not slot.present():
        if refused:
            steps.note(refused)
        with cache.lock(tool, lambda: steps.start("waiting for another run that is fetching it")):
            if not slot.present():
                slot.install(lambda program: _make(tool, program, steps, run))
                steps.end(slot.origin)
            else:
                steps.end("fetched by another run")
    return Found(name=tool.name, path=slot.use(), origin=", ".join([*_version(tool, slot.origin), slot.origin]))


def _version(tool: Tool, origin: str) -> list[str]:
    """The version of a released tool that came here in this way."""
    if not isinstance(tool, ReleasedTool):
        return []
    return [tool.built_version if tool.built_version and origin.startswith("built") else tool.version]


def _make(tool: Tool, program: Path, steps: _Steps, run: _Run) -> str:
    from tools.build import build  # slow to import, and most runs find everything in place

    if isinstance(tool, ReleasedTool) and tool.download is not None and not run.offline:
        from tools.download import UnavailableError, UnreachableError

        steps.start(f"downloading {tool.version}")
        try:
            return run.downloads.fetch(tool.download, program)
        except UnreachableError as error:
            # Said once: the next tools are on the same side of the same wall.
            run.offline = True
            steps.note(f"{error}; building from Go modules instead, also what follows")
        except UnavailableError as error:
            steps.note(f"{error}; building from Go modules instead")
    what = tool.package if isinstance(tool, ReleasedTool) and tool.package != "." else f"{tool.folder.name}/"
    steps.start(f"building {what}")
    return build(tool, program)
