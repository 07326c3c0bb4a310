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
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

from localcloud.plane import processes
from localcloud.plane.layout import Layout
from ordering.errors import UserError
from tools.claim import claim
from tools.progress import Reminder

START_SECONDS = 60.0
END_SECONDS = 5.0
_POLL = 0.05
_PROJECT_ROOT = Path(__file__).resolve().parents[2]
# What the project uses of AWS; of the rest nothing can be reached, such as Lambda, which runs its callers' code.
SERVICES = (
    "acm",
    "autoscaling",
    "backup",
    "budgets",
    "cognito-idp",
    "ec2",
    "ecr",
    "eks",
    "elasticfilesystem",
    "elasticloadbalancing",
    "iam",
    "kms",
    "logs",
    "monitoring",
    "rds",
    "route53",
    "s3",
    "sns",
    "sts",
    "tagging",
    "wafv2",
)
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


def start(root: Path, report: Callable[[str], object] = len) -> str:
    """Start the server of this root, if it does not run, and return its endpoint, an http URL.

    `report` gets a line every 5 s that this takes. LOCALCLOUD_MINUTE says how long things take in it. Raises UserError
    when it does not come up within a minute.
    """
    minute = _minute(os.environ)
    home = _home(root)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _lock(root):
        running = status(root)
        if running:
            return running.endpoint
        _end(root)
        record(root).unlink(missing_ok=True)
        forgotten(root).touch()
        keys = Layout(root).certificates / "service-accounts.pub"
        command = [sys.executable, "-u", "-m", "localcloud.emulator", str(state(root)), str(keys), str(minute)]

        def note(pid: int, started: str) -> None:
            _process(root).write_text(json.dumps({"pid": pid, "started": started}), encoding="utf-8")

        remind = Reminder(report)
        try:
            processes.spawn(command, log(root), server_environment(home), note)
            deadline = time.monotonic() + START_SECONDS
            while _running(root) and time.monotonic() < deadline:
                found = status(root)
                if found:
                    return found.endpoint
                remind(f"for the AWS emulator to be ready; its log is {log(root)}")
                time.sleep(_POLL)
        except BaseException:  # also Ctrl-C: nothing may be left half started
            _end(root)
            raise
        _end(root)
    raise UserError(f"The AWS emulator did not come up; its log, {log(root)}, ends with: {last_line(root)}")


def stop(root: Path) -> bool:
    """End the server of this root and forget what was about it; returns whether it ran."""
    if not _home(root).exists():
        return False
    with _lock(root):
        ran = _end(root)
        record(root).unlink(missing_ok=True)
        forgotten(root).unlink(missing_ok=True)
    return ran


def status(root: Path) -> Server | None:
    """The running server of this root, or None; a stale state file (the process is gone) counts as none."""
    try:
        server = Server(**json.loads(state(root).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{state(root)} is damaged ({error}): type `make down`, which ends the AWS emulator and forgets the local "
            "stack, and `make up`"
        ) from error
    return server if processes.alive(server.pid, server.started) else None


def alive(root: Path) -> bool:
    """Whether the server of this root runs, or at least is starting."""
    return _running(root) is not None


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


def log(root: Path) -> Path:
    """The server's log."""
    return _home(root) / "emulator.log"


def last_line(root: Path) -> str:
    """The last line of the server's log."""
    path = log(root)
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1] if lines else "(nothing)"


def _lock(root: Path) -> AbstractContextManager[None]:
    """Only one start or stop at a time."""
    return claim(_home(root).with_suffix(".lock"))


def _process(root: Path) -> Path:
    """The file that says which process was started last, from before that does anything: its pid and its start."""
    return _home(root) / "process.json"


def _running(root: Path) -> tuple[int, str] | None:
    """The process that was started last, while it runs; also by one of its files where the other is damaged."""
    for path in (_process(root), state(root)):
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
            pid, started = int(about["pid"]), str(about["started"])
        except (OSError, ValueError, TypeError, KeyError):
            continue
        if processes.alive(pid, started):
            return pid, started
    return None


def _end(root: Path) -> bool:
    """End what was started last, however far it came; returns whether it ran."""
    running = _running(root)
    if running:
        processes.end([running], END_SECONDS)
    state(root).unlink(missing_ok=True)
    _process(root).unlink(missing_ok=True)
    return running is not None
