"""What an API server knows before any manifest: its built-in kinds and namespaces.

From the API reference of Kubernetes 1.35 (`kubectl api-resources` on a fresh server).
"""

_CLUSTER_SCOPED = {
    "": ("Namespace", "Node", "PersistentVolume", "ComponentStatus"),
    "admissionregistration.k8s.io": (
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    ),
    "apiextensions.k8s.io": ("CustomResourceDefinition",),
    "apiregistration.k8s.io": ("APIService",),
    "certificates.k8s.io": ("CertificateSigningRequest", "ClusterTrustBundle"),
    "flowcontrol.apiserver.k8s.io": ("FlowSchema", "PriorityLevelConfiguration"),
    "networking.k8s.io": ("IngressClass", "IPAddress", "ServiceCIDR"),
    "node.k8s.io": ("RuntimeClass",),
    "rbac.authorization.k8s.io": ("ClusterRole", "ClusterRoleBinding"),
    "resource.k8s.io": ("DeviceClass", "ResourceSlice"),
    "scheduling.k8s.io": ("PriorityClass",),
    "storage.k8s.io": ("CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass"),
}
CLUSTER_SCOPED = frozenset((group, kind) for group, kinds in _CLUSTER_SCOPED.items() for kind in kinds)

BUILT_IN_GROUPS = frozenset(
    {
        *_CLUSTER_SCOPED,
        "apps",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "extensions",
        "internal.apiserver.k8s.io",
        "policy",
        "storagemigration.k8s.io",
    }
)

# Kinds whose plural is not the kind in lower case with an s.
_PLURALS = {"Endpoints": "endpoints"}

# Versions of one built-in group that are the same objects to a webhook's matchPolicy Equivalent.
EQUIVALENT_VERSIONS = {"autoscaling": frozenset({"v1", "v2"})}

NAMESPACES = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})


def plural(kind: str) -> str:
    """The resource name of a built-in kind, as admission rules spell it."""
    name = kind.lower()
    if kind in _PLURALS:
        return _PLURALS[kind]
    if name.endswith("y") and name[-2] not in "aeiou":
        return name[:-1] + "ies"
    return name + ("es" if name.endswith(("s", "x", "ch")) else "s")
