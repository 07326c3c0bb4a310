"""Match conditions: what the manifest decides is decided, everything else stays unknown."""

from typing import Any

import pytest

from infra.kubeflow.graph.cel import DEPLOYER, UNKNOWN, evaluate

VARIABLES: dict[str, Any] = {
    "request": {
        "operation": "CREATE",
        "name": "template-a",
        "namespace": "kubeflow",
        "resource": {"group": "apps", "resource": "deployments"},
        "userInfo": {"username": DEPLOYER},
    },
    "object": {"metadata": {"labels": {"app": "x", "pod-template-hash": UNKNOWN}, "annotations": None}},
    "oldObject": None,
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("true", True),
        ("!true", False),
        ("1 == 1", True),
        ("request.operation == 'CREATE'", True),
        ("request.operation != 'DELETE' && request.namespace == \"kubeflow\"", True),
        ("request.operation == 'DELETE' || request.namespace in ['kubeflow', 'auth']", True),
        ("!(request.name.startsWith('template-'))", False),
        ("request.name.endsWith('-a')", True),
        ("request.name.contains('late')", True),
        ("request.resource.group == 'apps' && request.resource.resource == 'deployments'", True),
        ("has(object.metadata.annotations)", False),
        ("has(object.metadata.labels) && 'app' in object.metadata.labels", True),
        ("object.metadata.labels['app'] == 'x'", True),
        ("'pod-template-hash' in object.metadata.labels", True),
        ("oldObject == null", True),
        # Whoever deploys is no account that the manifests make.
        ("request.userInfo.username != 'system:serviceaccount:kubeflow:katib-controller'", True),
        ("request.userInfo.username == 'system:serviceaccount:kubeflow:katib-controller'", False),
        # One decided side can be enough.
        ("request.operation == 'DELETE' && object.spec.paused", False),
        ("request.operation == 'CREATE' || object.spec.paused", True),
    ],
)
def test_what_is_decided(expression: str, expected: bool) -> None:
    assert evaluate(expression, VARIABLES) is expected


@pytest.mark.parametrize(
    "expression",
    [
        "object.spec.replicas > 1",
        "object.spec.paused",
        "!object.spec.paused",
        "has(object.spec.paused)",
        "request.userInfo.username == 'admin'",
        # Controllers that make pods are accounts of kube-system.
        "request.userInfo.username == 'system:serviceaccount:kube-system:replicaset-controller'",
        "object.metadata.labels['pod-template-hash'] == 'x'",
        "object.metadata.labels['absent'] == 'x'",
        "request.name.matches('^template-.*')",
        "variables.isMine",
        "authorizer.group('apps').check('create').allowed()",
        "1 == 'one'",
        "[1, 2].exists(x, x == 1)",
        "request.operation ==",
        "(true",
        "true)",
        "'open",
        "",
        "request.",
        "has()",
        "a ? b : c",
    ],
)
def test_what_is_not(expression: str) -> None:
    assert evaluate(expression, VARIABLES) is UNKNOWN
