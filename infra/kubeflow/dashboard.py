"""How a person opens what a stack has to look at."""

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

PORT = 8080

# The Services that have something to look at, the best first: Kubeflow's gateway, before which one signs in, and the UI
# of a Pipelines that stands alone, which knows no login.
_ENTRIES = (("istio-system", "istio-ingressgateway", 80), ("kubeflow", "ml-pipeline-ui", 80))


def entry(objects: Iterable[Mapping[str, Any]], *, emulated: bool, context: str | None = None) -> str:
    """What to type to open the dashboard of a platform in the cluster of a context, or why there is none."""
    if emulated:
        return "none: pods run nothing on this machine"
    services = {
        (str(one["metadata"].get("namespace", "")), str(one["metadata"]["name"]))
        for one in objects
        if one["kind"] == "Service"
    }
    for namespace, name, port in _ENTRIES:
        if (namespace, name) in services:
            kubectl = f"kubectl --context {shlex.quote(context)}" if context else "kubectl"
            return f"{kubectl} port-forward svc/{name} -n {namespace} {PORT}:{port}, then http://localhost:{PORT}"
    return "none: the manifests have neither Kubeflow's gateway nor the UI of Pipelines"
