"""The AWS role of a profile: what a Profile says for its controller to write it onto the profile's service account.

The Profile controller's AwsIamForServiceAccount plugin (kubeflow/dashboard v1.10, profile-controller) annotates the
account `default-editor`, and edits the role's trust policy unless it is told to annotate only: that is the stack's.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ordering.errors import UserError
from ordering.manifests.objects import Manifest

ACCOUNT = "default-editor"
_PLUGIN = "AwsIamForServiceAccount"


def check(objects: Iterable[Manifest], namespaces: Iterable[str]) -> None:
    """UserError for a Profile without a role, whose pipelines would reach no bucket."""
    known = set(namespaces)
    missing = [name for one in objects if _is_profile(one) and (name := str(one["metadata"]["name"])) not in known]
    if missing:
        raise UserError(
            f"kubeflowArtifacts is s3, and the profiles {', '.join(missing)} of the release are not in "
            "kubeflowProfileNamespaces, so their pipelines would reach no bucket; add them."
        )


def use_roles(objects: Iterable[Manifest], roles: Mapping[str, Any]) -> list[Manifest]:
    """The objects, each Profile with its own role; the given ones are left as they are.

    `roles` are ARNs by `NAMESPACE/SERVICE ACCOUNT`, as text or what stands for text that is not known yet. A profile's
    namespace has its name. One without a role in `roles` stays as it is.
    """
    return [_with_role(one, roles.get(f"{one['metadata']['name']}/{ACCOUNT}")) for one in objects]


def _with_role(manifest: Manifest, role: Any) -> Manifest:
    if role is None or not _is_profile(manifest):
        return manifest
    spec = manifest.get("spec") or {}
    others = [one for one in spec.get("plugins") or () if one.get("kind") != _PLUGIN]
    plugin = {"kind": _PLUGIN, "spec": {"awsIamRole": role, "annotateOnly": True}}
    return {**manifest, "spec": {**spec, "plugins": [*others, plugin]}}


def _is_profile(manifest: Manifest) -> bool:
    return bool(manifest["kind"] == "Profile" and manifest["apiVersion"].startswith("kubeflow.org/"))
