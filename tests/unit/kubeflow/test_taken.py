"""What is left to the backends of webhooks once it was sent."""

from typing import Any

import pytest

from infra.kubeflow.taken import taken


def configuration(name: str, *webhooks: Any, kind: str = "Validating", **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": name, "labels": labels},
        "webhooks": list(webhooks),
    }


def hook(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "clientConfig": {"service": {"name": "x", "namespace": "y"}}, **fields}


ISTIO = {"istio.io/rev": "default"}
SERVING = "webhook.serving.knative.dev"


@pytest.mark.parametrize(
    ("manifest", "paths"),
    [
        (configuration("istio", hook("a", failurePolicy="Ignore"), **ISTIO), ["webhooks[0].failurePolicy"]),
        (configuration("istio", hook("a"), hook("b", failurePolicy="Fail"), **ISTIO), ["webhooks[1].failurePolicy"]),
        (configuration("istio", hook("a", failurePolicy="Fail"), kind="Mutating", **ISTIO), []),
        (configuration("other", hook("a", failurePolicy="Ignore")), []),
        (configuration(SERVING, hook(SERVING, rules=[{}], failurePolicy="Fail")), ["webhooks[0].rules"]),
        (configuration(SERVING, hook(SERVING)), []),
        (configuration(SERVING, hook("another.serving.knative.dev", rules=[{}])), []),
        (configuration("hook.example.com", hook("hook.example.com", rules=[{}])), []),
        (
            configuration(
                SERVING,
                {
                    "name": SERVING,
                    "namespaceSelector": {},
                    "reinvocationPolicy": "Never",
                    "clientConfig": {"service": {"path": "/"}},
                },
                kind="Mutating",
            ),
            [
                "webhooks[0].namespaceSelector",
                "webhooks[0].reinvocationPolicy",
                "webhooks[0].clientConfig.service.path",
            ],
        ),
        (configuration("nothing"), []),
        ({**configuration("none"), "webhooks": None}, []),
        ({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {}}, []),
    ],
)
def test_only_what_a_backend_rewrites_is_left_to_it(manifest: dict[str, Any], paths: list[str]) -> None:
    assert taken(manifest) == paths
