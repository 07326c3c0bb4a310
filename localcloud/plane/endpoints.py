"""Whether Services are known to lead to their pods, as the API server needs it to find a webhook's backend."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from localcloud.plane.api import ApiServer

Object = Mapping[str, Any]
_SERVICE = "kubernetes.io/service-name"
_PATHS = ("/api/v1/services", "/api/v1/pods", "/apis/discovery.k8s.io/v1/endpointslices")


def served(server: ApiServer) -> Iterator[list[Object]]:
    """The Services, the pods and the EndpointSlices of the cluster. OSError if the server does not answer."""
    for path in _PATHS:
        answer = server.get(path)
        yield answer["items"] if answer else []


def behind(services: Iterable[Object], pods: Iterable[Object], slices: Iterable[Object]) -> list[str]:
    """The Services, as NAMESPACE/NAME, that select a ready pod and have no ready endpoint.

    A controller manager that was away has yet to write what it missed, though the Deployment may be Available already.
    """
    ready = [pod for pod in pods if _is_ready(pod)]
    answered = {
        name for name, endpoint in _endpoints(slices) if (endpoint.get("conditions") or {}).get("ready") is not False
    }
    wanting = [one for one in services if any(_selects(one, pod) for pod in ready)]
    return sorted({_name(one) for one in wanting} - answered)


def _endpoints(slices: Iterable[Object]) -> Iterator[tuple[str, Object]]:
    for one in slices:
        service = (one["metadata"].get("labels") or {}).get(_SERVICE)
        for endpoint in one.get("endpoints") or ():
            yield f"{one['metadata']['namespace']}/{service}", endpoint


def _selects(service: Object, pod: Object) -> bool:
    selector = service["spec"].get("selector") or {}
    labels = pod["metadata"].get("labels") or {}
    return (
        bool(selector)
        and service["spec"].get("type") != "ExternalName"
        and service["metadata"]["namespace"] == pod["metadata"]["namespace"]
        and selector.items() <= labels.items()
    )


def _is_ready(pod: Object) -> bool:
    status = pod.get("status") or {}
    conditions = {one["type"]: one["status"] for one in status.get("conditions") or ()}
    going = pod["metadata"].get("deletionTimestamp")
    return conditions.get("Ready") == "True" and bool(status.get("podIP")) and not going


def _name(one: Object) -> str:
    return f"{one['metadata']['namespace']}/{one['metadata']['name']}"
