"""The hook gives a profile where its artifacts go, and a proxy with the profile's own role to show them."""

import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import pytest
import yaml

from infra.aws.identity import runners
from ordering.manifests.objects import Manifest
from tests.unit.kubeflow.hook import HOOK_ENVIRONMENT, NAMESPACE, program, related


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in HOOK_ENVIRONMENT.items():
        monkeypatch.setitem(os.environ, name, value)
    module = program()
    monkeypatch.setattr(module.Hook, "log_message", lambda *_: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), module.Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def post(url: str, body: bytes) -> dict[str, Any]:
    with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=10) as answer:
        result: dict[str, Any] = json.load(answer)
    return result


def synced(hook: str, role: str | None = "arn:role", **rest: Any) -> dict[str, Any]:
    """What the hook answers for the namespace, by kind and name, once its account is there."""
    asked = {"object": NAMESPACE, "attachments": {}, "related": related(role), **rest}
    return post(f"{hook}/sync", json.dumps(asked).encode())


def attached(answer: dict[str, Any]) -> dict[str, Manifest]:
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in answer["attachments"]}


CONFIGURATION = {"ConfigMap/kfp-launcher", "ConfigMap/metadata-grpc-configmap", "ConfigMap/artifact-repositories"}
PROXY = {"Deployment/ml-pipeline-ui-artifact", "Service/ml-pipeline-ui-artifact"}


def test_the_hook_gives_a_profile_what_its_pipelines_read(hook: str) -> None:
    answer = synced(hook)
    found = attached(answer)
    assert found.keys() == CONFIGURATION | PROXY
    assert {manifest["metadata"]["namespace"] for manifest in found.values()} == {"ada"}
    launcher = found["ConfigMap/kfp-launcher"]["data"]
    assert launcher["defaultPipelineRoot"] == "s3://the-bucket/private-artifacts/ada/v2/artifacts"
    provider = yaml.safe_load(launcher["providers"])["s3"]["default"]
    assert provider["credentials"] == {"fromEnv": True}
    assert provider["region"] == "eu-west-1"
    repositories = found["ConfigMap/artifact-repositories"]
    key = repositories["metadata"]["annotations"]["workflows.argoproj.io/default-artifact-repository"]
    repository = json.loads(repositories["data"][key])
    assert repository["archiveLogs"]
    assert repository["s3"]["keyFormat"] == "private-artifacts/ada/{{workflow.name}}/{{pod.name}}"
    assert answer["status"] == {"kubeflow-pipelines-ready": "False"}


def test_what_the_hook_writes_is_under_the_prefixes_of_the_profile_s_role(hook: str) -> None:
    (runner,) = [one for one in runners(["ada"]) if one.namespace == "ada"]
    found = attached(synced(hook))
    root = found["ConfigMap/kfp-launcher"]["data"]["defaultPipelineRoot"].removeprefix("s3://the-bucket/")
    repository = json.loads(found["ConfigMap/artifact-repositories"]["data"]["default-namespaced"])
    for key in (root, repository["s3"]["keyFormat"]):
        assert key.startswith(runner.prefixes), key


def test_the_proxy_runs_with_the_profile_s_account_and_gets_new_pods_with_a_new_role(hook: str) -> None:
    found = attached(synced(hook))["Deployment/ml-pipeline-ui-artifact"]["spec"]["template"]
    assert found["spec"]["serviceAccountName"] == "default-editor"
    (container,) = found["spec"]["containers"]
    assert container["image"] == HOOK_ENVIRONMENT["PROXY_IMAGE"]
    environment = {one["name"]: one["value"] for one in container["env"]}
    assert environment["AWS_S3_ENDPOINT"] == HOOK_ENVIRONMENT["S3_HOST"]
    assert environment["AWS_REGION"] == "eu-west-1"
    assert environment["AWS_EC2_METADATA_DISABLED"] == "true"
    templates = [
        attached(synced(hook, role))["Deployment/ml-pipeline-ui-artifact"]["spec"]["template"]
        for role in ("arn:role", "arn:other", None)
    ]
    assert found == templates[0]
    assert len({json.dumps(one) for one in templates}) == 3


def test_a_pod_never_starts_before_its_account(hook: str) -> None:
    asked = post(f"{hook}/customize", json.dumps({"parent": NAMESPACE}).encode())
    (rule,) = asked["relatedResources"]
    assert (rule["resource"], rule["namespace"], rule["names"]) == ("serviceaccounts", "ada", ["default-editor"])
    assert attached(synced(hook, related={})).keys() == CONFIGURATION
    assert attached(synced(hook, related={"ServiceAccount.v1": {}})).keys() == CONFIGURATION


def test_the_hook_says_ready_once_all_is_there(hook: str) -> None:
    there: dict[str, Any] = {}
    for one in synced(hook)["attachments"]:
        group = there.setdefault(f"{one['kind']}.{one['apiVersion']}", {})
        group[f"ada/{one['metadata']['name']}"] = one
    assert synced(hook, attachments=there)["status"] == {"kubeflow-pipelines-ready": "True"}
    assert synced(hook, attachments=there, related={})["status"] == {"kubeflow-pipelines-ready": "False"}
    for group in there:
        fewer = {**there, group: {}}
        assert synced(hook, attachments=fewer)["status"] == {"kubeflow-pipelines-ready": "False"}


def test_the_hook_leaves_other_namespaces_alone_and_refuses_nonsense(hook: str) -> None:
    answer = synced(hook, object={"metadata": {"name": "ada"}})
    assert answer == {"status": {}, "attachments": []}
    for body in (b"", b"{", b"{}", b"[]"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            post(f"{hook}/sync", body)
        assert caught.value.code == 400
