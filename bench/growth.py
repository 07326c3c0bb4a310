"""How the time of `up` grows with the number of objects, where nothing waits."""

import time
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from pulumi import automation

from bench.synthetic import account, binding, config_map, namespace, role, secret, service
from infra.aws.cluster import kubernetes_provider
from infra.kubeflow.install import KubeflowArgs, install
from ops.engine import Command
from ops.program import Program
from ops.project import project_name
from ops.run import PARALLEL
from ordering.graph import build
from ordering.manifests.objects import Manifest

SIZES = (500, 1_000, 2_000, 4_000)


def plain_platform(size: int) -> list[Manifest]:
    """`size` objects of teams that share nothing: no kinds of their own, no webhooks, nothing to wait for."""
    return list(islice(_teams(f"plain-{size}"), size))


def _teams(prefix: str) -> Iterator[Manifest]:
    number = 0
    while True:
        place = f"{prefix}-{number:03}"
        robot, local = account("robot", place), role("robot", place)
        yield namespace(place)
        yield from (robot, local, binding("robot", local, robot, place))
        # Half a kilobyte each, as a release's objects have on average without its definitions.
        yield from (config_map(f"settings-{i}", place, data={"text": "x" * 400}) for i in range(10))
        yield from (secret(f"key-{i}", place) for i in range(5))
        yield from (service(f"part-{i}", place) for i in range(5))
        number += 1


class _Growth(Program):
    def __init__(self, size: int, kubeconfig: Path) -> None:
        super().__init__()
        self._graph, self._kubeconfig = build(plain_platform(size)), kubeconfig

    def run(self) -> None:
        provider = kubernetes_provider("plain", cluster="plain", kubeconfig=str(self._kubeconfig))
        install("plain", KubeflowArgs(graph=self._graph, replacements={}, provider=provider, needs=[]))


def bring_up(size: int, env: Mapping[str, str], kubeconfig: Path) -> float:
    """Seconds of the engine's `up` of a platform of `size` objects, in a stack of its own."""
    options = automation.LocalWorkspaceOptions(
        env_vars=dict(env),
        project_settings=automation.ProjectSettings(name=project_name(), runtime="python"),
        secrets_provider="passphrase",
        pulumi_command=Command(),
    )
    stack = automation.create_or_select_stack(
        f"plain-{size}", project_name=project_name(), program=_Growth(size, kubeconfig), opts=options
    )
    started = time.monotonic()
    stack.up(parallel=PARALLEL, suppress_progress=True)
    return round(time.monotonic() - started, 2)
