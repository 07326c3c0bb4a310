"""What the API server stores otherwise than it was sent is no change in the next preview: one object for each way.

The releases themselves are in test_release.py; here are the ways that they might come to use.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from json import dumps, loads

import pytest
from pulumi import automation

from ordering.check import RefusedError, check, refuse
from ordering.graph import build
from tests.local.cluster import Cluster, crd, namespace
from tests.local.kubernetes_stack import Engine, Manifest, changes, platform

RBAC = "rbac.authorization.k8s.io/v1"


def obj(api: str, kind: str, name: str, *, cluster: bool = False, **content: object) -> Manifest:
    metadata = {"name": name} if cluster else {"name": name, "namespace": "odd"}
    return {"apiVersion": api, "kind": kind, "metadata": metadata} | content


def unawaited(name: str) -> Manifest:
    """Metadata of an object that nobody here makes ready."""
    return {"name": name, "namespace": "odd", "annotations": {"pulumi.com/skipAwait": "true"}}


def pod(**changed: object) -> Manifest:
    container = {"name": "main", "image": "none", **changed}
    return {"metadata": {"labels": {"app": "web"}, "creationTimestamp": None}, "spec": {"containers": [container]}}


def workload(name: str, template: Manifest, **spec: object) -> Manifest:
    selector = {"matchLabels": {"app": "web"}}
    return obj("apps/v1", "Deployment", name, spec={"replicas": 0, "selector": selector, "template": template, **spec})


DEFINITION = crd("odd.test", "Odd")
STRICT = crd("odd.test", "Strict")
STRICT["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": [],
            "nullable": False,
            "title": "",
            "properties": {
                "text": {"type": "string", "pattern": "", "format": "", "enum": [], "uniqueItems": False},
                "list": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-map-keys": []},
                "any": {"type": "object", "properties": {}, "anyOf": [], "x-kubernetes-preserve-unknown-fields": True},
                "kept": {"type": "object", "x-kubernetes-validations": [], "default": {}},
                "size": {"type": "integer", "default": 1},
                "limit": {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True},
            },
        },
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}
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
    "what a cluster writes into an object that was read from it": {
        **obj("v1", "ConfigMap", "exported", data={"a": "1"}),
        "metadata": {
            "name": "exported",
            "namespace": "odd",
            "uid": "11111111-2222-3333-4444-555555555555",
            "resourceVersion": "7",
            "generation": 2,
            "creationTimestamp": "2024-01-01T00:00:00Z",
            "selfLink": "/api/v1/namespaces/odd/configmaps/exported",
            "managedFields": [{"manager": "kubectl", "operation": "Apply", "apiVersion": "v1"}],
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
                "deployment.kubernetes.io/revision": "3",
            },
        },
    },
    "a template of claims as it is read from a cluster": obj(
        "apps/v1",
        "StatefulSet",
        "claims",
        spec={
            "replicas": 0,
            "serviceName": "plain",
            "selector": {"matchLabels": {"app": "web"}},
            "template": pod(),
            "volumeClaimTemplates": [
                {
                    "metadata": {"name": "data", "creationTimestamp": None},
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}},
                    "status": {},
                }
            ],
        },
    ),
    "a quota in other units": obj(
        "v1", "ResourceQuota", "quota", spec={"hard": {"cpu": "2000m", "memory": "2048Mi", "pods": 10}}
    ),
    "limits in other units": obj(
        "v1", "LimitRange", "limits", spec={"limits": [{"type": "Container", "default": {"cpu": "1000m"}}]}
    ),
    "a job by the clock": obj(
        "batch/v1",
        "CronJob",
        "cron",
        spec={
            "schedule": "0 * * * *",
            "suspend": True,
            "jobTemplate": {
                "metadata": {"creationTimestamp": None},
                "spec": {"template": {"spec": {**pod()["spec"], "restartPolicy": "Never"}}},
            },
        },
    ),
    "an ingress": obj(
        "networking.k8s.io/v1",
        "Ingress",
        "ingress",
        metadata=unawaited("ingress"),
        spec={
            "rules": [
                {
                    "host": "odd.test",
                    "http": {
                        "paths": [
                            {
                                "path": "/",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": "plain", "port": {"number": 80}}},
                            }
                        ]
                    },
                }
            ],
            "tls": [],
        },
    ),
    "a class of storage": obj(
        "storage.k8s.io/v1",
        "StorageClass",
        "odd",
        cluster=True,
        provisioner="odd.test",
        parameters={},
        mountOptions=[],
        allowVolumeExpansion=None,
    ),
    "a claim of no class": obj(
        "v1",
        "PersistentVolumeClaim",
        "no-class",
        metadata=unawaited("no-class"),
        spec={
            "storageClassName": "",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1024Mi"}, "limits": None},
        },
    ),
    "a volume in other units": obj(
        "v1",
        "PersistentVolume",
        "odd",
        cluster=True,
        spec={
            "capacity": {"storage": "1024Mi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/none", "type": None},
            "storageClassName": "odd",
        },
    ),
    "an admission policy": obj(
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicy",
        "odd.odd.test",
        cluster=True,
        spec={
            "matchConstraints": {
                "resourceRules": [
                    {"apiGroups": ["odd.test"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["*"]}
                ]
            },
            "validations": [{"expression": "true"}],
            "variables": [],
        },
    ),
    "an old definition": {
        **crd("odd.test", "Older"),
        "spec": {
            **crd("odd.test", "Older")["spec"],
            "preserveUnknownFields": False,
            "conversion": {"strategy": "None"},
        },
        "status": {"acceptedNames": {"kind": "", "plural": ""}, "conditions": [], "storedVersions": []},
    },
    "a definition with empties": {
        **STRICT,
        "spec": {
            **STRICT["spec"],
            "names": {**STRICT["spec"]["names"], "shortNames": [], "categories": [], "singular": "strict"},
            "versions": [
                {
                    **STRICT["spec"]["versions"][0],
                    "additionalPrinterColumns": [
                        {"name": "Size", "type": "integer", "jsonPath": ".spec.size", "priority": 0, "format": ""}
                    ],
                    "selectableFields": [],
                    "deprecated": False,
                    "deprecationWarning": None,
                }
            ],
        },
    },
    "a custom resource in other units": obj(
        "odd.test/v1", "Strict", "units", spec={"size": 1.0, "limit": "1000m"}, status={"ready": True}
    ),
    "flow control": obj(
        "flowcontrol.apiserver.k8s.io/v1",
        "PriorityLevelConfiguration",
        "odd",
        cluster=True,
        spec={"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}},
    ),
    "a lease": obj("coordination.k8s.io/v1", "Lease", "lease", spec={"holderIdentity": "odd"}),
    "the nodes' class": obj("node.k8s.io/v1", "RuntimeClass", "odd", cluster=True, handler="odd", overhead=None),
    "an endpoint out of order": obj(
        "v1",
        "Endpoints",
        "outside",
        subsets=[
            {"addresses": [{"ip": "10.1.0.2"}, {"ip": "10.1.0.1"}], "ports": [{"port": 443}]},
        ],
    ),
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


UNDECLARED: list[dict[str, object]] = [
    {"spec": {"unknown": 1}},
    {"spec": {}, "more": {"a": 1}},
    {"spec": {"kept": {"a": 1}}},
    {"spec": {"text": "a", "any": {"a": {"b": 1}}}},
    {"spec": {"limit": "1000m", "list": ["a"]}},
]


@pytest.mark.parametrize("content", UNDECLARED)
def test_undeclared_fields_are_refused_just_as_the_api_server_takes_none(
    stack: automation.Stack, cluster: Cluster, content: dict[str, object]
) -> None:
    strict = obj("odd.test/v1", "Strict", "judged") | content
    apply = ("apply", "--server-side", "--dry-run=server", "--validate=ignore", "-o", "json", "-f", "-")
    done = cluster.run(*apply, given=dumps(strict))
    if done.returncode:
        assert "field not declared in schema" in done.stderr
    kept = done.returncode == 0 and _holds(loads(done.stdout), content)
    objects = [namespace("odd"), STRICT, strict]
    with nullcontext() if kept else pytest.raises(RefusedError):
        refuse(check(objects, build(objects)))


def _holds(answer: object, asked: object) -> bool:
    """Whether all that was asked is in the answer, which may have more."""
    if isinstance(asked, dict) and isinstance(answer, dict):
        return all(key in answer and _holds(answer[key], value) for key, value in asked.items())
    return answer == asked


def test_all_of_it_goes(stack: automation.Stack, cluster: Cluster) -> None:
    stack.destroy()
    assert cluster.get("namespace", "odd") is None


def _changed(event: automation.EngineEvent) -> Iterator[str]:
    if event.resource_pre_event is not None and event.resource_pre_event.metadata.op != "same":
        about = event.resource_pre_event.metadata
        yield f"{about.urn.rpartition('::')[2]}: {', '.join(sorted(about.detailed_diff or about.diffs or ()))}"
