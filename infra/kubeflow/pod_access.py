"""Pods that have to be made again where their account gets at AWS another way: what they are given they get once."""

from collections.abc import Collection, Mapping

from infra.settings import Settings
from infra.settings.pod_access import PodAccess
from ordering.graph import ObjectId
from ordering.manifests.objects import Manifest

ANNOTATION = "kubeflow-on-pulumi/pod-access"

_OPERATED = ("Alertmanager", "Prometheus")
"""Kinds whose pods the Prometheus operator makes, with `podMetadata` (its API reference, "EmbeddedObjectMetadata")."""

AS_NODE = (
    "podAccess is node: every pod of the cluster, also one that a person of any profile starts, may do what the nodes "
    "may and what the platform needs: read and write all artifacts of all profiles, and all that the volume drivers, "
    "the autoscaler and the agents of monitoring do."
)


def notices(stack: Settings) -> list[str]:
    """What a person may want to know of how pods get at AWS."""
    return [AS_NODE] if stack.cluster.pod_access == "node" else []


def leaving(stack: Settings) -> str:
    """How a stack comes from EKS Pod Identity to another way."""
    return (
        f"podAccess becomes {stack.cluster.pod_access} in two runs: the first takes the associations of EKS Pod "
        "Identity away, for a pod that is made while there is one would use it, and the second does the rest; "
        "`make up` does both."
    )


def use_access(
    objects: Mapping[ObjectId, Manifest], way: PodAccess, accounts: Collection[str]
) -> dict[ObjectId, Manifest]:
    """The objects, with the way on the pods of workloads whose account, `NAMESPACE/NAME`, is one of `accounts`.

    IRSA leaves no mark, for its pods had none before there was another way. The given objects are left as they are.
    """
    if way == "irsa":
        return dict(objects)
    return {id_: _marked(one, way) if _account(one) in accounts else one for id_, one in objects.items()}


def _account(one: Manifest) -> str | None:
    """The service account of a workload's pods; None for what makes none."""
    if one["kind"] in _OPERATED:
        pod = one["spec"]
    elif one["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
        pod = one["spec"]["template"]["spec"]
    else:
        return None
    return f"{one['metadata'].get('namespace')}/{pod.get('serviceAccountName', 'default')}"


def _marked(one: Manifest, way: PodAccess) -> Manifest:
    spec = one["spec"]
    if one["kind"] in _OPERATED:
        return {**one, "spec": {**spec, "podMetadata": _with_mark(spec.get("podMetadata"), way)}}
    template = spec["template"]
    return {**one, "spec": {**spec, "template": {**template, "metadata": _with_mark(template.get("metadata"), way)}}}


def _with_mark(metadata: Manifest | None, way: PodAccess) -> Manifest:
    given = metadata or {}
    return {**given, "annotations": {**(given.get("annotations") or {}), ANNOTATION: way}}
