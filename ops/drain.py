"""Before a destroy: what the cluster made outside the state, deleted while the controllers that clean up still live.

Load balancers, their network interfaces, volumes and snapshots of these are made in AWS by controllers inside the
cluster. Once those are gone nobody deletes them, and some block the deletion of the VPC.
"""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ops import snapshots
from ops.claims import claims_of
from ops.people import counted, named
from ordering.errors import UserError
from ordering.manifests.objects import Manifest, title
from tools.progress import Reminder

Report = Callable[[str], None]

PATIENCE_S = 600.0
"""Seconds for everything to go: a load balancer takes one or two minutes, a volume waits for its pod's grace period."""

POLL_S = 2.0
REPORT_S = 5.0

_PROFILE = ("kubeflow.org/v1", "Profile")
_SCALED = frozenset({"Deployment", "StatefulSet", "ReplicaSet"})


class Api(Protocol):
    """What this needs of a cluster. A kind that is not served has no objects; deleting what is gone does nothing."""

    def list(self, api_version: str, kind: str) -> list[Manifest]: ...

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None: ...

    def delete(self, manifest: Manifest) -> None: ...

    def scale_down(self, manifest: Manifest) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What of a cluster is this stack's to drain.

    profiles: Profiles in the state, which the engine deletes itself, in its order.
    namespaces: the namespaces of a cluster that others use, too; None for a cluster that goes as a whole.
    """

    profiles: Collection[str] = ()
    namespaces: Collection[str] | None = None


def holding(api: Api, scope: Scope) -> list[Manifest]:
    """The objects for which a controller keeps something in AWS, and Profiles: Ingresses, load balancers, claims and
    snapshots of their volumes."""
    profiles = api.list(*_PROFILE)
    found = api.list("networking.k8s.io/v1", "Ingress")
    found += [one for one in api.list("v1", "Service") if (one.get("spec") or {}).get("type") == "LoadBalancer"]
    found += [*api.list("v1", "PersistentVolumeClaim"), *api.list(snapshots.API_VERSION, snapshots.KIND)]
    if scope.namespaces is not None:
        # A Profile's namespace has its name.
        ours = {*scope.namespaces, *(one["metadata"]["name"] for one in profiles)}
        found = [one for one in found if _namespace(one) in ours]
    return [one for one in profiles if one["metadata"]["name"] not in scope.profiles] + found


def drain(
    api: Api,
    scope: Scope,
    *,
    report: Report,
    patience: float = PATIENCE_S,
    poll: float = POLL_S,
) -> int:
    """Delete all of it and wait until it is gone, and the volumes with it; returns how many objects there were.

    UserError after `patience` seconds, naming what is left and why. Whatever comes up meanwhile is deleted, too.
    """
    deleted: dict[str, Manifest] = {}
    volumes: set[str] = set()
    begun = said = time.monotonic()
    remind = Reminder(report)
    while True:
        left = holding(api, scope)
        for one in left:
            if title(one) not in deleted:
                deleted[title(one)] = one
                volumes |= {str(one["spec"]["volumeName"])} if _has_volume(one) else set()
                api.delete(one)
                remind(f"until what holds something in AWS is asked to go: {len(deleted)} objects so far")
        _release(api, [one for one in left if one["kind"] == "PersistentVolumeClaim"])
        left += [one for one in api.list("v1", "PersistentVolume") if _goes(one, volumes)]
        now = time.monotonic()
        if not left:
            if deleted:
                report(f"drained {counted(deleted.values())} in {now - begun:.0f} s")
            return len(deleted)
        if now - begun > patience:
            raise UserError(_stuck(left, patience))
        if said == begun or now - said >= REPORT_S:
            report(f"waiting until the cluster has deleted {counted(left)}")
            said = now
        time.sleep(poll)


def _release(api: Api, claims: Collection[Manifest]) -> None:
    """Ends the pods that use claims: a claim stays as long as a pod has it.

    Workloads are scaled to nothing and left to the engine. What a person made (a notebook, a job) is deleted.
    """
    if not claims:
        return
    wanted = {(_namespace(one), one["metadata"]["name"]) for one in claims}
    owners: dict[str, Manifest] = {}
    for pod in api.list("v1", "Pod"):
        if any((_namespace(pod), claim) in wanted for claim in claims_of(pod)):
            owner = _owner(api, pod)
            owners[title(owner)] = owner
    for owner in owners.values():
        if owner["kind"] not in _SCALED:
            if not owner["metadata"].get("deletionTimestamp"):
                api.delete(owner)
        elif (owner.get("spec") or {}).get("replicas") != 0:
            api.scale_down(owner)


def _owner(api: Api, manifest: Manifest) -> Manifest:
    """What made an object in the end, through the controllers that made each other."""
    for reference in manifest["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            found = api.get(reference["apiVersion"], reference["kind"], _namespace(manifest), reference["name"])
            return _owner(api, found) if found else manifest
    return manifest


def _has_volume(manifest: Manifest) -> bool:
    return manifest["kind"] == "PersistentVolumeClaim" and bool((manifest.get("spec") or {}).get("volumeName"))


def _goes(volume: Manifest, names: Collection[str]) -> bool:
    """Whether a volume is one of those and will be deleted with its claim, not kept as its class says."""
    return volume["metadata"]["name"] in names and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"


def _stuck(left: Sequence[Manifest], patience: float) -> str:
    return (
        f"After {patience:.0f} s the cluster still has {named(left)}, which hold something in AWS: "
        "nothing else was destroyed; fix their controllers, or delete them by hand, and destroy again."
    )


def _namespace(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("namespace") or "")


def scope_of(state: Iterable[dict[str, Any]], *, whole: bool) -> Scope:
    """What a stack drains, from the resources in its state; `whole` for a cluster of its own.

    An object's name in the engine is its name in the cluster (`infra.kubeflow.install.resource_name`).
    """
    resources = list(state)

    def names(kind: str) -> set[str]:
        return {str(one["urn"]).rsplit("::", 1)[-1] for one in resources if one.get("type") == f"kubernetes:{kind}"}

    return Scope(profiles=names("kubeflow.org/v1:Profile"), namespaces=None if whole else names("core/v1:Namespace"))
