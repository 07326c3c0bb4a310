"""The laptop in one piece: tools, control plane, AWS emulator and the providers, as `make up` needs them.

The control plane and the emulator outlive a run (`make down` ends them); the stand-ins live as long as the run.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from localcloud import emulator, plane, plugin
from localcloud.aws.record import recorded_kinds
from ordering.errors import UserError
from tools.claim import claim
from tools.leash import leash

Pods = Literal["instant", "realistic"]
Report = Callable[[str], None]

PACKAGES = {
    "kubernetes": plugin.SDK,
    "aws": "pulumi-aws",
    "random": "pulumi-random",
    "eks": "pulumi-eks",
}
"""The packages that the program uses, and the distributions of their SDKs."""

STAND_INS = tuple(package for package in PACKAGES if package != "kubernetes")
"""Packages that are played here, with a network or without: AWS is on this machine, and its cluster the local plane."""

PROJECT_ROOT = Path(__file__).resolve().parents[1]
# Left to itself the engine asks for what is not there again at every run, and without a network it takes four seconds
# to give up.
_OFFLINE = {"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true", "PULUMI_SKIP_UPDATE_CHECK": "true"}

TOOLS = (*plane.COMPONENTS, plugin.TOOL)
"""What it runs."""


@dataclass(frozen=True, kw_only=True)
class Laptop:
    """A running laptop.

    environment: what the engine needs to find everything.
    plugin: which code of the official Kubernetes plugin serves in this run, and where it comes from, in words.
    forgot: the emulator, which keeps AWS in memory, was started since the state was last refreshed: what that knows of
    may be gone.
    """

    plane: plane.Plane
    environment: Mapping[str, str]
    plugin: str
    forgot: bool


@contextmanager
def running(root: Path, *, pods: Pods, report: Report) -> Iterator[Laptop]:
    """Starts what is not running yet, serves the stand-ins for the length of the block, and yields the laptop.

    Until the block ends, `alone` refuses: nobody takes the laptop away from under a run.
    """
    with claim(in_use(root), lambda: report("waiting until `make down` has ended"), shared=True):
        home = _pulumi_home(root)
        official = plugin.install(home)
        started = plane.start(root, pods=pods, report=lambda event: report(str(event)))
        report(f"control plane: {started.server}, pods start {pods}")
        endpoint = emulator.start(root, report)
        report(f"AWS emulator: {endpoint}")
        environment = {**client_environment(root), **_OFFLINE, "PULUMI_HOME": str(home)} | plugin.patches(forced=True)
        with _serving(STAND_INS, {**os.environ, **environment}, root / ".local" / "logs") as ports:
            environment["PULUMI_DEBUG_PROVIDERS"] = ",".join(f"{package}:{port}" for package, port in ports.items())
            forgot = emulator.forgotten(root).exists()
            yield Laptop(plane=started, environment=environment, plugin=official, forgot=forgot)


def client_environment(root: Path) -> dict[str, str]:
    """How clients reach the running laptop: the emulator and its access key, the record beside it, the cluster."""
    return {
        **emulator.environment(root),
        "LOCALCLOUD_KUBECONFIG": str(plane.kubeconfig(root)),
        "LOCALCLOUD_AWS_RECORD": str(emulator.record(root)),
        "LOCALCLOUD_ISSUER": plane.issuer(root),
    }


def recorded(root: Path) -> dict[str, int]:
    """What the emulator lacks and the aws stand-in recorded in its place: the number of things by kind."""
    return recorded_kinds(emulator.record(root))


def refreshed(root: Path) -> None:
    """The state knows again what the emulator holds."""
    emulator.forgotten(root).unlink(missing_ok=True)


def lost(root: Path) -> str | None:
    """A sentence about a part of the laptop that has died since it was started; None where all of them run."""
    gone = plane.lost(root)
    if gone is None and not emulator.alive(root):
        gone = (
            f"The AWS emulator has died, and what it held with it; its log, {emulator.log(root)}, ends with: "
            f"{emulator.last_line(root)}"
        )
    return gone and f"{gone}. Type the same command again: it starts what is missing, and goes on from there."


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """No run uses the laptop for the length of the block, and none begins; UserError where one does."""

    def busy() -> None:
        raise UserError(
            "A run is at work on the local stack, and nothing was stopped: wait for it to end, or press Ctrl-C there, "
            "and type `make down` again."
        )

    with claim(in_use(root), busy):
        yield


def in_use(root: Path) -> Path:
    """The file that runs lock while they use the laptop."""
    return root.resolve() / ".local" / "in-use.lock"


def stop(root: Path) -> None:
    """Ends the control plane and the emulator, and forgets what they held."""
    plane.stop(root, wipe=True)
    emulator.stop(root)


def _pulumi_home(root: Path) -> Path:
    """A Pulumi home of the laptop's own.

    `logs` is a plain file there: the engine would log each property of each object (180 MB a run), and it goes on
    without that log.
    """
    home = root / ".local" / "pulumi"
    home.mkdir(parents=True, exist_ok=True)
    (home / "logs").touch()
    return home


@contextmanager
def _serving(packages: Iterable[str], environment: Mapping[str, str], logs: Path) -> Iterator[dict[str, int]]:
    """Serves the packages for the length of the block, all started at once; yields each one's port."""
    logs.mkdir(parents=True, exist_ok=True)
    servers: dict[str, subprocess.Popen[bytes]] = {}
    with leash() as tie:
        try:
            for package in packages:
                with _log(logs, package).open("ab") as log:
                    servers[package] = subprocess.Popen(
                        [sys.executable, "-m", "localcloud.providers", package],
                        env=environment,
                        stdout=subprocess.PIPE,
                        stderr=log,
                        cwd=PROJECT_ROOT,
                        # Ctrl-C goes to all of a terminal's session, and the engine waits for their answers then.
                        start_new_session=True,
                    )
                tie(servers[package].pid)
            yield {package: _port(package, server, logs) for package, server in servers.items()}
        finally:
            for server in servers.values():
                server.terminate()
            for server in servers.values():
                try:
                    server.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    server.kill()


def _log(logs: Path, package: str) -> Path:
    return logs / f"provider-{package}.log"


def _port(package: str, server: subprocess.Popen[bytes], logs: Path) -> int:
    """The port that a stand-in says on its first line."""
    assert server.stdout is not None
    first = server.stdout.readline().strip()
    if not first.isdigit():
        raise UserError(f"The stand-in for the {package} provider did not start; {_log(logs, package)} says why.")
    return int(first)
