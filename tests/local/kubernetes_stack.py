"""What local tests of the official plugin share: the real engine, the program's own provider, stacks of objects."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi import automation

import tools
from infra.aws.cluster import kubernetes_provider
from infra.kubeflow.earlier import Earlier
from infra.kubeflow.install import KubeflowArgs, install
from infra.kubeflow.slim import slim
from localcloud import plugin
from ordering.graph import Graph, build

Manifest = dict[str, Any]
Declare = Callable[[pulumi.ProviderResource], None]


def platform(
    *manifests: Manifest, forced: bool = True, before: Callable[[Graph], Earlier] = lambda _: Earlier()
) -> Declare:
    """A program that installs these objects as it does a release: slimmed, in the graph's order."""

    def declare(provider: pulumi.ProviderResource) -> None:
        graph = build(slim(manifests))
        earlier = before(graph)
        args = KubeflowArgs(graph=graph, replacements={}, provider=provider, needs=[], forced=forced, earlier=earlier)
        install("kubeflow", args)

    return declare


@dataclass(frozen=True)
class Engine:
    """A real engine whose package kubernetes is the official plugin."""

    root: Path
    environment: Mapping[str, str]

    def stack(self, name: str, declare: Declare, kubeconfig: str, *, forced: bool = True) -> automation.Stack:
        """A stack of what is declared on the program's own provider, for the cluster of a kubeconfig.

        `forced` is as the setting `kubeflowConflicts` has it.
        """
        folder = self.root / "workspaces" / name
        folder.mkdir(parents=True, exist_ok=True)
        return automation.create_or_select_stack(
            stack_name=name,
            project_name="objects",
            program=program(declare, kubeconfig, forced=forced),
            opts=automation.LocalWorkspaceOptions(
                work_dir=str(folder),
                env_vars=dict(self.environment) | plugin.patches(forced=forced),
                pulumi_home=str(self.root / "pulumi"),
            ),
        )

    def state(self, stack: automation.Stack) -> str:
        """The stack's state as it is in the file."""
        return (self.root / "state" / ".pulumi" / "stacks" / "objects" / f"{stack.name}.json").read_text()


def program(declare: Declare, kubeconfig: str, *, forced: bool = True) -> Callable[[], None]:
    """A program that declares objects on the cluster of a kubeconfig."""

    def run() -> None:
        pulumi.export("kubeflow_release", "26.03")  # a stack without outputs counts as never brought up
        secret = pulumi.Output.secret(kubeconfig)
        declare(kubernetes_provider("cluster", cluster="tested", kubeconfig=secret, forced=forced))

    return run


@contextmanager
def running_engine(root: Path) -> Iterator[Engine]:
    """The engine for the length of the block."""
    found = tools.ensure("pulumi")
    os.environ["PATH"] = f"{found['pulumi'].parent}{os.pathsep}{os.environ['PATH']}"
    (root / "state").mkdir()
    plugin.install(root / "pulumi")
    yield Engine(
        root,
        {
            "PULUMI_CONFIG_PASSPHRASE": "x",
            "PULUMI_BACKEND_URL": f"file://{root / 'state'}",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        },
    )


def changes(result: Any) -> dict[str, int]:
    """How many resources a run did what with, those that stayed the same left out."""
    counted = result.change_summary if isinstance(result, automation.PreviewResult) else result.summary.resource_changes
    return {
        str(getattr(kind, "value", kind)): count
        for kind, count in (counted or {}).items()
        if str(getattr(kind, "value", kind)) != "same"
    }
