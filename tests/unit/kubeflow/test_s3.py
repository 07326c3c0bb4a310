"""With the component and the stack's values, artifacts go to S3 and no key is left; without, a sentence says why."""

import importlib.util
import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from infra.errors import UserError
from infra.kubeflow.credentials import GENERATED, Credentials, assert_none_left, replace
from infra.kubeflow.objects import Manifest
from infra.kubeflow.render import render
from infra.kubeflow.s3 import COMPONENT, PLATFORM_ACCOUNTS, ROLE_ANNOTATION, ArtifactStore, use_bucket

ROOT = Path(__file__).parents[3]
RELEASE = ROOT.parent / "shared" / "kubeflow" / "26.03"

STORE = ArtifactStore(
    bucket="the-bucket",
    region="eu-west-1",
    platform_roles={name: f"arn:aws:iam::123456789012:role/{name}" for name in PLATFORM_ACCOUNTS},
    profile_role="arn:aws:iam::123456789012:role/profile",
)
KEYS = {"secretKeyRef": {"name": "mlpipeline-minio-artifact", "key": "accesskey"}}


def deployment(name: str, container: str, env: list[dict[str, Any]], **pod: Any) -> Manifest:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": container, "env": env}], **pod}}
    metadata = {"name": name, "namespace": "kubeflow"}
    spec = {"selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def named(api_version: str, kind: str, name: str, **rest: Any) -> Manifest:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "kubeflow"}, **rest}


def pipelines(version: str = "2.16.0") -> list[Manifest]:
    """What of Pipelines the component touches, in few words."""
    code = "kubeflow-pipelines-profile-controller-code-c55f957kgf"
    return [
        named("v1", "ConfigMap", "pipeline-install-config", data={"appVersion": version, "bucketName": "mlpipeline"}),
        named("v1", "ConfigMap", "kfp-launcher", data={"defaultPipelineRoot": ""}),
        named(
            "v1", "ConfigMap", "workflow-controller-configmap", data={"artifactRepository": "s3: {}", "executor": ""}
        ),
        named("v1", "ConfigMap", code, data={"sync.py": "print('keys for seaweedfs')"}),
        named("v1", "Secret", "mlpipeline-minio-artifact", stringData={"accesskey": "a", "secretkey": "b"}),
        named("v1", "Service", "seaweedfs", spec={}),
        named("v1", "PersistentVolumeClaim", "seaweedfs-pvc", spec={}),
        named("v1", "ServiceAccount", "ml-pipeline"),
        named("v1", "ServiceAccount", "ml-pipeline-ui"),
        named("v1", "ServiceAccount", "pipeline-runner"),
        named("v1", "ServiceAccount", "argo"),
        deployment("seaweedfs", "seaweedfs", [{"name": "KEY", "valueFrom": KEYS}]),
        deployment(
            "ml-pipeline",
            "ml-pipeline-api-server",
            [
                {"name": "OBJECTSTORECONFIG_HOST", "value": "seaweedfs.kubeflow"},
                {"name": "OBJECTSTORECONFIG_PORT", "value": "9000"},
                {"name": "OBJECTSTORECONFIG_SECURE", "value": "false"},
                {"name": "OBJECTSTORECONFIG_ACCESSKEY", "valueFrom": KEYS},
                {"name": "OBJECTSTORECONFIG_SECRETACCESSKEY", "valueFrom": KEYS},
            ],
        ),
        deployment("ml-pipeline-ui", "ml-pipeline-ui", [{"name": "MINIO_ACCESS_KEY", "valueFrom": KEYS}]),
        deployment(
            "kubeflow-pipelines-profile-controller",
            "profile-controller",
            [{"name": "AWS_ACCESS_KEY_ID", "valueFrom": KEYS}, {"name": "OBJECT_STORE_HOST", "value": "seaweedfs"}],
            volumes=[{"name": "hooks", "configMap": {"name": code}}],
        ),
        {
            "apiVersion": "kubeflow.org/v1beta1",
            "kind": "Profile",
            "metadata": {"name": "ada"},
            "spec": {"owner": {"kind": "User", "name": "user@example.com"}, "plugins": [{"kind": "Other"}]},
        },
    ]


def written(at: Path, objects: list[Manifest]) -> Path:
    at.mkdir()
    (at / "kustomization.yaml").write_text("resources: [all.yaml]\n")
    (at / "all.yaml").write_text("\n---\n".join(json.dumps(manifest) for manifest in objects))
    return at


@pytest.fixture(params=["in few words", *(["26.03"] if RELEASE.is_dir() else [])])
def rendered(request: pytest.FixtureRequest, tmp_path: Path) -> list[Manifest]:
    # Without its definitions, which the component leaves alone and which cost kustomize most of its time.
    release = (
        [m for m in render(RELEASE) if m["kind"] != "CustomResourceDefinition"] if request.param == "26.03" else []
    )
    base = written(tmp_path / "pipelines", release or pipelines())
    return render(base, components=[ROOT / COMPONENT])


def get(objects: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [m for m in objects if (m["kind"], m["metadata"]["name"]) == (kind, name)]
    return found


def environment(objects: list[Manifest], name: str) -> dict[str, Any]:
    (container,) = get(objects, "Deployment", name)["spec"]["template"]["spec"]["containers"]
    config = get(objects, "ConfigMap", "pipeline-install-config")["data"]
    result = {}
    for variable in container["env"]:
        reference = variable.get("valueFrom", {}).get("configMapKeyRef")
        assert not ("value" in variable and reference), variable
        if reference is None:
            result[variable["name"]] = variable.get("value", variable.get("valueFrom"))
        elif not reference.get("optional"):
            result[variable["name"]] = config[reference["key"]]
    return result


def test_the_release_s_own_store_and_every_key_are_gone(rendered: list[Manifest]) -> None:
    objects = use_bucket(rendered, STORE)
    text = json.dumps(objects)
    for word in ("seaweedfs", "mlpipeline-minio-artifact", "minio://", "create_access_key"):
        assert word not in text
    assert get(objects, "ServiceAccount", "ml-pipeline")


def test_the_api_server_and_the_ui_ask_the_bucket_with_their_role(rendered: list[Manifest]) -> None:
    objects = use_bucket(rendered, STORE)
    server = environment(objects, "ml-pipeline")
    wanted = {
        "OBJECTSTORECONFIG_HOST": "s3.eu-west-1.amazonaws.com",
        "OBJECTSTORECONFIG_REGION": "eu-west-1",
        "OBJECTSTORECONFIG_PORT": "",
        "OBJECTSTORECONFIG_SECURE": "true",
        "OBJECTSTORECONFIG_ACCESSKEY": "",
        "OBJECTSTORECONFIG_SECRETACCESSKEY": "",
    }
    assert wanted.items() <= server.items()
    interface = environment(objects, "ml-pipeline-ui")
    assert interface["AWS_REGION"] == "eu-west-1"
    assert "MINIO_ACCESS_KEY" not in interface
    for name in ("ml-pipeline", "pipeline-runner"):
        annotations = get(objects, "ServiceAccount", name)["metadata"]["annotations"]
        assert annotations[ROLE_ANNOTATION] == f"arn:aws:iam::123456789012:role/{name}"
    for name in ("argo", "ml-pipeline-ui"):
        assert not get(objects, "ServiceAccount", name)["metadata"].get("annotations")


def test_runs_of_every_profile_sign_in_with_the_profile_s_role(rendered: list[Manifest]) -> None:
    (profile,) = [m for m in use_bucket(rendered, STORE) if m["kind"] == "Profile"]
    plugin = profile["spec"]["plugins"][-1]
    spec = {"awsIamRole": STORE.profile_role, "annotateOnly": True}
    assert plugin == {"kind": "AwsIamForServiceAccount", "spec": spec}


def test_workflows_keep_their_logs_in_the_bucket(rendered: list[Manifest]) -> None:
    data = get(use_bucket(rendered, STORE), "ConfigMap", "workflow-controller-configmap")["data"]
    repository = yaml.safe_load(data["artifactRepository"])
    assert repository["s3"]["bucket"] == "the-bucket"
    assert repository["s3"]["useSDKCreds"] is True
    assert "{{workflow.namespace}}" in repository["s3"]["keyFormat"]
    assert "executor" in data


def test_the_profile_controller_runs_our_program(rendered: list[Manifest]) -> None:
    objects = use_bucket(rendered, STORE)
    (volume,) = get(objects, "Deployment", "kubeflow-pipelines-profile-controller")["spec"]["template"]["spec"][
        "volumes"
    ]
    program = get(objects, "ConfigMap", volume["configMap"]["name"])["data"]["sync.py"]
    assert program == (ROOT / COMPONENT / "sync.py").read_text()
    given = environment(objects, "kubeflow-pipelines-profile-controller")
    assert (given["S3_BUCKET"], given["S3_REGION"], given["S3_HOST"]) == ("the-bucket", "eu-west-1", STORE.host)
    assert not [name for name in given if name.startswith("AWS_")]


def test_it_goes_together_with_the_replacement_of_credentials(rendered: list[Manifest]) -> None:
    values = {spec.name: "x" * spec.length for spec in GENERATED}
    login = Credentials(email="a@b.c", password_hash="h", login_fingerprint="f", **values)
    objects = replace(use_bucket(rendered, STORE), login)
    assert_none_left(objects)
    (profile,) = [m for m in objects if m["kind"] == "Profile"]
    assert profile["spec"]["owner"]["name"] == "a@b.c"
    assert profile["spec"]["plugins"]


def test_values_that_are_not_known_yet_are_passed_on(rendered: list[Manifest]) -> None:
    bucket, role = object(), object()
    joined: list[tuple[str, object]] = []

    def join(text: str, **values: object) -> str:
        joined.append((text.format(**dict.fromkeys(values, "BUCKET")), values["bucket"]))
        return "later"

    store = ArtifactStore(
        bucket=bucket, region="eu-west-1", platform_roles=dict.fromkeys(PLATFORM_ACCOUNTS, role), profile_role=role
    )
    objects = use_bucket(rendered, store, join=join)
    assert get(objects, "ConfigMap", "pipeline-install-config")["data"]["bucketName"] is bucket
    assert get(objects, "ConfigMap", "kfp-launcher")["data"]["defaultPipelineRoot"] == "later"
    assert get(objects, "ServiceAccount", "ml-pipeline")["metadata"]["annotations"][ROLE_ANNOTATION] is role
    assert len(joined) == 3
    assert all("BUCKET" in text and value is bucket for text, value in joined)


def test_pipelines_that_need_keys_are_refused() -> None:
    with pytest.raises(UserError, match=r"Pipelines 2\.5\.0.*kubeflowRelease 26\.03"):
        use_bucket(pipelines("2.5.0"), STORE)
    with pytest.raises(UserError, match="unknown version"):
        use_bucket(pipelines(""), STORE)
    with pytest.raises(UserError, match="hold no ConfigMap"):
        use_bucket([], STORE)
    with pytest.raises(UserError, match="with the component manifests/s3"):
        use_bucket(pipelines(), STORE)


@pytest.fixture(scope="module")
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sync", ROOT / COMPONENT / "sync.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def hook(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in {"S3_BUCKET": "the-bucket", "S3_REGION": "eu-west-1", "S3_HOST": STORE.host}.items():
        monkeypatch.setitem(os.environ, name, value)
    monkeypatch.setattr(program.Hook, "log_message", lambda *_: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), program.Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/sync"
        server.shutdown()


def post(url: str, body: bytes) -> dict[str, Any]:
    with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=10) as answer:
        result: dict[str, Any] = json.load(answer)
    return result


def namespace(**labels: str) -> dict[str, Any]:
    return {"metadata": {"name": "ada", "labels": {key.replace("__", "/"): value for key, value in labels.items()}}}


ENABLED = {"pipelines.kubeflow.org__enabled": "true"}


def test_the_hook_gives_a_profile_what_its_pipelines_read(hook: str) -> None:
    answer = post(hook, json.dumps({"object": namespace(**ENABLED), "attachments": {}}).encode())
    found = {manifest["metadata"]["name"]: manifest for manifest in answer["attachments"]}
    assert set(found) == {"kfp-launcher", "metadata-grpc-configmap", "artifact-repositories"}
    assert {manifest["metadata"]["namespace"] for manifest in found.values()} == {"ada"}
    assert found["kfp-launcher"]["data"]["defaultPipelineRoot"] == "s3://the-bucket/private-artifacts/ada/v2/artifacts"
    provider = yaml.safe_load(found["kfp-launcher"]["data"]["providers"])["s3"]["default"]
    assert provider["credentials"] == {"fromEnv": True}
    assert provider["region"] == "eu-west-1"
    annotations = found["artifact-repositories"]["metadata"]["annotations"]
    key = annotations["workflows.argoproj.io/default-artifact-repository"]
    repository = json.loads(found["artifact-repositories"]["data"][key])
    assert repository["s3"]["keyFormat"] == "private-artifacts/ada/{{workflow.name}}/{{pod.name}}"
    assert answer["status"] == {"kubeflow-pipelines-ready": "False"}
    assert "Secret" not in {manifest["kind"] for manifest in answer["attachments"]}


def test_the_hook_says_ready_once_all_is_there(hook: str) -> None:
    first = post(hook, json.dumps({"object": namespace(**ENABLED), "attachments": {}}).encode())
    there = {f"ada/{manifest['metadata']['name']}": manifest for manifest in first["attachments"]}
    asked = {"object": namespace(**ENABLED), "attachments": {"ConfigMap.v1": there}}
    assert post(hook, json.dumps(asked).encode())["status"] == {"kubeflow-pipelines-ready": "True"}


def test_the_hook_leaves_other_namespaces_alone_and_refuses_nonsense(hook: str) -> None:
    answer = post(hook, json.dumps({"object": namespace(), "attachments": {}}).encode())
    assert answer == {"status": {}, "attachments": []}
    for body in (b"", b"{", b"{}", b"[]"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            post(hook, body)
        assert caught.value.code == 400
