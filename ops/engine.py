"""The engine's command line tool, as the Automation API wants it."""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pulumi import automation
from semver import VersionInfo

import tools

_CLOSED = (
    "the settings or the state were encrypted with another passphrase; set PULUMI_CONFIG_PASSPHRASE to that one, or "
    "set the password again with `make password`."
)

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Command(automation.PulumiCommand):
    """The engine on PATH, or the one that `tools` brings.

    It is of a version that is known to do, so nobody asks it, as the Automation API would each time.
    """

    def __init__(self) -> None:
        [found] = tools.find("pulumi")
        self.command = str(in_bin(found.path))
        self.version = VersionInfo.parse(found.origin.partition(",")[0])


def in_bin(program: Path) -> Path:
    """A program as one that lies in a folder called `bin`, by which the engine's process is known from others."""
    if program.parent.name == "bin":
        return program
    link = program.parent / "bin" / program.name
    if not link.exists():
        link.parent.mkdir(exist_ok=True)
        with suppress(FileExistsError):
            link.symlink_to(program)
    return link


def left_behind(folder: Path, *, own_state: bool) -> dict[str, str]:
    """What makes the engine and its plugins leave in the folder what they would leave for ever.

    The Kubernetes plugin writes each provider's kubeconfig to a temporary file (`writeKubeconfigToFile` in
    provider/pkg/provider/util.go of pulumi-kubernetes at f47bc2d6f199). The engine keeps the token of every backend
    that the environment names (sdk/go/common/workspace/creds.go at 3.259.0), and a journal of our own state has a new
    address and token for each run.
    """
    credentials = {"PULUMI_CREDENTIALS_PATH": str(folder)} if own_state else {}
    return {"TMPDIR": str(folder), **credentials}


def killed(error: automation.CommandError) -> str | None:
    """What to say of an engine that was killed before it said anything; None where it ended by itself."""
    output = str(error)
    ended = re.search(r"^ code: -(\d+)$", output, re.MULTILINE)
    if ended is None or "error: " in output:
        return None
    return f"The engine was killed by signal {ended[1]}: run the same command again, and it continues from there."


def told(error: automation.CommandError) -> str:
    """Why the engine failed, in its own words where it said any."""
    # The journal's own sentences come with the number of an HTTP answer.
    output = re.sub(r"\[\d{3}\] ", "", _COLOURS.sub("", str(error)))
    # What it lists below a line of its own is indented.
    found = [one.strip() for one in re.findall(r"error: (.*(?:\n[ \t]+\S.*)*)", output)]
    return killed(error) or "\n".join(map(_explained, found)) or output.strip()


def _explained(reason: str) -> str:
    """What the engine says, and what it means where it says that to nobody but its authors."""
    closed = "message authentication failed" in reason or "incorrect passphrase" in reason
    return f"{reason}: {_CLOSED}" if closed else reason


def journals(errors: Sequence[str]) -> str:
    """What the journal itself says among the engine's errors, where it does: each resource under way repeats that."""
    return "\n".join(dict.fromkeys(found[1] for one in errors if (found := re.search(r"\[500\] (.+)", one))))
