"""Volumes that are there: Kubeflow's own list of a profile's claims."""

from ordering.errors import UserError
from pipelines.endpoint.connection import Connection
from pipelines.endpoint.session import RefusedError
from pipelines.needs import claims
from pipelines.package import Package


def require_claims(connection: Connection, package: Package) -> None:
    """UserError when a step mounts a claim that the namespace does not have: its pod would wait for it for ever.

    The list is the volumes web app's (`/volumes/api/namespaces/…/pvcs`); where that is not installed nothing is said.
    """
    wanted = claims(package)
    if not wanted or not connection.namespace:
        return
    try:
        answer = connection.session.get(f"/volumes/api/namespaces/{connection.namespace}/pvcs")
    except RefusedError as refusal:
        if refusal.status == 404:
            return
        raise connection.refused(refusal, "the list of volumes") from None
    found = {claim["name"] for claim in answer.get("pvcs") or ()}
    if missing := sorted(wanted - found):
        has = f"it has {', '.join(sorted(found))}" if found else "it has none"
        raise UserError(
            f"There is no volume {', '.join(map(repr, missing))} in {connection.namespace}; {has}: make it in the "
            "dashboard under Volumes."
        )
