"""State in files, with a journal: each step of a run is appended, not the whole state written again.

At rest the files are those of Pulumi's own file backend, which plain `pulumi` reads and writes; the next run merges
what a killed one left in the journal.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import tools
from ordering.errors import UserError
from tools.claim import claim
from tools.leash import leash

_ENDS_S = 10.0
"""Seconds until the journal of a run that was killed has ended, too."""
_OURS = "make.json"
"""The journal's own file among plain `pulumi`'s locks (`ours` in state/journal/internal/store/lock.go)."""
_GOES_ON = "Type the same command again: it merges what was written, and goes on from there."


@dataclass(frozen=True)
class Served:
    """How the engine reaches a state: the environment that leads it there. `lost` says that what serves it has died."""

    environment: Mapping[str, str] = field(default_factory=dict)
    lost: Callable[[], str | None] = lambda: None


@contextmanager
def serving(folder: Path, ended: Callable[[str], object] = len) -> Iterator[Served]:
    """Serves the state in `folder` for the length of the block.

    `ended` gets the server's last word: how often and how much it wrote, as JSON.
    """
    token = secrets.token_hex(16)
    command = [_program(), "serve", str(folder)]
    environment = {**os.environ, "JOURNAL_TOKEN": token}
    with (
        leash() as tie,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=environment,
            # Ctrl-C goes to all of a terminal's session, and the engine still has things to write then.
            start_new_session=True,
        ) as server,
    ):
        tie(server.pid)
        assert server.stdout is not None
        try:
            address = server.stdout.readline().decode().strip()
            if not address:
                raise UserError(f"The journal for the state in {folder} did not start; see the line above.")
            died = f"The journal for the state in {folder} has died. {_GOES_ON}"
            yield Served(
                {"PULUMI_BACKEND_URL": address, "PULUMI_ACCESS_TOKEN": token},
                lambda: None if server.poll() is None else died,
            )
        finally:
            server.terminate()
            ended(server.stdout.read().decode())


@contextmanager
def copied(folder: Path, project: str, stack: str) -> Iterator[Served]:
    """A copy of the state in `folder` for the length of the block, for a run of a stack that changes nothing.

    Other stacks that can be read are in it, too: `clusterStack` may name one. UserError where that of `stack` is not.
    From files the engine reads the state by itself, and tells its events once: a server gets each of them, too, a tenth
    of the engine's work in a preview.
    """
    with TemporaryDirectory(prefix="kubeflow-preview-") as copy:
        if folder.is_dir():
            _run("copy", folder, copy, project, stack)
        yield Served({"PULUMI_BACKEND_URL": Path(copy).as_uri()})


def check(folder: Path, project: str, stack: str) -> None:
    """UserError where a stack's files are damaged or do not belong together: to go on would make everything twice."""
    _run("check", folder, project, stack)


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What was recovered: see store.Recovery of the journal.

    Where nothing was damaged, `kept` is empty and nothing else is said.
    """

    kept: tuple[Path, ...]
    source: Path
    resources: int
    steps: int
    lost: int
    pending: int
    twice: tuple[str, ...]


def recover(folder: Path, project: str, stack: str) -> Recovery:
    """Puts a stack's files in order, and those that were there aside.

    UserError when another run holds the stack, or no file holds a state that can be read.
    """
    done = json.loads(_run("recover", folder, project, stack))
    return Recovery(
        kept=tuple(Path(one) for one in done["kept"] or ()),
        source=Path(done["from"]),
        resources=done["resources"],
        steps=done["steps"],
        lost=done["lost"],
        pending=done["pending"],
        twice=tuple(done["twice"] or ()),
    )


@contextmanager
def held(folder: Path, project: str, stack: str) -> Iterator[None]:
    """Nobody else changes a stack's state for the length of the block; UserError where somebody does.

    The claim is the journal's own (`claim` in state/journal/internal/store/lock.go). Plain `pulumi` makes a file for
    each of its runs instead, which stays where that is killed.
    """
    kept = folder / ".pulumi"
    locks = (kept / "locks" / "organization" / project / stack).glob("*.json")
    for path in sorted(path for path in locks if path.name != _OURS):
        raise UserError(
            f"Plain `pulumi` is at work on stack {stack!r}, or was killed ({path}): wait for it to end, or type "
            f"`pulumi cancel --stack {stack}` if it is gone, and the same command again."
        )

    def busy() -> None:
        raise UserError(
            f"Another run holds stack {stack!r}: wait for it to end, or press Ctrl-C there, and type the same command "
            "again."
        )

    with claim(kept / "stacks" / project / f"{stack}.lock", busy, patience_s=_ENDS_S):
        yield


def forget(folder: Path, project: str, stack: str) -> None:
    """Removes a stack's state, whatever condition it is in, and what is kept beside it; not what was set aside."""
    kept = folder / ".pulumi"
    for path in (kept / "stacks" / project).glob(f"{stack}.*"):
        if ".set-aside-" not in path.name:
            path.unlink(missing_ok=True)
    for beside in ("history", "backups", "locks/organization"):
        shutil.rmtree(kept / beside / project / stack, ignore_errors=True)


def _program() -> str:
    return str(tools.ensure("journal")["journal"])


def _run(command: str, *arguments: Path | str) -> str:
    done = subprocess.run([_program(), command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(done.stderr.strip().removeprefix("error: "))
    sys.stderr.write(done.stderr)
    return done.stdout
