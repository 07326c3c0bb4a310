"""What a cluster says of itself: its nodes and what runs on them, its classes, its webhooks."""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.api import client_of, read
from ordering.manifests.objects import Manifest

_TIMEOUT_SECONDS = 10

_PATHS = {
    "nodes": "/api/v1/nodes",
    "pods": "/api/v1/pods",
    "namespaces": "/api/v1/namespaces",
    "services": "/api/v1/services",
    "slices": "/apis/discovery.k8s.io/v1/endpointslices",
    "deployments": "/apis/apps/v1/deployments",
    "autoscalers": "/apis/karpenter.sh/v1/nodepools",
    "configuration": "/api/v1/namespaces/kube-system/configmaps",
    "classes": "/apis/storage.k8s.io/v1/storageclasses",
    "drivers": "/apis/storage.k8s.io/v1/csidrivers",
    "mutating": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "validating": "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
}


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The objects of a cluster, by kind; None where it does not let one ask."""

    nodes: Sequence[Manifest] | None = None
    pods: Sequence[Manifest] | None = None
    namespaces: Sequence[Manifest] | None = None
    services: Sequence[Manifest] | None = None
    slices: Sequence[Manifest] | None = None
    deployments: Sequence[Manifest] | None = None
    autoscalers: Sequence[Manifest] | None = None
    configuration: Sequence[Manifest] | None = None
    classes: Sequence[Manifest] | None = None
    drivers: Sequence[Manifest] | None = None
    mutating: Sequence[Manifest] | None = None
    validating: Sequence[Manifest] | None = None
    served: Mapping[str, frozenset[str] | None] | None = None
    """Kinds by apiVersion, of those that were asked for."""


def look(kubeconfig: str, context: str | None, *, asked: Iterable[str] = ()) -> Surroundings:
    """Everything at once, a request each; a cluster that does not answer tells nothing.

    `asked` are apiVersions of custom groups, whose kinds are looked up.
    """
    from kubernetes import config  # type: ignore[import-untyped]  # half a second of imports

    # It warns of every retry.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    try:
        api = client_of(kubeconfig, context)
    except (config.ConfigException, OSError, ValueError):
        return Surroundings()
    served = {version: _kinds(_list(api, f"/apis/{version}", "resources")) for version in asked}
    return Surroundings(**{name: _list(api, path) for name, path in _PATHS.items()}, served=served)


def _kinds(resources: Sequence[Manifest] | None) -> frozenset[str] | None:
    return None if resources is None else frozenset(str(one.get("kind")) for one in resources)


def _list(api: Any, path: str, key: str = "items") -> list[Manifest] | None:
    from kubernetes import client
    from urllib3.exceptions import HTTPError

    try:
        items: list[Manifest] = json.loads(read(api, path, _TIMEOUT_SECONDS))[key]
        return items
    except client.ApiException as error:
        # A kind that is not served has no objects.
        return [] if error.status == 404 else None
    except (HTTPError, OSError, ValueError, KeyError, TypeError):
        return None
