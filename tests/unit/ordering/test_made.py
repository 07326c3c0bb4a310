"""What a cluster, EKS or the Profile controller makes by itself is patched, not made; what looks like it is made."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.kubeflow.install import token
from ordering.graph import build
from ordering.manifests.objects import Manifest

RBAC = "rbac.authorization.k8s.io/v1"


def of(kind: str, name: str, namespace: str = "", api_version: str = "v1") -> Manifest:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    extra = {"roleRef": {"kind": "ClusterRole", "name": "view"}} if kind.endswith("Binding") else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **extra}


PROFILE = {**of("Profile", "team", api_version="kubeflow.org/v1"), "spec": {"owner": {"kind": "User", "name": "a"}}}
DEFINITION = {
    **of("CustomResourceDefinition", "profiles.kubeflow.org", api_version="apiextensions.k8s.io/v1"),
    "spec": {
        "group": "kubeflow.org",
        "scope": "Cluster",
        "names": {"kind": "Profile", "plural": "profiles"},
        "versions": [{"name": "v1", "served": True, "storage": True}],
    },
}


def maker(manifest: Manifest) -> str:
    others = [PROFILE, DEFINITION]
    graph = build([manifest, *others])
    (node,) = [node for node in graph.nodes if node.manifest is manifest]
    assert token(node).endswith("Patch") is bool(node.made_by)
    return node.made_by


@pytest.mark.parametrize(
    "manifest",
    [
        of("Namespace", "kube-system"),
        of("ServiceAccount", "default", "apps"),
        of("ServiceAccount", "default"),
        of("ConfigMap", "kube-root-ca.crt", "apps"),
        of("ClusterRole", "view", api_version=RBAC),
        of("ClusterRole", "system:node", api_version=RBAC),
        of("Role", "extension-apiserver-authentication-reader", "kube-system", RBAC),
        of("PriorityClass", "system-node-critical", api_version="scheduling.k8s.io/v1"),
    ],
)
def test_every_cluster_has_it(manifest: Manifest) -> None:
    assert maker(manifest) == "every cluster"


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (of("ServiceAccount", "aws-node", "kube-system"), "EKS"),
        (of("DaemonSet", "kube-proxy", "kube-system", "apps/v1"), "EKS"),
        (of("ServiceAccount", "default-editor", "team"), "the Profile controller"),
        (of("RoleBinding", "namespaceAdmin", "team", RBAC), "the Profile controller"),
        (of("ServiceAccount", "default-editor", "elsewhere"), ""),
        (of("ServiceAccount", "aws-node", "apps"), ""),
        (of("ClusterRole", "system:metrics-server", api_version=RBAC), ""),
        (of("Role", "view", "apps", RBAC), ""),
        (of("ConfigMap", "coredns", "apps"), ""),
        (of("Namespace", "apps"), ""),
    ],
)
def test_who_makes_it(manifest: Manifest, expected: str) -> None:
    assert maker(manifest) == expected


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")]),
    st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True),
    st.dictionaries(st.sampled_from(["labels", "annotations"]), st.just({"ours": "1"})),
)
def test_variants(which: tuple[str, str], namespace: str, more: dict[str, dict[str, str]]) -> None:
    """In any namespace, whatever a manifest says of it; under another name it is the manifest's own."""
    kind, name = which
    there = of(kind, name, namespace)
    there["metadata"] |= more
    assert maker(there) == "every cluster"
    assert maker(of(kind, f"{name}-2", namespace)) == ""
