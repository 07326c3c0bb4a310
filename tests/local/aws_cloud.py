"""What the local tests of the aws stand-ins share: the AWS emulator, the stand-ins before it, and stacks on them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi import automation

import tools
from localcloud import emulator
from tests.local.stack import REGION, aws_client

ROOT = Path(__file__).resolve().parents[2]
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "local", "cluster": {"server": "https://127.0.0.1:6443"}}],
    "users": [{"name": "admin", "user": {"token": "a-token"}}],
    "contexts": [{"name": "local", "context": {"cluster": "local", "user": "admin"}}],
    "current-context": "local",
}


@dataclass(frozen=True)
class Cloud:
    """An AWS emulator with the three stand-ins before it."""

    root: Path
    environment: dict[str, str]

    def client(self, service: str, region: str = REGION) -> Any:
        return aws_client(service, self.environment, region)

    def stack(self, name: str, program: Callable[[], None]) -> automation.Stack:
        pulumi_cli = tools.ensure("pulumi")["pulumi"]
        folder = self.root / "workspaces" / name
        folder.mkdir(parents=True, exist_ok=True)
        stack = automation.create_or_select_stack(
            stack_name=name,
            project_name="standins",
            program=program,
            opts=automation.LocalWorkspaceOptions(
                work_dir=str(folder),
                env_vars=self.environment,
                pulumi_command=_command(pulumi_cli),
                pulumi_home=str(self.root / "pulumi"),
            ),
        )
        stack.set_config("aws:region", automation.ConfigValue(REGION))
        return stack


def _command(cli: Path) -> automation.PulumiCommand:
    os.environ["PATH"] = f"{cli.parent}{os.pathsep}{os.environ['PATH']}"
    return automation.PulumiCommand()


@contextmanager
def running_cloud(root: Path, kubeconfig: Path | None = None) -> Iterator[Cloud]:
    """The cloud for the length of the block, for the emulator's one administrator; its servers must end cleanly."""
    with emulated(root, kubeconfig) as environment, serving(root, environment) as cloud:
        yield cloud


@contextmanager
def emulated(root: Path, kubeconfig: Path | None = None) -> Iterator[dict[str, str]]:
    """The emulator alone for the length of the block: the environment of its one administrator.

    `kubeconfig` is that of every cluster which is made in it; without one they lead nowhere.
    """
    if kubeconfig is None:
        kubeconfig = root / "kubeconfig"
        kubeconfig.write_text(json.dumps(KUBECONFIG))
    (root / "state").mkdir()
    emulator.start(root)
    environment = {
        **emulator.environment(root),
        "LOCALCLOUD_AWS_RECORD": str(emulator.record(root)),
        "LOCALCLOUD_KUBECONFIG": str(kubeconfig),
        "PULUMI_CONFIG_PASSPHRASE": "x",
        "PULUMI_BACKEND_URL": f"file://{root / 'state'}",
    }
    try:
        yield environment
    finally:
        emulator.stop(root)


@contextmanager
def serving(root: Path, shared: dict[str, str]) -> Iterator[Cloud]:
    """A running cloud for whoever's credentials are in an environment, for the length of the block."""
    servers = {
        name: subprocess.Popen(
            [sys.executable, "-m", "localcloud.providers", name],
            env={**os.environ, **shared},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("aws", "eks", "random")
    }
    try:
        ports = {name: _first_line(server) for name, server in servers.items()}
        yield Cloud(
            root,
            {**shared, "PULUMI_DEBUG_PROVIDERS": ",".join(f"{name}:{port}" for name, port in ports.items())},
        )
    finally:
        for server in servers.values():
            server.terminate()
        codes = {name: server.wait(timeout=30) for name, server in servers.items()}
    assert codes == {"aws": 0, "eks": 0, "random": 0}


def _first_line(server: "subprocess.Popen[str]") -> int:
    assert server.stdout is not None
    return int(server.stdout.readline())


def changes(result: Any) -> dict[str, int]:
    """How many resources an update or a refresh did what with, those that stayed the same left out."""
    counted = result.summary.resource_changes or {}
    return {str(kind): count for kind, count in counted.items() if kind != "same"}


def planned(result: automation.PreviewResult) -> dict[str, int]:
    """The same for a preview."""
    return {str(kind): count for kind, count in result.change_summary.items() if str(kind) != "same"}


def made_by_hand(client: Any, method: str, key: str, **arguments: Any) -> list[Any]:
    """What there is in the cloud."""
    return list(getattr(client, method)(**arguments)[key])
