"""An object's identity in the engine: group, kind, namespace and name, in whatever version it was sent before.

The engine knows a resource by its type, which for Kubernetes holds the version. Without an alias a release that moves
an object to another version makes it under a new name and then deletes it under the old one: it is the same object.
With one, pulumi-kubernetes updates it in place: `apiVersion` is none of the fields that force a replacement
(provider/pkg/provider/diff.go of 4.29, `forceNew`).
"""

from collections.abc import Mapping

from ordering.graph import Graph, ObjectId
from ordering.graph.index import CRD
from ordering.manifests.objects import Manifest

_POLICIES = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
_MUTATIONS = ("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding")
_DEVICES = ("DeviceClass", "ResourceClaim", "ResourceClaimTemplate", "ResourceSlice")

# The versions of built-in kinds that have more than one in Kubernetes 1.33 to 1.36, the releases that a stack may have
# been made on (k8s.io/api v0.35). What was gone before, such as all of extensions/v1beta1, is in no state.
_BUILT_IN = {
    ("autoscaling", "HorizontalPodAutoscaler"): ("v2", "v1"),
    ("certificates.k8s.io", "ClusterTrustBundle"): ("v1beta1", "v1alpha1"),
    ("coordination.k8s.io", "LeaseCandidate"): ("v1beta1", "v1alpha2"),
    ("networking.k8s.io", "IPAddress"): ("v1", "v1beta1"),
    ("networking.k8s.io", "ServiceCIDR"): ("v1", "v1beta1"),
    ("storage.k8s.io", "VolumeAttributesClass"): ("v1", "v1beta1"),
    **{("admissionregistration.k8s.io", kind): ("v1", "v1beta1") for kind in _POLICIES},
    **{("admissionregistration.k8s.io", kind): ("v1", "v1beta1", "v1alpha1") for kind in _MUTATIONS},
    **{("resource.k8s.io", kind): ("v1", "v1beta2", "v1beta1") for kind in _DEVICES},
}


class Identities:
    """What the objects of a graph may have been called before.

    Those that were `sent` before are known; where that is not, any version that has a place today may have been theirs.
    A definition may drop the version that its objects were sent in, so today's alone do not do.
    """

    def __init__(self, graph: Graph, sent: Mapping[ObjectId, Manifest]) -> None:
        self._sent = sent
        self._versions = dict(_BUILT_IN)
        for node in graph.nodes:
            if (node.id.group, node.id.kind) == CRD and node.gate is None:
                spec = node.manifest["spec"]
                names = tuple(str(one["name"]) for one in spec.get("versions") or ())
                self._versions[str(spec["group"]), str(spec["names"]["kind"])] = names

    def others(self, id_: ObjectId) -> list[str]:
        """The other apiVersions that the same object may have been sent in."""
        found = [f"{id_.group}/{version}" for version in self._versions.get((id_.group, id_.kind), ())]
        if (before := self._sent.get(id_)) is not None:
            found.append(str(before["apiVersion"]))
        return [one for one in dict.fromkeys(found) if one != id_.api_version]
