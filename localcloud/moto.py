"""A moto server of the project's own: AWS's API on a free loopback port, its state in memory.

The server outlives the command that starts it. What it holds ends with it, and so does the record of what it
lacks (`localcloud.aws.record`).
"""

import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.errors import UserError
from localcloud.plane import processes

START_SECONDS = 60.0
END_SECONDS = 5.0
_POLL = 0.05
# Roles attach AWS's managed policies, which moto knows only when it is asked to load them.
_SETTINGS = {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
_RUNNING = re.compile(r"Running on http://127\.0\.0\.1:(\d+)")


@dataclass(frozen=True, kw_only=True)
class Server:
    """A started server: its process (pid and start time, for pids are reused) and its address."""

    pid: int
    started: str
    endpoint: str


def start(root: Path) -> str:
    """Start the server of this root, if it does not run, and return its endpoint, an http URL.

    Raises UserError when it does not come up within a minute.
    """
    running = status(root)
    if running:
        return running.endpoint
    home = _home(root)
    home.mkdir(parents=True, exist_ok=True)
    record(root).unlink(missing_ok=True)
    log = home / "moto.log"
    command = [sys.executable, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    pid = processes.spawn(command, log, {**_environment(), **_SETTINGS})
    started = processes.identity(pid)
    deadline = time.monotonic() + START_SECONDS
    while started and processes.alive(pid, started) and time.monotonic() < deadline:
        found = _RUNNING.search(log.read_text(encoding="utf-8", errors="replace"))
        if found and _answers(f"http://127.0.0.1:{found[1]}"):
            server = Server(pid=pid, started=started, endpoint=f"http://127.0.0.1:{found[1]}")
            _state(root).write_text(json.dumps(asdict(server)), encoding="utf-8")
            return server.endpoint
        time.sleep(_POLL)
    if started:
        processes.end([(pid, started)], END_SECONDS)
    raise UserError(f"moto did not come up; its log, {log}, ends with: {_last_line(log)}")


def stop(root: Path) -> bool:
    """End the server of this root and forget the record; returns whether it ran."""
    running = status(root)
    if running:
        processes.end([(running.pid, running.started)], END_SECONDS)
    _state(root).unlink(missing_ok=True)
    record(root).unlink(missing_ok=True)
    return running is not None


def status(root: Path) -> Server | None:
    """The running server of this root, or None; a stale state file (the process is gone) counts as none."""
    try:
        server = Server(**json.loads(_state(root).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{_state(root)} is damaged ({error}): end the moto server by hand and remove the file"
        ) from error
    return server if processes.alive(server.pid, server.started) else None


def endpoint(root: Path) -> str:
    """The endpoint of the running server; raises UserError when none runs."""
    running = status(root)
    if running is None:
        raise UserError("moto is not running; start it with `make up`")
    return running.endpoint


def record(root: Path) -> Path:
    """The file in which the aws stand-in records what moto does not keep (LOCALCLOUD_AWS_RECORD)."""
    return _home(root) / "record.json"


def _home(root: Path) -> Path:
    return root.resolve() / ".local" / "moto"


def _state(root: Path) -> Path:
    return _home(root) / "moto.json"


def _environment() -> dict[str, str]:
    """The caller's environment, without settings that would send moto's own clients elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "(nothing)"
