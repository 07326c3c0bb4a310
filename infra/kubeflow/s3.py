"""What manifests/s3 leaves open, because only the stack knows it: the bucket, its region, and who may use it.

The component takes the release's own object store away; `use_bucket` puts the stack's in its place. Pipelines sign in
with the roles of their service accounts (IRSA), so no key exists. From Kubeflow Pipelines' guide "Object Store
Configuration".
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.aws.iam import partition
from infra.settings.pod_access import PodAccess
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

COMPONENT = Path("manifests", "s3")

ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"
# Who reads and writes artifacts in the platform itself, each by a role of its own; for profiles see `profiles`.
PLATFORM_ACCOUNTS = ("ml-pipeline", "pipeline-runner")

# Pipelines 2.15 demands keys even where a role would do (kubeflow/pipelines issue 12508); older ones are not tried.
_MINIMUM = (2, 16)

_NAMESPACE = "kubeflow"
_CONFIG = "pipeline-install-config"
_HOOKS = "kubeflow-pipelines-profile-controller"
_ROOT = "s3://{bucket}/v2/artifacts"


@dataclass(frozen=True, kw_only=True)
class ArtifactStore:
    """The bucket's name, its region, and the ARNs of the roles that PLATFORM_ACCOUNTS have to name, by account.

    `way` is how pods get at it. The bucket and the roles may be text or whatever stands for text that is not known yet,
    such as a `pulumi.Output`.
    """

    bucket: Any
    region: str
    platform_roles: Mapping[str, Any]
    way: PodAccess = "irsa"

    @property
    def host(self) -> str:
        """S3's name in the region: the global one redirects to it, and not every client follows.

        >>> ArtifactStore(bucket="b", region="cn-north-1", platform_roles={}).host
        's3.cn-north-1.amazonaws.com.cn'
        """
        return f"s3.{self.region}.amazonaws.com{'.cn' if partition(self.region) == 'aws-cn' else ''}"


def use_bucket(
    objects: Iterable[Manifest], store: ArtifactStore, *, join: Callable[..., Any] = str.format
) -> list[Manifest]:
    """The objects with the stack's bucket and roles filled in; the given ones are left as they are.

    `join` puts values into a text as `str.format` does; `pulumi.Output.format` does so for values not known yet.
    UserError if the objects were rendered without the component, or with Pipelines that cannot do without keys.
    """
    given = list(objects)
    _check(given)
    return [_fill(manifest, store, join) for manifest in given]


def _check(objects: list[Manifest]) -> None:
    config = next((m for m in objects if _is(m, "ConfigMap", _CONFIG)), None)
    if config is None:
        raise UserError(f"artifacts cannot go to S3: the manifests hold no ConfigMap {_NAMESPACE}/{_CONFIG}.")
    version = str((config.get("data") or {}).get("appVersion", ""))
    parts = version.split(".")
    if len(parts) < 2 or not all(part.isdecimal() for part in parts[:2]) or (int(parts[0]), int(parts[1])) < _MINIMUM:
        raise UserError(
            f"artifacts cannot go to S3 with Kubeflow Pipelines {version or 'of an unknown version'}, which needs "
            "keys: choose kubeflowRelease 26.03, with Pipelines 2.16, or a newer one."
        )
    if any(_is(m, "Deployment", "seaweedfs") for m in objects):
        raise UserError(f"artifacts cannot go to S3 yet: render the release with the component {COMPONENT.as_posix()}.")


def _fill(manifest: Manifest, store: ArtifactStore, join: Callable[..., Any]) -> Manifest:
    if _is(manifest, "ConfigMap", _CONFIG):
        where = {"bucketName": store.bucket, "objectStoreHost": store.host, "objectStoreRegion": store.region}
        return _with_data(manifest, {**where, "defaultPipelineRoot": join(_ROOT, bucket=store.bucket)})
    if _is(manifest, "ConfigMap", "kfp-launcher"):
        credentials = {"fromEnv": True}
        default = {"endpoint": store.host, "region": store.region, "disableSSL": False, "credentials": credentials}
        providers = json.dumps({"s3": {"default": default}})
        return _with_data(manifest, {"defaultPipelineRoot": join(_ROOT, bucket=store.bucket), "providers": providers})
    if _is(manifest, "ConfigMap", "workflow-controller-configmap"):
        return _with_data(manifest, {"artifactRepository": join(_repository(store), bucket=store.bucket)})
    if _is(manifest, "Deployment", _HOOKS):
        return _with_way(manifest, store.way)
    if any(_is(manifest, "ServiceAccount", name) for name in store.platform_roles):
        metadata = manifest["metadata"]
        role = store.platform_roles[metadata["name"]]
        annotations = {**(metadata.get("annotations") or {}), ROLE_ANNOTATION: role}
        return {**manifest, "metadata": {**metadata, "annotations": annotations}}
    return manifest


def _with_way(hooks: Manifest, way: PodAccess) -> Manifest:
    """The hooks, which are told how the proxies that they make get at the bucket."""
    spec, template = hooks["spec"], hooks["spec"]["template"]
    told = {"name": "POD_ACCESS", "value": way}
    containers = [
        {**one, "env": [told if variable["name"] == told["name"] else variable for variable in one["env"]]}
        if one.get("env")
        else one
        for one in template["spec"]["containers"]
    ]
    pod = {**template["spec"], "containers": containers}
    return {**hooks, "spec": {**spec, "template": {**template, "spec": pod}}}


def _repository(store: ArtifactStore) -> str:
    """Argo's artifact repository as a text for `join`, in which its own braces stand doubled."""
    content = {
        "archiveLogs": True,
        "s3": {
            "endpoint": store.host,
            "region": store.region,
            "bucket": "BUCKET",
            "insecure": False,
            "useSDKCreds": True,
            "keyFormat": "private-artifacts/{{workflow.namespace}}/{{workflow.name}}/{{pod.name}}",
        },
    }
    text = json.dumps(content, indent=2)
    return text.replace("{", "{{").replace("}", "}}").replace("BUCKET", "{bucket}")


def _with_data(manifest: Manifest, data: dict[str, Any]) -> Manifest:
    return {**manifest, "data": {**(manifest.get("data") or {}), **data}}


def _is(manifest: Manifest, kind: str, name: str) -> bool:
    metadata = manifest["metadata"]
    identity = (manifest["kind"], metadata.get("namespace"), metadata["name"])
    return identity == (kind, _NAMESPACE, name)
