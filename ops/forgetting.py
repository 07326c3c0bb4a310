"""A cluster that is gone, or given up: its objects leave the state, so that a destroy can take down what is in AWS.

The official Kubernetes plugin fails each delete in a cluster that it does not reach; it forgets the object only where
PULUMI_K8S_DELETE_UNREACHABLE says so, and only where nothing answers at all (provider.go of 4.34, `deleteUnreachable`).
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra import preflight
from ops import eks
from ops.cluster import Access, connected
from ordering.errors import UserError

Deployment = Mapping[str, Any]

_WORDS = 30
"""Of an error, which may go on with the headers of an answer."""


def unreachable(access: Access) -> str | None:
    """Why a cluster does not answer, as the end of a sentence; None where it does."""
    try:
        if access.kubeconfig is not None:
            preflight.check_cluster(access.kubeconfig, access.context)
        with connected(access):
            return None
    except UserError as error:
        return str(error).rpartition("; ")[0] or str(error).rstrip(".")
    except OSError as error:
        told = " ".join(str(error).split()[:_WORDS]) or type(error).__name__
        return f"The cluster does not answer ({told})"


def check(stack: str, reason: str, *, cluster: str | None, client: Callable[[str], Any], forget: bool) -> str:
    """On whose word the objects of a cluster that does not answer may be forgotten.

    `cluster` is its name in EKS, None for one that EKS need not know; `forget` is the person's word. UserError where
    nobody says so.
    """
    found = None
    if cluster is not None:
        try:
            status = eks.status(client, cluster)
        except (ClientError, BotoCoreError) as error:
            found = f"EKS does not say whether it is gone ({error})"
        else:
            if status is None:
                return f"EKS has no cluster {cluster}"
            found = f"EKS has it ({status})"
    if forget:
        return "You say that it is gone"
    known = f", and {found}" if found else ""
    raise UserError(
        f"{reason}{known}: nothing was destroyed; go where it can be reached, or, if it is gone for good, add "
        f"FORGET={stack}, which forgets its Kubernetes objects and takes down the rest."
    )


def forgotten(deployment: Deployment) -> tuple[Deployment, int]:
    """A deployment without its Kubernetes objects, finished or under way, and how many those were."""
    left = deepcopy(dict(deployment))
    resources = left.get("resources") or []
    gone = {str(one["urn"]): one for one in resources if _in_kubernetes(one)}

    def above(urn: str | None) -> str | None:
        while urn in gone:
            urn = gone[urn].get("parent")
        return urn

    kept = [one for one in resources if not _in_kubernetes(one)]
    for one in kept:
        if one.get("dependencies"):
            one["dependencies"] = [urn for urn in one["dependencies"] if urn not in gone]
        for name, urns in (one.get("propertyDependencies") or {}).items():
            one["propertyDependencies"][name] = [urn for urn in urns or () if urn not in gone]
        if one.get("deletedWith") in gone:
            del one["deletedWith"]
        if one.get("parent") in gone:
            one["parent"] = above(one["parent"])
    left["resources"] = kept
    pending = left.get("pending_operations") or []
    left["pending_operations"] = [one for one in pending if not _in_kubernetes(one["resource"])]
    return left, len(resources) - len(kept)


def _in_kubernetes(resource: Mapping[str, Any]) -> bool:
    return str(resource.get("type", "")).startswith("kubernetes:")
