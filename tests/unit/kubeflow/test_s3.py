"""With the component and the stack's values, artifacts go to S3 and no key is left; without, a sentence says why."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.kubeflow.credentials import GENERATED, Credentials, assert_none_left, replace
from infra.kubeflow.s3 import COMPONENT, PLATFORM_ACCOUNTS, ROLE_ANNOTATION, ArtifactStore, use_bucket
from ordering.errors import UserError
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render
from tests.unit.kubeflow import hook
from tests.unit.kubeflow.platforms import written

ROOT = Path(__file__).parents[3]
RELEASE = ROOT.parent / "shared" / "kubeflow" / "26.03"

STORE = ArtifactStore(
    bucket="the-bucket",
    region="eu-west-1",
    platform_roles={name: f"arn:aws:iam::123456789012:role/{name}" for name in PLATFORM_ACCOUNTS},
)
PROFILE_CONTROLLER = "kubeflow-pipelines-profile-controller"
KEYS = {"secretKeyRef": {"name": "mlpipeline-minio-artifact", "key": "accesskey"}}


def deployment(name: str, container: str, env: list[dict[str, Any]], *, image: str = "any", **pod: Any) -> Manifest:
    containers = [{"name": container, "image": image, "env": env}]
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers, **pod}}
    metadata = {"name": name, "namespace": "kubeflow"}
    spec = {"selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def named(api_version: str, kind: str, name: str, **rest: Any) -> Manifest:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "kubeflow"}, **rest}


def pipelines(version: str = "2.16.0") -> list[Manifest]:
    """What of Pipelines the component touches, in few words."""
    code = "kubeflow-pipelines-profile-controller-code-c55f957kgf"
    interface: list[dict[str, Any]] = [
        {"name": "MINIO_ACCESS_KEY", "valueFrom": KEYS},
        {"name": "ARTIFACTS_SERVICE_PROXY_NAME", "value": "ml-pipeline-ui-artifact"},
        {"name": "ARTIFACTS_SERVICE_PROXY_PORT", "value": "80"},
        {"name": "ARTIFACTS_SERVICE_PROXY_ENABLED", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
        {"name": "ARGO_ARCHIVE_LOGS", "value": "true"},
    ]
    sync = {"webhook": {"url": "http://kubeflow-pipelines-profile-controller/sync"}}
    decorator = {
        "resources": [{"apiVersion": "v1", "resource": "namespaces"}],
        "attachments": [{"apiVersion": "v1", "resource": "configmaps", "updateStrategy": {"method": "OnDelete"}}],
        "hooks": {"sync": sync},
    }
    editing = ["get", "list", "watch", "create", "update", "patch", "delete"]
    rules = [
        {"apiGroups": [""], "resources": ["secrets", "configmaps", "services"], "verbs": editing},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": editing},
    ]
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
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "kubeflow-metacontroller"},
            "rules": rules,
        },
        named(
            "metacontroller.k8s.io/v1alpha1",
            "DecoratorController",
            "kubeflow-pipelines-profile-controller",
            spec=decorator,
        ),
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
        deployment("ml-pipeline-ui", "ml-pipeline-ui", interface, image="registry.example/kfp-frontend:2.16.0"),
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


def test_the_api_server_asks_the_bucket_with_its_role(rendered: list[Manifest]) -> None:
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
    # The logs of a step are an artifact of it, which is how the UI gets at them without a bucket.
    assert server["PUBLISH_LOGS"] == "true"
    for name in ("ml-pipeline", "pipeline-runner"):
        annotations = get(objects, "ServiceAccount", name)["metadata"]["annotations"]
        assert annotations[ROLE_ANNOTATION] == f"arn:aws:iam::123456789012:role/{name}"
    assert not get(objects, "ServiceAccount", "argo")["metadata"].get("annotations")


def test_the_ui_has_no_access_to_the_bucket_and_leaves_artifacts_to_each_namespace_s_proxy(
    rendered: list[Manifest],
) -> None:
    objects = use_bucket(rendered, STORE)
    interface = environment(objects, "ml-pipeline-ui")
    assert interface["ARTIFACTS_SERVICE_PROXY_ENABLED"] == "true"
    assert interface["ARGO_ARCHIVE_LOGS"] == "false"
    assert interface["AWS_EC2_METADATA_DISABLED"] == "true"
    assert not {"MINIO_ACCESS_KEY", "MINIO_SECRET_KEY", "AWS_S3_ENDPOINT", "AWS_REGION"} & interface.keys()
    assert STORE.bucket not in json.dumps(get(objects, "Deployment", "ml-pipeline-ui"))
    assert not get(objects, "ServiceAccount", "ml-pipeline-ui")["metadata"].get("annotations")


def test_every_proxy_runs_the_ui_s_own_image(rendered: list[Manifest]) -> None:
    (interface,) = get(rendered, "Deployment", "ml-pipeline-ui")["spec"]["template"]["spec"]["containers"]
    assert environment(use_bucket(rendered, STORE), PROFILE_CONTROLLER)["PROXY_IMAGE"] == interface["image"]


def test_the_ui_finds_the_proxy_that_the_hook_makes(rendered: list[Manifest]) -> None:
    interface = environment(rendered, "ml-pipeline-ui")
    made = {one["kind"]: one for one in hook.program().proxy("ada", None, hook.HOOK_ENVIRONMENT)}
    service, pods = made["Service"], made["Deployment"]["spec"]["template"]
    assert service["metadata"]["name"] == interface["ARTIFACTS_SERVICE_PROXY_NAME"]
    (port,) = service["spec"]["ports"]
    assert str(port["port"]) == interface["ARTIFACTS_SERVICE_PROXY_PORT"]
    assert service["spec"]["selector"].items() <= pods["metadata"]["labels"].items()
    (container,) = pods["spec"]["containers"]
    assert [one["containerPort"] for one in container["ports"]] == [port["targetPort"]]
    # Istio asks for the protocol of a port by its name.
    assert port["name"] == "http"


def test_metacontroller_may_do_what_the_hook_wants_of_it(rendered: list[Manifest]) -> None:
    program = hook.program()
    resources = {"ConfigMap": "configmaps", "Deployment": "deployments", "Service": "services"}
    spec = get(rendered, "DecoratorController", "kubeflow-pipelines-profile-controller")["spec"]
    strategies = {(one["apiVersion"], one["resource"]): one["updateStrategy"]["method"] for one in spec["attachments"]}
    asked = program.answer("/sync", {"object": hook.NAMESPACE, "related": hook.related("arn")}, hook.HOOK_ENVIRONMENT)
    kinds = {(one["apiVersion"], resources[one["kind"]]) for one in asked["attachments"]}
    # What a release with its own object store left in a profile points nowhere: it must be written again.
    assert {strategies.get(kind) for kind in kinds} == {"InPlace"}
    assert ("v1", "secrets") in strategies
    assert spec["hooks"]["customize"]["webhook"]["url"].endswith("/customize")
    beside = program.answer("/customize", {"parent": hook.NAMESPACE}, {})["relatedResources"]
    rules = get(rendered, "ClusterRole", "kubeflow-metacontroller")["rules"]
    for api_version, resource, verbs in [
        *((*kind, {"list", "watch", "create", "update", "delete"}) for kind in kinds),
        *((one["apiVersion"], one["resource"], {"list", "watch"}) for one in beside),
    ]:
        group = api_version.rpartition("/")[0]
        allowed = [rule for rule in rules if group in rule["apiGroups"] and resource in rule["resources"]]
        assert any(verbs <= set(rule["verbs"]) for rule in allowed), resource


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
    login = Credentials(email="a@b.c", password_hash="h", **values)
    objects = replace(use_bucket(rendered, STORE), login)
    assert_none_left(objects)
    (profile,) = [m for m in objects if m["kind"] == "Profile"]
    assert profile["spec"]["owner"]["name"] == "a@b.c"


def test_values_that_are_not_known_yet_are_passed_on(rendered: list[Manifest]) -> None:
    bucket, role = object(), object()
    joined: list[tuple[str, object]] = []

    def join(text: str, **values: object) -> str:
        joined.append((text.format(**dict.fromkeys(values, "BUCKET")), values["bucket"]))
        return "later"

    store = ArtifactStore(bucket=bucket, region="eu-west-1", platform_roles=dict.fromkeys(PLATFORM_ACCOUNTS, role))
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
