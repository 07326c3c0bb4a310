"""Which built-in APIs a version of Kubernetes no longer serves.

From Kubernetes' deprecation guide (kubernetes.io, "Deprecated API Migration Guide") and the removal versions that
k8s.io/api v0.35 itself declares.
"""

from collections.abc import Iterable

from ordering.errors import UserError
from ordering.manifests.objects import Manifest, title

# apiVersion -> the first minor version (of 1.x) without it, what takes its place, and the kinds (none: all of them).
_REMOVED: dict[str, list[tuple[int, str, frozenset[str]]]] = {
    "extensions/v1beta1": [
        (16, "apps/v1", frozenset({"DaemonSet", "Deployment", "ReplicaSet"})),
        (16, "networking.k8s.io/v1", frozenset({"NetworkPolicy"})),
        (16, "", frozenset({"PodSecurityPolicy"})),
        (22, "networking.k8s.io/v1", frozenset({"Ingress"})),
    ],
    "apps/v1beta1": [(16, "apps/v1", frozenset())],
    "apps/v1beta2": [(16, "apps/v1", frozenset())],
    "admissionregistration.k8s.io/v1beta1": [
        (
            22,
            "admissionregistration.k8s.io/v1",
            frozenset({"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}),
        ),
        (
            34,
            "admissionregistration.k8s.io/v1",
            frozenset({"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}),
        ),
    ],
    "admissionregistration.k8s.io/v1alpha1": [
        (
            32,
            "admissionregistration.k8s.io/v1",
            frozenset({"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}),
        ),
    ],
    "apiextensions.k8s.io/v1beta1": [(22, "apiextensions.k8s.io/v1", frozenset())],
    "apiregistration.k8s.io/v1beta1": [(22, "apiregistration.k8s.io/v1", frozenset())],
    "authentication.k8s.io/v1beta1": [(22, "authentication.k8s.io/v1", frozenset({"TokenReview"}))],
    "authorization.k8s.io/v1beta1": [(22, "authorization.k8s.io/v1", frozenset())],
    "certificates.k8s.io/v1beta1": [(22, "certificates.k8s.io/v1", frozenset({"CertificateSigningRequest"}))],
    "coordination.k8s.io/v1beta1": [(22, "coordination.k8s.io/v1", frozenset({"Lease"}))],
    "networking.k8s.io/v1beta1": [
        (22, "networking.k8s.io/v1", frozenset({"Ingress", "IngressClass"})),
        (37, "networking.k8s.io/v1", frozenset({"IPAddress", "ServiceCIDR"})),
    ],
    "rbac.authorization.k8s.io/v1alpha1": [(22, "rbac.authorization.k8s.io/v1", frozenset())],
    "rbac.authorization.k8s.io/v1beta1": [(22, "rbac.authorization.k8s.io/v1", frozenset())],
    "scheduling.k8s.io/v1alpha1": [(22, "scheduling.k8s.io/v1", frozenset({"PriorityClass"}))],
    "scheduling.k8s.io/v1beta1": [(22, "scheduling.k8s.io/v1", frozenset({"PriorityClass"}))],
    "storage.k8s.io/v1beta1": [
        (22, "storage.k8s.io/v1", frozenset({"CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"})),
        (27, "storage.k8s.io/v1", frozenset({"CSIStorageCapacity"})),
        (37, "storage.k8s.io/v1", frozenset({"VolumeAttributesClass"})),
    ],
    "storage.k8s.io/v1alpha1": [
        (24, "storage.k8s.io/v1", frozenset({"CSIStorageCapacity", "VolumeAttachment"})),
        (35, "storage.k8s.io/v1", frozenset({"VolumeAttributesClass"})),
    ],
    "autoscaling/v2beta1": [(25, "autoscaling/v2", frozenset())],
    "autoscaling/v2beta2": [(26, "autoscaling/v2", frozenset())],
    "batch/v1beta1": [(25, "batch/v1", frozenset())],
    "discovery.k8s.io/v1beta1": [(25, "discovery.k8s.io/v1", frozenset())],
    "events.k8s.io/v1beta1": [(25, "events.k8s.io/v1", frozenset())],
    "node.k8s.io/v1beta1": [(25, "node.k8s.io/v1", frozenset())],
    "policy/v1beta1": [
        (25, "policy/v1", frozenset({"PodDisruptionBudget"})),
        (25, "", frozenset({"PodSecurityPolicy"})),
    ],
    "flowcontrol.apiserver.k8s.io/v1beta1": [(26, "flowcontrol.apiserver.k8s.io/v1", frozenset())],
    "flowcontrol.apiserver.k8s.io/v1beta2": [(29, "flowcontrol.apiserver.k8s.io/v1", frozenset())],
    "flowcontrol.apiserver.k8s.io/v1beta3": [(32, "flowcontrol.apiserver.k8s.io/v1", frozenset())],
}

_SHOWN = 5


def check_served(objects: Iterable[Manifest], version: str) -> None:
    """UserError naming the objects that a cluster of this version (`1.35`, `v1.35.4-eks-…`) would answer with 404."""
    major, _, rest = version.removeprefix("v").partition(".")
    minor = rest.partition(".")[0].rstrip("+")
    if major != "1" or not minor.isdecimal():
        raise UserError(f"{version!r} is not a version of Kubernetes: write it as 1.35.")
    gone = [
        f"{title(manifest)} ({manifest['apiVersion']}, {advice})"
        for manifest in objects
        if (advice := _advice(manifest, int(minor)))
    ]
    if gone:
        more = f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
        raise UserError(
            f"Kubernetes 1.{minor} no longer serves {', '.join(gone[:_SHOWN])}{more}: "
            "change the manifests, or choose a Kubeflow release that is made for this version."
        )


def _advice(manifest: Manifest, minor: int) -> str:
    for removed, replacement, kinds in _REMOVED.get(manifest["apiVersion"], ()):
        if minor >= removed and (not kinds or manifest["kind"] in kinds):
            return f"gone since 1.{removed}" + (f", now {replacement}" if replacement else "")
    return ""
