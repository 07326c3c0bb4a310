"""What a cluster has beside the manifests that will be sent to it."""

import json
from functools import cache
from typing import Any

from infra.api import client_of, read
from ordering.check import Absent, Has

_TIMEOUT_S = 5
_NOT_FOUND = 404


def nothing(_: Absent) -> bool:
    """A cluster that is yet to be made has nothing of its own that is missing in the manifests."""
    return False


def unknown(_: Absent) -> None:
    """A cluster that nobody can ask here."""


def present(kubeconfig: str, context: str | None) -> Has:
    """Asks a kubeconfig's cluster, each thing once and only what is asked for; one that does not tell is unknown."""

    @cache
    def client() -> Any:
        return client_of(kubeconfig, context)

    @cache
    def answer(path: str) -> dict[str, Any] | None:
        """What the cluster says at a path, nothing where there is none; None where it does not say."""
        # Only an existing cluster is asked, and the client takes half a second to import.
        from kubernetes import client as kubernetes  # type: ignore[import-untyped]
        from kubernetes import config
        from urllib3.exceptions import HTTPError

        try:
            found: dict[str, Any] = json.loads(read(client(), path, _TIMEOUT_S))
        except kubernetes.ApiException as error:
            return {} if error.status == _NOT_FOUND else None
        except (config.ConfigException, HTTPError, OSError, ValueError):
            return None
        return found

    def has(wanted: Absent) -> bool | None:
        base = f"/apis/{wanted.api_version}" if "/" in wanted.api_version else f"/api/{wanted.api_version}"
        served = answer(base)
        if served is None:
            return None
        kinds = {str(one["kind"]): str(one["name"]) for one in served.get("resources", ()) if "/" not in one["name"]}
        if not wanted.name or wanted.kind not in kinds:
            return wanted.kind in kinds
        inside = f"/namespaces/{wanted.namespace}" if wanted.namespace else ""
        found = answer(f"{base}{inside}/{kinds[wanted.kind]}/{wanted.name}")
        return None if found is None else bool(found)

    return has
