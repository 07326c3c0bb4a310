"""A Profile whose owner has changed: its namespace has to be handed on, or the new owner gets no access.

The Profile controller refuses a namespace whose annotation `owner` names another ("namespace already exist, but not
owned by profile creator"), and tells nobody: its condition never appears. Once the annotation is right it gives the
binding and the policy to the new owner, but for the annotation that the dashboard lists people's namespaces by
(kubeflow/dashboard v1.10, profile-controller's Reconcile and updateRoleBinding, and kfam's bindings).
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from ordering.errors import UserError
from ordering.graph import ObjectId
from ordering.manifests.objects import Manifest

PATIENCE_S = 60.0
"""Seconds for the Profile controller to give the new owner access."""
POLL_S = 1.0

_RBAC = "rbac.authorization.k8s.io/v1"
_BINDING = "namespaceAdmin"


class Api(Protocol):
    """What this needs of a cluster."""

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None: ...

    def annotate(self, manifest: Manifest, annotations: dict[str, str]) -> None: ...


def hand_on(
    profiles: Iterable[ObjectId], api: Api, report: Callable[[str], object], *, patience: float = PATIENCE_S
) -> None:
    """Hands the namespaces of these Profiles to the owners that they have now, and waits until those have access.

    UserError for a namespace that the Profile has not made: it may be somebody's, and stays so; and where the
    controller does not follow.
    """
    for id_ in profiles:
        profile = api.get(id_.api_version, id_.kind, "", id_.name)
        namespace = api.get("v1", "Namespace", "", id_.name)
        if profile is None or namespace is None:
            continue  # it comes, or goes
        owner, before = str(profile["spec"]["owner"]["name"]), _annotations(namespace).get("owner", "")
        if owner != before:
            _check(profile, namespace, owner, before)
            api.annotate(namespace, {"owner": owner})
            report(f"handing the namespace {id_.name} from {before or 'nobody'} to {owner}")
        if owner != before or _stale(api, id_.name, owner):
            _follow(api, id_.name, owner, patience)


def _check(profile: Manifest, namespace: Manifest, owner: str, before: str) -> None:
    made = [one.get("uid") for one in namespace["metadata"].get("ownerReferences") or ()]
    if profile["metadata"]["uid"] not in made:
        name = namespace["metadata"]["name"]
        raise UserError(
            f"The namespace {name} already exists, was not made by the Profile {name}, and belongs to "
            f"{before or 'nobody'}, so the Profile controller gives {owner} no access to it: name the Profile "
            f"differently, or hand the namespace on yourself: `kubectl annotate namespace {name} --overwrite "
            f"owner={owner}`."
        )


def _follow(api: Api, namespace: str, owner: str, patience: float) -> None:
    """Waits for the controller's binding to be the owner's, then says so in the binding's own annotation."""
    end = time.monotonic() + patience
    while (binding := api.get(_RBAC, "RoleBinding", namespace, _BINDING)) is None or owner not in _subjects(binding):
        if time.monotonic() > end:
            raise UserError(
                f"{owner} owns the Profile {namespace}, and after {patience:.0f} s has no access to its namespace: see "
                "whether the Profile controller runs (Deployment kubeflow/profiles-deployment), and run the same "
                "command again."
            )
        time.sleep(min(POLL_S, patience))
    api.annotate(binding, {"user": owner})


def _stale(api: Api, namespace: str, owner: str) -> bool:
    binding = api.get(_RBAC, "RoleBinding", namespace, _BINDING)
    return binding is not None and _annotations(binding).get("user", owner) != owner


def _subjects(binding: Manifest) -> list[str]:
    return [str(one["name"]) for one in binding.get("subjects") or ()]


def _annotations(manifest: Manifest) -> dict[str, Any]:
    return manifest["metadata"].get("annotations") or {}
