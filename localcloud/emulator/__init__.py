"""AWS on the laptop: MiniStack with IAM enforced, on a free loopback port, its state in memory.

The server (`localcloud.emulator.__main__`) outlives the command that starts it. What it holds ends with it, and so does
the record of what it lacks (`localcloud.aws.record`). It lets nobody in but who signs with the access key that it made
at its start, which only the owner of the checkout can read, and with what AWS would give such a caller.
"""

import json
import math
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.errors import UserError
from localcloud.plane import processes
from localcloud.plane.layout import Layout

START_SECONDS = 60.0
END_SECONDS = 5.0
_POLL = 0.05
_PROJECT_ROOT = Path(__file__).resolve().parents[2]
# What the project uses of AWS; of the rest nothing can be reached, such as Lambda, which runs its callers' code.
SERVICES = ("ec2", "ecr", "eks", "elasticloadbalancing", "iam", "kms", "logs", "s3", "sts", "tagging")
ACCOUNT = "123456789012"

MINUTE = "LOCALCLOUD_MINUTE"
"""How many seconds a minute of AWS takes here, as text: with 60 a cluster takes nine minutes, with 0 no time."""
_MINUTE, _LONGEST_MINUTE = 0.25, 60.0


@dataclass(frozen=True, kw_only=True)
class Server:
    """A started server: its process (pid and start time, for pids are reused), its address and its one access key.

    A minute of AWS takes `minute` seconds in it.
    """

    pid: int
    started: str
    endpoint: str
    access_key: str
    secret_key: str
    minute: float


def start(root: Path) -> str:
    """Start the server of this root, if it does not run, and return its endpoint, an http URL.

    LOCALCLOUD_MINUTE says how long things take in it. Raises UserError when it does not come up within a minute.
    """
    running = status(root)
    if running:
        return running.endpoint
    minute = _minute(os.environ)
    home = _home(root)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    record(root).unlink(missing_ok=True)
    state(root).unlink(missing_ok=True)
    forgotten(root).touch()
    log = home / "emulator.log"
    keys = Layout(root).certificates / "service-accounts.pub"
    command = [sys.executable, "-u", "-m", "localcloud.emulator", str(state(root)), str(keys), str(minute)]
    pid = processes.spawn(command, log, server_environment(home))
    started = processes.identity(pid)
    deadline = time.monotonic() + START_SECONDS
    while started and processes.alive(pid, started) and time.monotonic() < deadline:
        found = status(root)
        if found:
            return found.endpoint
        time.sleep(_POLL)
    if started:
        processes.end([(pid, started)], END_SECONDS)
    raise UserError(f"The AWS emulator did not come up; its log, {log}, ends with: {_last_line(log)}")


def stop(root: Path) -> bool:
    """End the server of this root and forget what was about it; returns whether it ran."""
    running = status(root)
    if running:
        processes.end([(running.pid, running.started)], END_SECONDS)
    state(root).unlink(missing_ok=True)
    record(root).unlink(missing_ok=True)
    forgotten(root).unlink(missing_ok=True)
    return running is not None


def status(root: Path) -> Server | None:
    """The running server of this root, or None; a stale state file (the process is gone) counts as none."""
    try:
        server = Server(**json.loads(state(root).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{state(root)} is damaged ({error}): end the AWS emulator by hand and remove the file"
        ) from error
    return server if processes.alive(server.pid, server.started) else None


def environment(root: Path) -> dict[str, str]:
    """How AWS clients reach the running server; raises UserError when none runs."""
    running = status(root)
    if running is None:
        raise UserError("The AWS emulator is not running; start it with `make up`")
    return {
        "AWS_ENDPOINT_URL": running.endpoint,
        "AWS_ACCESS_KEY_ID": running.access_key,
        "AWS_SECRET_ACCESS_KEY": running.secret_key,
        MINUTE: str(running.minute),
    }


def record(root: Path) -> Path:
    """The file in which the aws stand-in records what the emulator does not keep (LOCALCLOUD_AWS_RECORD)."""
    return _home(root) / "record.json"


def state(root: Path) -> Path:
    """The file that says how to reach the server; readable by its owner only, as it holds the access key."""
    return _home(root) / "emulator.json"


def forgotten(root: Path) -> Path:
    """A file that is there from the start of a server until somebody who knows has looked at what it holds."""
    return _home(root) / "forgotten"


def write(path: Path, server: Server) -> None:
    """Put the state file in place, whole from its first moment on and never readable by others."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(server), file)
    draft.replace(path)


def _minute(env: Mapping[str, str]) -> float:
    text = env.get(MINUTE) or str(_MINUTE)
    try:
        minute = float(text)
    except ValueError:
        minute = math.nan
    if not 0 <= minute <= _LONGEST_MINUTE:
        raise UserError(
            f"{MINUTE} is {text!r}; set it to the seconds that a minute of AWS takes here, 0 to {_LONGEST_MINUTE:.0f}"
        )
    return minute


def _home(root: Path) -> Path:
    return root.resolve() / ".local" / "emulator"


def server_environment(home: Path) -> dict[str, str]:
    """All that the server knows: nothing of the person's, no way to Docker, no listener but the one."""
    return {
        "PYTHONPATH": str(_PROJECT_ROOT),
        "PATH": os.defpath,
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "AUTH": "true",
        "SERVICES": ",".join(SERVICES),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_HOST": "127.0.0.1",
        "DOCKER_HOST": f"unix://{home / 'no-docker'}",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(home),
        "S3_DATA_DIR": str(home / "s3"),
        "LOG_LEVEL": "WARNING",
    }


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "(nothing)"
