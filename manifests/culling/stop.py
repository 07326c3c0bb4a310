"""Stops notebook servers that hold an accelerator and have been idle for IDLE_MINUTES, as the controller stops others.

Runs in a pod of its own every few minutes. The notebook controller asks each server once a minute what its kernels do,
and writes the answer beside the server (kubeflow/kubeflow v1.10.0, culling_controller.go); this reads it, and writes
what makes the controller take the pod away. Only the standard library is at hand.
"""

import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
NOTEBOOKS = "/apis/kubeflow.org/v1/notebooks"

STOPPED = "kubeflow-resource-stopped"
ACTIVITY = "notebooks.kubeflow.org/last-activity"
CHECKED = "notebooks.kubeflow.org/last_activity_check_timestamp"
# `jupyter`, or an editor that has no kernels to be asked about.
SERVER = "notebooks.kubeflow.org/server-type"

ACCELERATORS = ("nvidia.com/", "amd.com/gpu", "aws.amazon.com/neuron", "habana.ai/")
STALE = timedelta(minutes=10)
"""An older check says nothing: the controller may be down, and somebody at work."""

Manifest = dict[str, Any]


def idle(notebooks: list[Manifest], now: datetime, limit: timedelta) -> Iterator[Manifest]:
    """Those to stop: they hold an accelerator, run, and were last active before the limit by a check that is fresh."""
    for one in notebooks:
        noted = one["metadata"].get("annotations") or {}
        if STOPPED in noted or noted.get(SERVER, "jupyter") != "jupyter" or not _accelerated(one):
            continue
        active, checked = _time(noted.get(ACTIVITY)), _time(noted.get(CHECKED))
        if active and checked and now - checked < STALE and now - active > limit:
            yield one


def _accelerated(one: Manifest) -> bool:
    for container in one["spec"]["template"]["spec"]["containers"]:
        resources = container.get("resources") or {}
        for asked in ("limits", "requests"):
            for name, count in (resources.get(asked) or {}).items():
                if name.startswith(ACCELERATORS) and str(count) != "0":
                    return True
    return False


def _time(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat((text or "").replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else None


class Api:
    """The API server, asked as the pod's service account."""

    def __init__(self, host: str, port: str) -> None:
        self._server = f"https://{host}:{port}"
        self._token = (ACCOUNT / "token").read_text(encoding="utf-8").strip()
        self._context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))

    def ask(self, path: str, patch: Manifest | None = None) -> Manifest:
        """An answer; HTTPError where there is none."""
        request = urllib.request.Request(
            self._server + path,
            data=None if patch is None else json.dumps(patch).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/merge-patch+json"},
            method="GET" if patch is None else "PATCH",
        )
        with urllib.request.urlopen(request, timeout=30, context=self._context) as answer:
            found: Manifest = json.load(answer)
        return found


def main() -> int:
    """Stops what is idle; returns how many could not be."""
    now, limit = datetime.now(UTC), timedelta(minutes=int(os.environ["IDLE_MINUTES"]))
    api = Api(os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"])
    failed = 0
    for one in idle(api.ask(NOTEBOOKS)["items"], now, limit):
        about = one["metadata"]
        namespace, name = about["namespace"], about["name"]
        noted = {STOPPED: now.strftime("%Y-%m-%dT%H:%M:%SZ")}
        # Of this version alone: whoever was active meanwhile goes on.
        patch = {"metadata": {"resourceVersion": about["resourceVersion"], "annotations": noted}}
        try:
            api.ask(f"/apis/kubeflow.org/v1/namespaces/{namespace}/notebooks/{name}", patch)
        except urllib.error.HTTPError as error:
            failed += error.code not in (404, 409)
            print(f"{namespace}/{name}: not stopped, {error}", flush=True)
        else:
            active = about["annotations"][ACTIVITY]
            print(f"{namespace}/{name}: stopped, last active at {active}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(bool(main()))
