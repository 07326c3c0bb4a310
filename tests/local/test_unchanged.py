"""What the API server stores otherwise than it was sent is no change in the next preview: one object for each way.

The releases themselves are in test_release.py; here are the ways that they might come to use.
"""

from collections.abc import Iterator

import pytest
from pulumi import automation

from tests.local.cluster import Cluster, crd, namespace
from tests.local.kubernetes_stack import Engine, Manifest, changes, platform

RBAC = "rbac.authorization.k8s.io/v1"


def obj(api: str, kind: str, name: str, *, cluster: bool = False, **content: object) -> Manifest:
    metadata = {"name": name} if cluster else {"name": name, "namespace": "odd"}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **content}


def pod(**changed: object) -> Manifest:
    container = {"name": "main", "image": "none", **changed}
    return {"metadata": {"labels": {"app": "web"}, "creationTimestamp": None}, "spec": {"containers": [container]}}


def workload(name: str, template: Manifest, **spec: object) -> Manifest:
    selector = {"matchLabels": {"app": "web"}}
    return obj("apps/v1", "Deployment", name, spec={"replicas": 0, "selector": selector, "template": template, **spec})


DEFINITION = crd("odd.test", "Odd")
ODD = {
    "a role that allows nothing": obj(RBAC, "Role", "nothing", rules=[]),
    "a cluster role that allows nothing": obj(RBAC, "ClusterRole", "odd-nothing", cluster=True, rules=[]),
    "a binding of nobody": obj(
        RBAC,
        "RoleBinding",
        "nobody",
        subjects=[],
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "nothing"},
    ),
    "a binding of a user without a group": obj(
        RBAC,
        "RoleBinding",
        "user",
        subjects=[{"kind": "User", "name": "ada"}],
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "nothing"},
    ),
    "a cluster-scoped object with a namespace": {
        **obj(RBAC, "ClusterRole", "odd-placed", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}])
    },
    "labels that are null": {
        **obj("v1", "ConfigMap", "null-label", data={"a": None, "b": ""}),
        "metadata": {"name": "null-label", "namespace": "odd", "labels": {"a": None}, "annotations": None},
    },
    "data without anything": obj("v1", "ConfigMap", "no-data", data={}, binaryData=None),
    "a secret in lines": obj("v1", "Secret", "lines", data={"a": "aHVudGVy\nMg==\n", "b": ""}),
    "a secret in the clear and in base64": obj("v1", "Secret", "both", data={"a": "YQ=="}, stringData={"b": "b"}),
    "an account with nothing": obj("v1", "ServiceAccount", "empty", secrets=[], imagePullSecrets=[]),
    "quantities": workload(
        "quantities",
        pod(resources={"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": {"cpu": 2, "memory": "2048Mi"}}),
    ),
    "numbers as texts and back": workload(
        "numbers", pod(env=[{"name": "A", "value": ""}], ports=[{"containerPort": 80}]), progressDeadlineSeconds=600
    ),
    "empty lists of a pod": workload("lists", pod(env=[], args=[], volumeMounts=[], securityContext={}), strategy={}),
    "nulls of a pod": workload("nulls", pod(env=None, resources=None, livenessProbe=None)),
    "a service without names": obj(
        "v1", "Service", "plain", spec={"ports": [{"port": 80, "targetPort": 80}], "selector": {"app": "web"}}
    ),
    "a policy that lets nothing in": obj(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "closed",
        spec={"podSelector": {}, "ingress": [], "policyTypes": ["Ingress"]},
    ),
    "a policy that lets everything in": obj(
        "networking.k8s.io/v1", "NetworkPolicy", "open", spec={"podSelector": {}, "ingress": [{}]}
    ),
    "a budget": obj(
        "policy/v1", "PodDisruptionBudget", "budget", spec={"maxUnavailable": "50%", "selector": {"matchLabels": {}}}
    ),
    "an autoscaler": obj(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "scaler",
        spec={
            "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "lists"},
            "metrics": [],
        },
    ),
    "a configuration without webhooks": obj(
        "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "odd-none", cluster=True, webhooks=[]
    ),
    "a webhook with nothing but what it must have": obj(
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "odd-bare",
        cluster=True,
        webhooks=[
            {
                "name": "bare.odd.test",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "clientConfig": {"service": {"name": "plain", "namespace": "odd"}},
                "namespaceSelector": {},
                "rules": [],
            }
        ],
    ),
    "a priority": obj("scheduling.k8s.io/v1", "PriorityClass", "odd", cluster=True, value=10, globalDefault=False),
    "a definition": DEFINITION,
    "nulls and empties of a custom resource": obj(
        "odd.test/v1", "Odd", "kept", spec={"limit": None, "list": [], "map": {}, "text": "", "number": 1.0}
    ),
}


@pytest.fixture(scope="module")
def stack(engine: Engine, cluster: Cluster) -> automation.Stack:
    """A stack of all of them, brought up."""
    made = engine.stack("odd", platform(namespace("odd"), *ODD.values()), cluster.plane.kubeconfig.read_text())
    made.up()
    return made


def test_a_preview_finds_nothing_to_change(stack: automation.Stack) -> None:
    changed: set[str] = set()
    result = stack.preview(on_event=lambda event: changed.update(_changed(event)))
    assert changed == set()
    assert changes(result) == {}


def test_a_refresh_finds_nothing_either(stack: automation.Stack) -> None:
    assert changes(stack.refresh()) == {}
    assert changes(stack.preview()) == {}


def test_all_of_it_goes(stack: automation.Stack, cluster: Cluster) -> None:
    stack.destroy()
    assert cluster.get("namespace", "odd") is None


def _changed(event: automation.EngineEvent) -> Iterator[str]:
    if event.resource_pre_event is not None and event.resource_pre_event.metadata.op != "same":
        about = event.resource_pre_event.metadata
        yield f"{about.urn.rpartition('::')[2]}: {', '.join(sorted(about.detailed_diff or about.diffs or ()))}"
