"""What manifests/autoscaler leaves open: the image for the cluster's version, the cluster's name, and the AWS role."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from infra import versions
from infra.kubeflow.s3 import ROLE_ANNOTATION
from infra.settings import Settings
from ordering.graph import ObjectId
from ordering.manifests.objects import Manifest

COMPONENT = Path("manifests", "autoscaler")
NAMESPACE, ACCOUNT = "kube-system", "cluster-autoscaler"

# EKS puts these tags on the Auto Scaling group of a managed node group (EKS user guide, "Managed node groups").
_FOUND_BY = "--node-group-auto-discovery=asg:tag=k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/{cluster}"


def is_wanted(settings: Settings) -> bool:
    """Whether a stack's nodes come and go by themselves."""
    return settings.nodes.autoscaling == "cluster-autoscaler"


def use_cluster(objects: Iterable[Manifest], settings: Settings) -> list[Manifest]:
    """The objects, the autoscaler's with the cluster that it is for; the given ones are left as they are."""
    return [_filled(one, settings) if _is(one, "Deployment") else one for one in objects]


def use_role(objects: Mapping[ObjectId, Manifest], role: Any) -> dict[ObjectId, Manifest]:
    """The objects, the autoscaler's account with a role: an ARN, or what stands for one that is not known yet."""
    return {id_: _with_role(one, role) if _is(one, "ServiceAccount") else one for id_, one in objects.items()}


def _is(one: Manifest, kind: str) -> bool:
    metadata = one["metadata"]
    return (one["kind"], metadata.get("namespace"), metadata["name"]) == (kind, NAMESPACE, ACCOUNT)


def _filled(one: Manifest, settings: Settings) -> Manifest:
    spec = one["spec"]
    template = spec["template"]
    [container] = template["spec"]["containers"]
    made = {
        **container,
        "image": f"{container['image']}:{versions.AUTOSCALER[settings.cluster.version]}",
        "args": [*container["args"], _FOUND_BY.format(cluster=settings.cluster.name)],
        "env": [{"name": "AWS_REGION", "value": settings.region}],
    }
    pod = {**template["spec"], "containers": [made]}
    return {**one, "spec": {**spec, "template": {**template, "spec": pod}}}


def _with_role(one: Manifest, role: Any) -> Manifest:
    metadata = one["metadata"]
    annotations = {**(metadata.get("annotations") or {}), ROLE_ANNOTATION: role}
    return {**one, "metadata": {**metadata, "annotations": annotations}}
