"""The laptop in one piece: tools, control plane, AWS emulator and the stand-in providers, as `make up` needs them.

The control plane and the emulator outlive a run (`make down` ends them); the stand-ins live as long as the run.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import tools
from infra.errors import UserError
from localcloud import emulator, plane
from localcloud.aws.record import recorded_kinds
from tools.leash import leash

Pods = Literal["instant", "realistic"]
Report = Callable[[str], None]

# The eks package is always played here: the cluster that it makes is the local control plane, which no account has.
PACKAGES = {
    "kubernetes": "pulumi-kubernetes",
    "aws": "pulumi-aws",
    "random": "pulumi-random",
    "eks": "pulumi-eks",
}
ALWAYS_PLAYED = frozenset({"eks"})
PROJECT_ROOT = Path(__file__).resolve().parents[1]
DOWNLOAD_HOST = "get.pulumi.com"
# What can be downloaded was, by `_official_plugin`. Left to itself the engine asks for the rest again at every run, and
# without a network it takes four seconds to give up.
_OFFLINE = {"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true", "PULUMI_SKIP_UPDATE_CHECK": "true"}

TOOLS = plane.COMPONENTS
"""What it always runs; the stand-in for the kubernetes plugin comes on top where that plugin is not available."""


@dataclass(frozen=True, kw_only=True)
class Laptop:
    """A running laptop.

    environment: what the engine needs to find everything.
    stand_ins: the packages that the official plugin does not serve in this run.
    forgot: the emulator, which keeps AWS in memory, was started since the state was last refreshed: what that knows of
    may be gone.
    """

    plane: plane.Plane
    environment: Mapping[str, str]
    stand_ins: tuple[str, ...]
    forgot: bool


@contextmanager
def running(root: Path, *, pods: Pods, report: Report) -> Iterator[Laptop]:
    """Starts what is not running yet, serves the stand-ins for the length of the block, and yields the laptop."""
    home = _pulumi_home(root)
    started = plane.start(root, pods=pods, report=lambda event: report(str(event)))
    report(f"control plane: {started.server}, pods start {pods}")
    endpoint = emulator.start(root)
    report(f"AWS emulator: {endpoint}")
    environment = {**client_environment(root), **_OFFLINE, "PULUMI_HOME": str(home)}
    stand_ins = tuple(
        package for package in PACKAGES if package in ALWAYS_PLAYED or not _official_plugin(package, home)
    )
    with _serving(stand_ins, {**os.environ, **environment}, root / ".local" / "logs") as ports:
        environment["PULUMI_DEBUG_PROVIDERS"] = ",".join(f"{package}:{port}" for package, port in ports.items())
        yield Laptop(
            plane=started, environment=environment, stand_ins=stand_ins, forgot=emulator.forgotten(root).exists()
        )


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


def stop(root: Path) -> None:
    """Ends the control plane and the emulator, and forgets what they held."""
    plane.stop(root, wipe=True)
    emulator.stop(root)


def _pulumi_home(root: Path) -> Path:
    """A Pulumi home of the laptop's own, with the person's plugins in it.

    `logs` is a plain file there: the engine would log each property of each object (180 MB a run), and it goes on
    without that log.
    """
    home = root / ".local" / "pulumi"
    home.mkdir(parents=True, exist_ok=True)
    (home / "logs").touch()
    plugins = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi") / "plugins"
    if plugins.is_dir() and not (home / "plugins").exists():
        (home / "plugins").symlink_to(plugins)
    return home


def _official_plugin(package: str, home: Path) -> bool:
    """Whether the official plugin of the pinned version is installed, or can be downloaded now."""
    wanted = version(PACKAGES[package])
    if (home / "plugins" / f"resource-{package}-v{wanted}").is_dir():
        return True
    try:
        socket.create_connection((DOWNLOAD_HOST, 443), timeout=2).close()
    except OSError:
        return False
    pulumi = tools.ensure("pulumi")["pulumi"]
    install = [str(pulumi), "plugin", "install", "resource", package, wanted]
    return subprocess.run(install, env={**os.environ, "PULUMI_HOME": str(home)}, capture_output=True).returncode == 0


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
                        _command(package),
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


def _command(package: str) -> list[str]:
    if package == "kubernetes":
        return [str(tools.bring("pulumi-resource-kubernetes")["pulumi-resource-kubernetes"])]
    return [sys.executable, "-m", "localcloud.providers", package]


def _log(logs: Path, package: str) -> Path:
    return logs / f"provider-{package}.log"


def _port(package: str, server: subprocess.Popen[bytes], logs: Path) -> int:
    """The port that a stand-in says on its first line."""
    assert server.stdout is not None
    first = server.stdout.readline().strip()
    if not first.isdigit():
        raise UserError(f"The stand-in for the {package} provider did not start; {_log(logs, package)} says why.")
    return int(first)
