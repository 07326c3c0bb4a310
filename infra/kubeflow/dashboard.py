"""How a person opens what a stack has to look at."""

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

PORT = 8080

# The Services that have something to look at, the best first: Kubeflow's gateway, before which one signs in, and the UI
# of a Pipelines that stands alone, which knows no login.
_ENTRIES = (("istio-system", "istio-ingressgateway", 80), ("kubeflow", "ml-pipeline-ui", 80))


def service(objects: Iterable[Mapping[str, Any]]) -> tuple[str, str, int] | None:
    """The namespace, name and port of the Service that has the dashboard, or None where there is none."""
    services = {
        (str(one["metadata"].get("namespace", "")), str(one["metadata"]["name"]))
        for one in objects
        if one["kind"] == "Service"
    }
    return next((found for found in _ENTRIES if found[:2] in services), None)


def entry(
    objects: Iterable[Mapping[str, Any]], *, emulated: bool, context: str | None = None, url: str | None = None
) -> str:
    """Where people open the dashboard of a platform in the cluster of a context, or why there is none.

    That is its address, where it has one, and else what to type.
    """
    if emulated:
        return "none: pods run nothing on this machine"
    found = service(objects)
    if found is None:
        return "none: the manifests have neither Kubeflow's gateway nor the UI of Pipelines"
    if url is not None:
        return url
    namespace, name, port = found
    kubectl = f"kubectl --context {shlex.quote(context)}" if context else "kubectl"
    return f"{kubectl} port-forward svc/{name} -n {namespace} {PORT}:{port}, then http://localhost:{PORT}"
