"""What the local tests of the kubernetes stand-in share: the real engine, the stand-in, and stacks of plain objects."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
from pulumi import automation

import tools

Manifest = dict[str, Any]
Declare = Callable[[pulumi.ResourceOptions], None]


class KubernetesObject(pulumi.CustomResource):
    """One object, registered as pulumi-kubernetes does; a patch is named after its kind with Patch behind it."""

    metadata: pulumi.Output[dict[str, Any]]

    def __init__(
        self, name: str, manifest: Manifest, opts: pulumi.ResourceOptions | None = None, *, patch: bool = False
    ) -> None:
        version = manifest["apiVersion"]
        group = version if "/" in version else f"core/{version}"
        kind = manifest["kind"] + ("Patch" if patch else "")
        # What the program may read of the result is declared as an input that may be missing.
        super().__init__(f"kubernetes:{group}:{kind}", name, {"metadata": None, **manifest}, opts)


@dataclass(frozen=True)
class Engine:
    """A real engine whose package kubernetes is the stand-in."""

    root: Path
    environment: Mapping[str, str]
    stacks: list[automation.Stack] = field(default_factory=list)

    def stack(self, name: str, declare: Declare, **settings: Any) -> automation.Stack:
        """A stack of what is declared with the options given, on a provider with these settings."""
        folder = self.root / "workspaces" / name
        folder.mkdir(parents=True, exist_ok=True)
        stack = automation.create_or_select_stack(
            stack_name=name,
            project_name="standin",
            program=program(declare, settings),
            opts=automation.LocalWorkspaceOptions(
                work_dir=str(folder), env_vars=dict(self.environment), pulumi_home=str(self.root / "pulumi")
            ),
        )
        self.stacks.append(stack)
        return stack


def program(declare: Declare, settings: Mapping[str, Any]) -> Callable[[], None]:
    """A program that declares objects on a provider with these settings."""

    def run() -> None:
        provider = pulumi.ProviderResource("kubernetes", "cluster", dict(settings))
        declare(pulumi.ResourceOptions(provider=provider))

    return run


@contextmanager
def running_engine(root: Path) -> Iterator[Engine]:
    """The engine for the length of the block; the stand-in must end cleanly."""
    found = tools.ensure("pulumi", "pulumi-resource-kubernetes")
    os.environ["PATH"] = f"{found['pulumi'].parent}{os.pathsep}{os.environ['PATH']}"
    (root / "state").mkdir()
    server = subprocess.Popen([found["pulumi-resource-kubernetes"]], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        yield Engine(
            root,
            {
                "PULUMI_DEBUG_PROVIDERS": f"kubernetes:{port}",
                "PULUMI_CONFIG_PASSPHRASE": "x",
                "PULUMI_BACKEND_URL": f"file://{root / 'state'}",
                "PULUMI_SKIP_UPDATE_CHECK": "true",
            },
        )
    finally:
        server.terminate()
        code = server.wait(timeout=30)
    assert code == 0


def changes(result: Any) -> dict[str, int]:
    """How many resources a run did what with, those that stayed the same left out."""
    counted = result.change_summary if isinstance(result, automation.PreviewResult) else result.summary.resource_changes
    return {
        str(getattr(kind, "value", kind)): count
        for kind, count in (counted or {}).items()
        if str(getattr(kind, "value", kind)) != "same"
    }
