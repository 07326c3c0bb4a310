"""A laptop for one experiment: a control plane, AWS emulator and state of its own, gone afterwards."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import timeline
from bench.processes import watching
from localcloud import emulator, laptop, plane
from localcloud.plane import Plane, Pods
from localcloud.plane.layout import Layout, read_state
from ops import audit
from ops.project import PROJECT_ROOT
from ordering.errors import UserError
from ordering.graph import Graph, ObjectId

LONGEST_S = 1800.0
"""What takes longer hangs."""


@dataclass(frozen=True)
class Lab:
    """`root` holds everything that the experiment's processes keep."""

    root: Path
    plane: Plane

    def command(self, *arguments: str, manifests: Path | None = None) -> dict[str, Any]:
        """Runs `python -m bench.command` here; its result, and what all processes needed meanwhile."""
        # How long AWS takes is no figure of this project's.
        environment = {**os.environ, "KUBEFLOW_LOCAL_ROOT": str(self.root), emulator.MINUTE: "0"}
        if manifests is not None:
            environment["KUBEFLOW_MANIFESTS"] = str(manifests)
        with (
            subprocess.Popen(
                [sys.executable, "-m", "bench.command", *arguments],
                cwd=PROJECT_ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ) as process,
            watching(lambda: {process.pid, *self._servers()}) as usage,
        ):
            try:
                told, noise = process.communicate(timeout=LONGEST_S)
            except BaseException:  # it must not outlive the plane that it works on
                process.terminate()
                raise
        if process.returncode:
            raise UserError(f"`{' '.join(arguments)}` failed in the benchmark:\n{noise[-3000:]}")
        result: dict[str, Any] = json.loads(told.splitlines()[-1])
        return {**result, "cpu_s": usage.cpu_s(), "peak_mb": usage.peak_mb()}

    def spans(self, graph: Graph, done: Mapping[str, float], since: float) -> dict[ObjectId, timeline.Span]:
        """When each object of the graph was sent and ready, in what began after `since` (seconds since the epoch)."""
        with self.plane.audit_log.open() as log:
            return timeline.spans(log, graph, done, since=since)

    def refused(self, since: float) -> audit.Report:
        """What the API server and the webhooks refused since then."""
        with self.plane.audit_log.open() as log, self.plane.webhook_calls.open() as calls:
            return audit.report(log, calls, since=datetime.fromtimestamp(since, UTC))

    def _servers(self) -> set[int]:
        running = emulator.status(self.root)
        planes = read_state(Layout(self.root)).processes.values()
        return {record.pid for record in planes} | ({running.pid} if running else set())


@contextmanager
def fresh(pods: Pods = "instant") -> Iterator[Lab]:
    """A laptop that nobody has used; its processes are ended and its files removed at the end of the block."""
    root = Path(tempfile.mkdtemp(prefix="kubeflow-bench-"))
    try:
        yield Lab(root, plane.start(root, pods=pods))
    finally:
        laptop.stop(root)
        shutil.rmtree(root)
