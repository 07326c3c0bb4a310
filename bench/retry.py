"""The install that everybody copies, on the same control plane: apply everything, sleep, again, until nothing fails."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tools
from localcloud.plane import Plane
from ops import audit
from ordering.errors import UserError
from ordering.manifests.objects import Manifest
from tests.local.cluster import default_class, is_available

PAUSE_S = 10.0
MOST_PASSES = 30
SERVER_SIDE = ("--server-side", "--force-conflicts")
_POLL_S = 0.5
_ANNOTATIONS_BYTES = 240 << 10
"""The API server's limit is 256 KiB for all annotations of an object together."""

# The stack makes this one beside the cluster; the loop finds it there, as on a cluster that somebody else made.
STORAGE_CLASS = default_class("gp3")


def until_applied(plane: Plane, objects: list[Manifest]) -> dict[str, Any]:
    """`until kubectl apply --server-side --force-conflicts -f …; do sleep 10; done`, then until all Deployments are
    Available; with an empty discovery cache. UserError when it comes to no end."""
    with _kubectl(plane) as kubectl:
        if kubectl.apply([STORAGE_CLASS], *SERVER_SIDE):
            raise UserError(f"kubectl cannot write to {plane.server}; see {plane.logs}.")
        since, started = datetime.now(UTC), time.time()
        passes = _passes(kubectl, objects)
        applied = time.time()
        kubectl.until_available()
        ended = time.time()
    with plane.audit_log.open() as log, plane.webhook_calls.open() as calls:
        report = audit.report(log, calls, since=since)
    return {
        "seconds": round(ended - started, 2),
        "passes_s": passes,
        "pauses_s": PAUSE_S * (len(passes) - 1),
        "available_after_s": round(ended - applied, 2),
        "refused_requests": len(report.refused),
        "refused_webhooks": len(report.refused_calls),
    }


def install(plane: Plane, objects: list[Manifest], *, client_side: bool) -> None:
    """The same loop for a platform that is to be there, with or without `--server-side`.

    kubectl itself keeps what it applied in an annotation, which no object may have more than 256 KiB of: people apply
    the definitions that are longer with `--server-side`, and so does this.
    """
    with _kubectl(plane) as kubectl:
        long = [one for one in objects if not client_side or len(json.dumps(one)) > _ANNOTATIONS_BYTES]
        _passes(kubectl, long)
        _passes(kubectl, [one for one in objects if one not in long], how=())
        kubectl.until_available()


@dataclass(frozen=True)
class _Kubectl:
    """kubectl on one cluster, with a folder for what it reads."""

    program: str
    environment: Mapping[str, str]
    folder: Path

    def apply(self, objects: list[Manifest], *how: str) -> int:
        """Its exit code for all of them at once."""
        file = self.folder / "manifests.yaml"
        file.write_text("".join(f"---\n{json.dumps(manifest)}\n" for manifest in objects))
        command = [self.program, "apply", *how, "-f", str(file)]
        return subprocess.run(command, env=self.environment, capture_output=True, check=False).returncode

    def until_available(self) -> None:
        """Waits for all Deployments."""
        while not self._available():
            time.sleep(_POLL_S)

    def _available(self) -> bool:
        """Whether all Deployments are; one without a status is not."""
        command = [self.program, "get", "deployments", "--all-namespaces", "-o", "json"]
        answer = subprocess.run(command, env=self.environment, capture_output=True, check=True).stdout
        return all(map(is_available, json.loads(answer)["items"]))


@contextmanager
def _kubectl(plane: Plane) -> Iterator[_Kubectl]:
    """With an empty discovery cache."""
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig), "KUBECACHEDIR": str(made / "cache")}
        yield _Kubectl(str(tools.ensure("kubectl")["kubectl"]), environment, made)


def _passes(kubectl: _Kubectl, objects: list[Manifest], how: tuple[str, ...] = SERVER_SIDE) -> list[float]:
    """Applies all until nothing fails; the seconds of each pass."""
    passes: list[float] = []
    while objects:
        begun = time.time()
        code = kubectl.apply(objects, *how)
        passes.append(round(time.time() - begun, 2))
        if code == 0:
            break
        if len(passes) == MOST_PASSES:
            raise UserError(f"kubectl still fails after {MOST_PASSES} passes.")
        time.sleep(PAUSE_S)
    return passes
