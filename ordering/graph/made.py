"""What a cluster or a controller makes by itself: a manifest of it changes an object that somebody else owns.

Created it would be refused, or taken over and deleted with the stack. So it is sent as a patch, which the engine takes
back on destroy and leaves the object.
"""

from collections.abc import Mapping

from ordering.graph.controllers import PROFILE_ACCOUNTS, PROFILES, profiles
from ordering.graph.ids import ObjectId
from ordering.graph.index import Platform

CLUSTER = "every cluster"
EKS = "EKS"

# Kubernetes v1.35: pkg/controlplane/controller/systemnamespaces and the admission of `default`.
_NAMESPACES = frozenset({"default", "kube-node-lease", "kube-public", "kube-system"})
# pkg/controller/serviceaccount, pkg/controller/certificates/rootcacertpublisher: one in each namespace.
_IN_EACH_NAMESPACE = frozenset({("", "ServiceAccount", "default"), ("", "ConfigMap", "kube-root-ca.crt")})
# pkg/registry/{core,scheduling,flowcontrol} and staging/src/k8s.io/apiserver's authentication.
_ONE_EACH = frozenset(
    {
        ("", "ConfigMap", "kube-system", "extension-apiserver-authentication"),
        ("", "Service", "default", "kubernetes"),
        ("scheduling.k8s.io", "PriorityClass", "", "system-cluster-critical"),
        ("scheduling.k8s.io", "PriorityClass", "", "system-node-critical"),
    }
)
_RBAC = "rbac.authorization.k8s.io"
# plugin/pkg/auth/authorizer/rbac/bootstrappolicy: the roles and bindings that carry kubernetes.io/bootstrapping. The
# prefix alone says nothing, for others use it, too (metrics-server does).
_CERTIFICATES = "system:certificates.k8s.io:"
_BOOTSTRAPPED_CLUSTER = frozenset(
    {
        *("admin", "cluster-admin", "edit", "view"),
        *(f"system:aggregate-to-{role}" for role in ("admin", "edit", "view")),
        *(f"{_CERTIFICATES}certificatesigningrequests:{client}" for client in ("nodeclient", "selfnodeclient")),
        *(f"{_CERTIFICATES}kube-apiserver-client{kind}-approver" for kind in ("", "-kubelet")),
        *(f"{_CERTIFICATES}{kind}-approver" for kind in ("kubelet-serving", "legacy-unknown")),
        *(f"system:kube-{part}" for part in ("aggregator", "controller-manager", "dns", "scheduler")),
        *(f"system:node{part}" for part in ("", "-bootstrapper", "-problem-detector", "-proxier")),
        *("system:auth-delegator", "system:basic-user", "system:discovery", "system:heapster", "system:monitoring"),
        *("system:kubelet-api-admin", "system:persistent-volume-provisioner", "system:public-info-viewer"),
        *("system:service-account-issuer-discovery", "system:volume-scheduler"),
    }
)
_BOOTSTRAPPED_CONTROLLERS = "system:controller:"
_BOOTSTRAPPED_IN_KUBE_SYSTEM = frozenset(
    {
        *("extension-apiserver-authentication-reader", "system::extension-apiserver-authentication-reader"),
        *(f"system::leader-locking-kube-{part}" for part in ("controller-manager", "scheduler")),
    }
)
# What EKS puts into kube-system before anybody asks ("Amazon EKS add-ons" of its user guide, self-managed by default).
_EKS = frozenset(
    {
        *(("", "ServiceAccount", name) for name in ("aws-node", "coredns", "kube-proxy")),
        *(("", "ConfigMap", name) for name in ("amazon-vpc-cni", "aws-auth", "coredns", "kube-proxy-config")),
        *(("apps", "DaemonSet", name) for name in ("aws-node", "kube-proxy")),
        ("apps", "Deployment", "coredns"),
        ("", "Service", "kube-dns"),
    }
)
# The accounts of the controller manager's parts, which EKS and kubeadm let it make (--use-service-account-credentials;
# plugin/pkg/auth/authorizer/rbac/bootstrappolicy/controller_policy.go names them). Granting to one is common.
_CONTROLLERS = frozenset(
    {
        *("generic-garbage-collector", "horizontal-pod-autoscaler", "legacy-service-account-token-cleaner"),
        *("persistent-volume-binder", "pod-garbage-collector", "root-ca-cert-publisher"),
        *("storage-version-garbage-collector",),
        *(
            f"{part}-controller"
            for part in (
                *("attachdetach", "certificate", "clusterrole-aggregation", "cronjob", "daemon-set", "deployment"),
                *("disruption", "endpoint", "endpointslice", "endpointslicemirroring", "ephemeral-volume", "expand"),
                *("job", "namespace", "node", "pv-protection", "pvc-protection", "replicaset", "replication"),
                *("resource-claim", "resourcequota", "route", "service", "service-account", "service-cidrs"),
                *("statefulset", "ttl", "ttl-after-finished", "volumeattributesclass-protection"),
            )
        ),
    }
)
# StorageClasses of EKS's own, and the one that a stack makes with its cluster (infra/aws/cluster.py). Nobody patches
# those: what a manifest says of one is meant.
_CLASSES = frozenset(("storage.k8s.io", "StorageClass", name) for name in ("gp2", "gp3"))
# kubeflow/dashboard v1.10, components/profile-controller/controllers/profile_controller.go.
_PROFILE = frozenset(
    {
        *(("", "ServiceAccount", name) for name in PROFILE_ACCOUNTS),
        *((_RBAC, "RoleBinding", name) for name in (*PROFILE_ACCOUNTS, "namespaceAdmin")),
        ("", "ResourceQuota", "kf-resource-quota"),
        ("security.istio.io", "AuthorizationPolicy", "ns-owner-access-istio"),
    }
)


def made_elsewhere(platform: Platform) -> Mapping[ObjectId, str]:
    """The objects of a platform that are there without it, and who makes each."""
    owned = profiles(platform)
    found = ((id_, _maker(id_, platform.namespace(id_), owned)) for id_ in platform.objects)
    return {id_: maker for id_, maker in found if maker}


def is_made(group: str, kind: str, namespace: str, name: str) -> bool:
    """Whether a cluster has an object without any manifest: every one, or those of EKS."""
    if (group, kind, namespace) == ("", "ServiceAccount", "kube-system") and name in _CONTROLLERS:
        return True
    return bool(_cluster_that_makes(group, kind, namespace, name)) or (group, kind, name) in _CLASSES


def _maker(id_: ObjectId, namespace: str, owned: Mapping[str, ObjectId]) -> str:
    if cluster := _cluster_that_makes(id_.group, id_.kind, namespace, id_.name):
        return cluster
    return PROFILES.title if namespace in owned and (id_.group, id_.kind, id_.name) in _PROFILE else ""


def _cluster_that_makes(group: str, kind: str, namespace: str, name: str) -> str:
    if (group, kind) == ("", "Namespace"):
        return CLUSTER if name in _NAMESPACES else ""
    if group == _RBAC and _is_bootstrapped(namespace, name):
        return CLUSTER
    if (group, kind, namespace, name) in _ONE_EACH or (namespace and (group, kind, name) in _IN_EACH_NAMESPACE):
        return CLUSTER
    return EKS if namespace == "kube-system" and (group, kind, name) in _EKS else ""


def _is_bootstrapped(namespace: str, name: str) -> bool:
    if namespace not in ("", "kube-public", "kube-system"):
        return False
    if name.startswith(_BOOTSTRAPPED_CONTROLLERS):
        return True
    return name in (_BOOTSTRAPPED_IN_KUBE_SYSTEM if namespace else _BOOTSTRAPPED_CLUSTER)
