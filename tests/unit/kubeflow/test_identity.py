"""An object keeps its resource in another version; tests/local/test_official_plugin.py shows it live."""

from infra.kubeflow.identity import Identities
from ordering.graph import ObjectId, build
from ordering.manifests.objects import Manifest

GROUP = "security.istio.io"
POLICY: Manifest = {
    "apiVersion": f"{GROUP}/v1",
    "kind": "AuthorizationPolicy",
    "metadata": {"name": "a", "namespace": "b"},
}
DEFINITION: Manifest = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"authorizationpolicies.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"kind": "AuthorizationPolicy", "plural": "authorizationpolicies"},
        "versions": [{"name": name, "served": True, "storage": name == "v1"} for name in ("v1", "v1beta1")],
    },
}


def test_the_versions_of_its_definition_and_those_of_built_in_kinds() -> None:
    identities = Identities(build([POLICY, DEFINITION]), {})
    assert identities.others(ObjectId(f"{GROUP}/v1", "AuthorizationPolicy", "b", "a")) == [f"{GROUP}/v1beta1"]
    assert identities.others(ObjectId("autoscaling/v2", "HorizontalPodAutoscaler", "b", "a")) == ["autoscaling/v1"]
    assert identities.others(ObjectId("v1", "ConfigMap", "b", "a")) == []
    assert identities.others(ObjectId("apps/v1", "Deployment", "b", "a")) == []
