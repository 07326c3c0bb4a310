"""Roles that stay on a profile's service account once no way to get at AWS needs them there.

The Profile controller annotates the account with the role that its plugin names, and takes nothing off when the plugin
is gone (kubeflow/kubeflow v1.10.0, profile-controller, `GetPluginSpec`). EKS's webhook would go on giving new pods that
role, which their token no longer takes.
"""

from collections.abc import Callable, Iterable

from infra.kubeflow.profiles import ACCOUNT
from infra.kubeflow.s3 import ROLE_ANNOTATION
from ops.owning import Api
from ordering.graph import ObjectId


def take_off(profiles: Iterable[ObjectId], stack: str, api: Api, report: Callable[[str], object]) -> None:
    """Empties the annotation of these Profiles' accounts that names a role of the stack; anybody else's stays.

    `stack` is what the names of its roles begin with.
    """
    for id_ in profiles:
        account = api.get("v1", "ServiceAccount", id_.name, ACCOUNT)
        role = ((account or {}).get("metadata", {}).get("annotations") or {}).get(ROLE_ANNOTATION, "")
        if account is not None and role.rpartition("/")[2].startswith(f"{stack}-"):
            api.annotate(account, {ROLE_ANNOTATION: ""})
            report(f"taking the role {role.rpartition('/')[2]} off the account {id_.name}/{ACCOUNT}")
