"""The output `dashboard` says what is true for the stack."""

from typing import Any

import pytest

from infra.kubeflow.dashboard import entry
from infra.kubeflow.dashboard import service as place


def service(namespace: str, name: str) -> dict[str, Any]:
    return {"kind": "Service", "metadata": {"namespace": namespace, "name": name}}


GATEWAY, UI = service("istio-system", "istio-ingressgateway"), service("kubeflow", "ml-pipeline-ui")


@pytest.mark.parametrize(
    ("objects", "says"),
    [
        (
            [UI, GATEWAY],
            "kubectl port-forward svc/istio-ingressgateway -n istio-system 8080:80, then http://localhost:8080",
        ),
        ([UI], "kubectl port-forward svc/ml-pipeline-ui -n kubeflow 8080:80, then http://localhost:8080"),
        ([{**GATEWAY, "kind": "Deployment"}, service("team", "ml-pipeline-ui")], "none: the manifests have neither"),
        ([], "none: the manifests have neither Kubeflow's gateway nor the UI of Pipelines"),
    ],
)
def test_it_names_what_the_release_has(objects: list[dict[str, Any]], says: str) -> None:
    assert entry(objects, emulated=False).startswith(says)


def test_it_names_the_context_of_the_cluster() -> None:
    told = entry([UI], emulated=False, context="my lab")
    assert told.startswith("kubectl --context 'my lab' port-forward svc/ml-pipeline-ui -n kubeflow ")


def test_programs_get_the_service() -> None:
    assert place([UI, GATEWAY]) == ("istio-system", "istio-ingressgateway", 80)
    assert place([UI]) == ("kubeflow", "ml-pipeline-ui", 80)
    assert place([]) is None


def test_on_a_laptop_nothing_opens() -> None:
    assert entry([GATEWAY], emulated=True) == "none: pods run nothing on this machine"
