"""The install that everybody copies, on the same control plane: apply everything, sleep, again, until nothing fails."""

import json
import os
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tools
from localcloud.plane import Plane
from ops import audit
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

PAUSE_S = 10.0
MOST_PASSES = 30
_POLL_S = 0.5

# The stack makes this one beside the cluster; the loop finds it there, as on a cluster that somebody else made.
_STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "gp3", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "ebs.csi.aws.com",
    "volumeBindingMode": "WaitForFirstConsumer",
}


def until_applied(plane: Plane, objects: list[Manifest]) -> dict[str, Any]:
    """`until kubectl apply --server-side --force-conflicts -f …; do sleep 10; done`, then until all Deployments are
    Available; with an empty discovery cache. UserError when it comes to no end."""
    kubectl = str(tools.ensure("kubectl")["kubectl"])
    with tempfile.TemporaryDirectory() as made:
        environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig), "KUBECACHEDIR": str(Path(made) / "cache")}

        def apply(manifests: list[Manifest]) -> int:
            file = Path(made) / "manifests.yaml"
            file.write_text("".join(f"---\n{json.dumps(manifest)}\n" for manifest in manifests))
            command = [kubectl, "apply", "--server-side", "--force-conflicts", "-f", str(file)]
            return subprocess.run(command, env=environment, capture_output=True, check=False).returncode

        if apply([_STORAGE_CLASS]):
            raise UserError(f"kubectl cannot write to {plane.server}; see {plane.logs}.")
        since, started = datetime.now(UTC), time.time()
        passes = []
        while True:
            begun = time.time()
            code = apply(objects)
            passes.append(round(time.time() - begun, 2))
            if code == 0:
                break
            if len(passes) == MOST_PASSES:
                raise UserError(f"kubectl still fails after {MOST_PASSES} passes on {plane.server}.")
            time.sleep(PAUSE_S)
        applied = time.time()
        while not _available(kubectl, environment):
            time.sleep(_POLL_S)
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


def _available(kubectl: str, environment: dict[str, str]) -> bool:
    """Whether all Deployments are; one without a status is not."""
    command = [kubectl, "get", "deployments", "--all-namespaces", "-o", "json"]
    answer = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    return all(
        any(c["type"] == "Available" and c["status"] == "True" for c in item.get("status", {}).get("conditions", ()))
        for item in json.loads(answer)["items"]
    )
