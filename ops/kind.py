"""The stack `kind`: a cluster on this machine's Docker, which its first `up` makes and its `destroy` deletes.

The arguments and answers of the program are those of kind v0.31.0 (pkg/cmd/kind): `create cluster` writes the context
`kind-NAME` to the person's own kubeconfig, `get clusters` lists names on standard output, and `delete cluster` succeeds
for a cluster that is gone.
"""

import re
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import yaml

from ordering.errors import UserError

STACK = "kind"
"""The stack whose cluster is made and deleted with it; its settings are in Pulumi.kind.yaml."""

CLUSTER = "kubeflow"

# What kind v0.31.0 starts by default (pkg/apis/config/defaults/image.go): an image needs a kind of its age or newer.
OLDEST = (0, 31)
IMAGE = "kindest/node:v1.35.0@sha256:452d707d4862f52530247495d180205e029056831160e22870e37e3f6c1ac31f"

CONFIG: dict[str, Any] = {
    "kind": "Cluster",
    "apiVersion": "kind.x-k8s.io/v1alpha4",
    "nodes": [{"role": "control-plane", "image": IMAGE}],
}

_WAIT = "5m"
_ASK_SECONDS, _MAKE_SECONDS = 60, 1200


def is_kind(stack: str) -> bool:
    """Whether the stack's cluster is made by kind, on this machine."""
    return stack == STACK


def ensure(say: Callable[[str], None]) -> None:
    """Makes the cluster unless it is there; UserError where kind or Docker is missing, too old, or fails."""
    program = _program()
    if _is_there(program):
        return
    say(f"Making the kind cluster {CLUSTER} with {IMAGE.partition('@')[0]}, which takes a few minutes.")
    arguments = ("create", "cluster", "--name", CLUSTER, "--config", "-", "--wait", _WAIT)
    _run(program, *arguments, given=yaml.safe_dump(CONFIG), seconds=_MAKE_SECONDS)


def check() -> None:
    """UserError where there is no cluster to look at."""
    if not _is_there(_program()):
        raise UserError(f"There is no kind cluster {CLUSTER} yet; `make up STACK={STACK}` makes it.")


def is_gone() -> bool:
    """Whether the cluster is not there any more; UserError where nobody can say."""
    return not _is_there(_program())


def delete(say: Callable[[str], None]) -> None:
    """Deletes the cluster."""
    _run(_program(), "delete", "cluster", "--name", CLUSTER, seconds=_ASK_SECONDS * 2)
    say(f"Deleted the kind cluster {CLUSTER}.")


def _program() -> str:
    found = shutil.which("kind")
    if found is None:
        raise UserError("kind is not on PATH; install kind 0.31 or newer (kind.sigs.k8s.io), and Docker.")
    told = _run(found, "version", seconds=_ASK_SECONDS)
    number = re.search(r"v(\d+)\.(\d+)", told)
    if number is None or (int(number[1]), int(number[2])) < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise UserError(f"{found} is {told.strip() or 'of an unknown version'}; install kind {wanted} or newer.")
    return found


def _is_there(program: str) -> bool:
    return CLUSTER in _run(program, "get", "clusters", seconds=_ASK_SECONDS).split()


def _run(program: str, *arguments: str, seconds: int, given: str = "") -> str:
    """What kind prints; UserError with its own words where it fails."""
    shown = f"kind {' '.join(arguments[:2])}"
    try:
        done = subprocess.run(
            [program, *arguments], input=given, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"`{shown}` has not ended within {seconds} s; see that Docker answers (`docker ps`).") from None
    except OSError as error:
        raise UserError(f"{program} does not run ({error.strerror}); install kind again.") from None
    if done.returncode == 0:
        return done.stdout
    told = " ".join(line.strip() for line in done.stderr.splitlines() if _tells(line)) or f"exit code {done.returncode}"
    if "docker" in told.lower() and ("daemon" in told or "executable file not found" in told):
        raise UserError(f"Docker does not run, so kind cannot ({told}); start it, and run the same command again.")
    raise UserError(f"`{shown}` failed: {told}; fix that, and run the same command again.")


def _tells(line: str) -> bool:
    """Whether a line of kind's standard error says why, as `logError` has it (cmd/kind/app/main.go)."""
    return line.startswith(("ERROR: ", "Command Output: "))
