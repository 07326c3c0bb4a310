"""Where a control plane keeps what it needs, and what it wrote down about itself."""

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ordering.errors import UserError

Pods = Literal["instant", "realistic"]

# The address of a Unix socket has 108 bytes on Linux and 104 on macOS, with the closing zero.
_LONGEST_SOCKET_PATH = 100
# No such host: nothing fetches the keys, and IAM takes no name but one of https.
ISSUER_HOST = "oidc.kubeflow.invalid"


@dataclass(frozen=True)
class Layout:
    """The files of the control plane under `<root>/.local/plane`."""

    root: Path

    @property
    def home(self) -> Path:
        """The folder of everything; readable by its owner only, as it holds keys."""
        return self.root.resolve() / ".local" / "plane"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.home / "kubeconfig"

    @property
    def pids(self) -> Path:
        """The state file: processes, ports and settings of the running plane."""
        return self.home / "plane.json"

    @property
    def data(self) -> Path:
        """The data of etcd."""
        return self.home / "etcd"

    @property
    def logs(self) -> Path:
        """The folder of the logs, one a component."""
        return self.home / "logs"

    @property
    def audit_log(self) -> Path:
        """A JSON line for every request that the API server answered."""
        return self.logs / "audit.json"

    @property
    def webhook_calls(self) -> Path:
        """A JSON line for every admission or conversion call."""
        return self.logs / "webhook-calls.json"

    @property
    def kubectl_cache(self) -> Path:
        """kubectl's own cache: under the home folder it would mix up this plane with an older one at the same port."""
        return self.home / "kubectl-cache"

    @property
    def certificates(self) -> Path:
        """Keys and certificates."""
        return self.home / "certificates"

    @property
    def issuer(self) -> str:
        """Who says that a service account is who it claims to be: as with EKS, one of the cluster's own."""
        return f"https://{ISSUER_HOST}/id/{hashlib.sha256(os.fsencode(self.home)).hexdigest()[:32].upper()}"

    @property
    def egress_socket(self) -> Path:
        """The Unix socket at which the API server hands over its calls into the cluster."""
        path = self.home / "egress.sock"
        if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
            return path
        short = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"kubeflow-plane-{short}.sock"

    def log(self, component: str) -> Path:
        """The log of a component."""
        return self.logs / f"{component}.log"

    def last_lines(self, component: str, count: int = 5) -> str:
        """The end of a component's log, for an error message."""
        try:
            lines = self.log(component).read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return "\n".join(f"    {line}" for line in lines[-count:]) or "    (it wrote nothing)"


@dataclass
class Record:
    """What is known about one started component."""

    pid: int
    started: str
    """The start of the process as the system tells it; a reused pid has another."""
    wanted: str
    """A digest of the command line and the configuration that it was started with."""


@dataclass
class State:
    """The contents of the state file."""

    pods: Pods = "instant"
    seed: int = 0
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, Record] = field(default_factory=dict)


def read_state(layout: Layout) -> State:
    """The state as last written; an empty one when there is none.

    Raises UserError when the file is damaged, because processes may run of which nothing is known then.
    """
    try:
        text = layout.pids.read_text()
    except FileNotFoundError:
        return State()
    try:
        parsed: dict[str, Any] = json.loads(text)
        processes = {name: Record(**record) for name, record in parsed["processes"].items()}
        ports = {str(name): int(port) for name, port in parsed["ports"].items()}
        return State(pods=parsed["pods"], seed=parsed["seed"], ports=ports, processes=processes)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"{layout.pids} is damaged ({error}): type `make down`, which ends the control plane and forgets the local "
            "stack, and `make up`"
        ) from error


def write_state(layout: Layout, state: State) -> None:
    """Write the state so that a reader sees the old or the new, never a part."""
    text = json.dumps(
        {
            "pods": state.pods,
            "seed": state.seed,
            "ports": state.ports,
            "processes": {name: vars(record) for name, record in state.processes.items()},
        },
        indent=2,
    )
    new = layout.pids.with_suffix(".new")
    new.write_text(text + "\n")
    new.replace(layout.pids)
