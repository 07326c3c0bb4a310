"""What Pipelines' own controllers are played to write, and what they are sent, as a user of the cluster sees it."""

import json
import time
from typing import Any

import pytest
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2 as executor_config

from ops.cluster import Access, connected
from ops.migrations import attached
from ops.migrations.between import Between
from ordering.graph import build
from pipelines import needs, source
from pipelines.package import Package
from pipelines.sdk import Execution
from pipelines.steps import complaints
from tests.local.cluster import Cluster, Manifest, bundles, config_map, crd, deployment, namespace, service, until

HOOK = "kubeflow-pipelines-profile-controller"

# Groups below k8s.io are Kubernetes' own; metacontroller's definitions say so of theirs.
UNAPPROVED: dict[str, Any] = {"api-approved.kubernetes.io": "unapproved, request not yet submitted"}


def decorator() -> Manifest:
    """The DecoratorController of a release."""
    methods = {"secrets": "OnDelete", "configmaps": "OnDelete", "deployments": "InPlace", "services": "InPlace"}
    attachments = [
        {
            "apiVersion": "apps/v1" if name == "deployments" else "v1",
            "resource": name,
            "updateStrategy": {"method": how},
        }
        for name, how in methods.items()
    ]
    selector = {"matchLabels": {"pipelines.kubeflow.org/enabled": "true"}}
    return {
        "apiVersion": "metacontroller.k8s.io/v1alpha1",
        "kind": "DecoratorController",
        "metadata": {"name": HOOK},
        "spec": {
            "resources": [{"apiVersion": "v1", "resource": "namespaces", "labelSelector": selector}],
            "attachments": attachments,
            "hooks": {"sync": {"webhook": {"url": f"http://{HOOK}/sync"}}},
        },
    }


def metacontroller() -> Manifest:
    runner = deployment("kubeflow", "metacontroller")
    del runner["spec"]["replicas"]
    return {**runner, "kind": "StatefulSet", "spec": {**runner["spec"], "serviceName": ""}}


def test_metacontroller_keeps_what_it_may_update_and_leaves_the_rest(cluster: Cluster) -> None:
    def install(**settings: str) -> None:
        cluster.apply(config_map("kubeflow", "pipeline-install-config", **settings))
        # The real hook reads its settings when its pod starts; here the next event will do.
        cluster.run("annotate", "namespace", "ann", "--overwrite", f"seen={'-'.join(settings.values())}")

    def child(kind: str, name: str) -> Manifest | None:
        return cluster.get(kind, name, "-n", "ann")

    def image() -> str:
        server = child("deployment", "ml-pipeline-ui-artifact")
        return str(server["spec"]["template"]["spec"]["containers"][0]["image"]) if server else ""

    cluster.apply(
        namespace("kubeflow"),
        namespace("ann", **{"pipelines.kubeflow.org/enabled": "true"}),
        crd("metacontroller.k8s.io", "DecoratorController", scope="Cluster", versions=("v1alpha1",), **UNAPPROVED),
        service("kubeflow", HOOK),
        deployment("kubeflow", HOOK),
        metacontroller(),
    )
    cluster.run("wait", "crd", "--all", "--for=condition=Established", "--timeout=30s")
    install(appVersion="2.16.0", ARTIFACTS_PROXY_ENABLED="true")
    cluster.apply(decorator())
    until(lambda: image().endswith(":2.16.0"), "the server of artifacts is there")
    made = cluster.at("configmap", "kfp-launcher", "-n", "ann", "--show-managed-fields")
    assert made["data"]["defaultPipelineRoot"] == "minio://mlpipeline/private-artifacts/ann/v2/artifacts"
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("Namespace", "ann", True)
    assert made["metadata"]["annotations"]["metacontroller.k8s.io/decorator-controller"] == HOOK
    assert "metacontroller.k8s.io/last-applied-configuration" in made["metadata"]["annotations"]
    assert {one["manager"] for one in made["metadata"]["managedFields"]} == {"metacontroller"}
    assert child("secret", "mlpipeline-minio-artifact") is not None

    install(appVersion="2.16.1", ARTIFACTS_PROXY_ENABLED="true")
    until(lambda: image().endswith(":2.16.1"), "what is InPlace is updated")
    install(appVersion="2.16.1")
    until(lambda: child("deployment", "ml-pipeline-ui-artifact") is None, "what is no longer asked for goes")
    cluster.run("patch", "configmap", "kfp-launcher", "-n", "ann", "--type=merge", "-p", '{"data":{"theirs":"1"}}')
    install(appVersion="2.16.2")
    assert cluster.at("configmap", "kfp-launcher", "-n", "ann")["data"]["theirs"] == "1", "what is OnDelete stays"
    cluster.delete("configmap", "kfp-launcher", "-n", "ann")

    def again() -> bool:
        found = child("configmap", "kfp-launcher")
        return bool(found and found["data"] == made["data"])

    until(again, "and comes again as it is asked for")


def test_what_an_older_hook_attached_is_made_again_and_the_administrator_s_keys_go(cluster: Cluster) -> None:
    """As from 1.10.2 to 26.03, on the namespace and the decorator of the test above."""

    def hook(program: str, *env: Manifest) -> Manifest:
        made = deployment("kubeflow", HOOK, volumes=[{"name": "hooks", "configMap": {"name": program}}])
        made["spec"]["template"]["spec"]["containers"][0]["env"] = list(env)
        return made

    def keys(namespace: str) -> str:
        found = cluster.get("secret", attached.KEYS, "-n", namespace)
        return str(found["data"]["accesskey"]) if found else ""

    def settled(program: str, *env: Manifest) -> None:
        cluster.apply(config_map("kubeflow", program), hook(program, *env))
        cluster.run("rollout", "status", f"deployment/{HOOK}", "-n", "kubeflow", "--timeout=30s")
        until(lambda: len(hooks()) == 1, "the old hook is gone")

    def hooks() -> list[Manifest]:
        pods: list[Manifest] = cluster.at("pods", "-n", "kubeflow", "-l", f"app={HOOK}")["items"]
        return pods

    stack = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": attached.KEYS, "namespace": "kubeflow"}}
    cluster.apply({**stack, "stringData": {"accesskey": "stack", "secretkey": "stack"}})
    settled("code-1", {"name": "MINIO_ACCESS_KEY", "value": "stack"})
    enabled = namespace("bob", **{"pipelines.kubeflow.org/enabled": "true"})
    cluster.apply(enabled)
    until(lambda: keys("bob") == keys("kubeflow") != "", "the older hook hands out the stack's own keys")
    before = cluster.at("configmap", "metadata-grpc-configmap", "-n", "bob")["metadata"]["uid"]
    time.sleep(1)  # a second is as fine as the server keeps time
    settled("code-2")
    until(lambda: cluster.get("configmap", "artifact-repositories", "-n", "bob"), "the newer hook is asked")
    assert keys("bob") == keys("kubeflow"), "and keeps the keys that it finds"

    graph = build([hook("code-2"), store(), decorator()])
    between = Between(stack="dev", state=[], graph=graph)
    said: list[str] = []
    with connected(Access(kubeconfig=cluster.plane.kubeconfig.read_text(), context=None)) as api:
        attached.renew(between, api, lambda line: said.append(str(line)))
        until(lambda: keys("bob") not in ("", keys("kubeflow")), "each profile has keys of its own")
        renewed = until(lambda: cluster.get("configmap", "metadata-grpc-configmap", "-n", "bob"), "made again")
        assert renewed["metadata"]["uid"] != before
        assert any("Secret bob/mlpipeline-minio-artifact made again" in line for line in said)
        attached.renew(between, api, pytest.fail)


def store() -> Manifest:
    """The store in which each profile has keys of its own."""
    return deployment("kubeflow", "seaweedfs")


def test_the_cache_deployer_makes_its_webhook_once(cluster: Cluster) -> None:
    cluster.apply(namespace("alone"), deployment("alone", "cache-deployer-deployment"))
    made = until(lambda: cluster.get("mutatingwebhookconfiguration", "cache-webhook-alone"), "the webhook is made")
    assert bundles(made)
    assert made["webhooks"][0]["failurePolicy"] == "Ignore"
    assert "ownerReferences" not in made["metadata"]
    assert set(cluster.at("secret", "webhook-server-tls", "-n", "alone")["data"]) == {"key.pem", "cert.pem"}
    # Its script sleeps from then on; what was taken away comes back with its next pod.
    cluster.delete("mutatingwebhookconfiguration", "cache-webhook-alone")
    cluster.delete("pod", "-n", "alone", "-l", "app=cache-deployer-deployment")
    until(lambda: cluster.get("mutatingwebhookconfiguration", "cache-webhook-alone"), "made again")


def pod(made: Package, label: str) -> Manifest:
    """The pod that Pipelines' driver makes of a step: `initPodSpecPatch` and `extendPodSpecPatch` of 2.16.0."""
    container = made.pipeline["deploymentSpec"]["executors"][label]["container"]
    executors = (made.platform or {})["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    asked = json_format.ParseDict(executors.get(label, {}), executor_config.KubernetesExecutorConfig())
    wanted = container["resources"]
    limits = {"cpu": wanted["resourceCpuLimit"], "memory": wanted["resourceMemoryLimit"]}
    if "accelerator" in wanted:
        limits[wanted["accelerator"]["resourceType"]] = wanted["accelerator"]["resourceCount"]
    claims = {mount.constant: mount.mount_path for mount in asked.pvc_mount}
    secrets = {one.secret_name: one.mount_path for one in asked.secret_as_volume}
    variables = [
        {"name": key.env_var, "valueFrom": {"secretKeyRef": {"name": one.secret_name, "key": key.secret_key}}}
        for one in asked.secret_as_env
        for key in one.key_to_env
    ]
    volumes = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
    volumes += [{"name": name, "secret": {"secretName": name}} for name in secrets]
    main = {
        "name": "main",
        "image": container["image"],
        "resources": {
            "limits": limits,
            "requests": {"cpu": wanted["resourceCpuRequest"], "memory": wanted["resourceMemoryRequest"]},
        },
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in (claims | secrets).items()],
        "env": variables,
    }
    spec = {"containers": [main], "volumes": volumes, "nodeSelector": dict(asked.node_selector.labels)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": label, "namespace": "steps"}, "spec": spec}


def test_a_version_is_served_in_place_of_another_model_and_that_comes_back(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No KServe runs here, so nothing becomes ready: what was served before must be there again, and no more."""
    monkeypatch.setenv("KUBECONFIG", cluster.plane.environment["KUBECONFIG"])
    monkeypatch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", cluster.plane.environment["KUBECONFIG"]
    )
    cluster.apply(namespace("serving"), crd("serving.kserve.io", "InferenceService", versions=("v1beta1",)))
    cluster.run("wait", "crd", "--all", "--for=condition=Established", "--timeout=30s")

    def serve(name: str) -> None:
        with pytest.raises(ValueError, match=r"was not ready within 0\.001 minutes; it serves what it served before"):
            complaints.serve.python_func(
                uri="s3://b/models/0002/", service=f"serving/{name}", image="i:1", server="s", minutes=0.001
            )

    serve("new")
    assert cluster.get("inferenceservice", "new", "-n", "serving") is None
    model = {"modelFormat": {"name": "sklearn"}, "storageUri": "s3://b/theirs/"}
    theirs = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "theirs", "namespace": "serving"},
        "spec": {"predictor": {"model": model}},
    }
    cluster.apply(theirs)
    serve("theirs")
    found = cluster.at("inferenceservice", "theirs", "-n", "serving")
    assert found["spec"] == {"predictor": {"model": model}}
    assert found["metadata"]["generation"] == 3, "it was changed, and changed back"


def test_the_pods_of_steps_that_were_given_something_are_admitted(cluster: Cluster) -> None:
    given = {
        "cpu": ["500m", "train=2"],
        "memory": ["1Gi", "train=4Gi"],
        "gpus": ["1"],
        "node-pool": ["train=gpus", "load=karpenter.sh/nodepool:cheap"],
        "spot": ["split=on"],
        "volume": ["data:/data", "train=scratch:/scratch"],
        "secret": ["load=source", "load=login:api.key"],
    }
    made = needs.apply(source.find("salary").compile(Execution(image="i:1")), given, ("train",))
    cluster.apply(namespace("steps", **{"pod-security.kubernetes.io/enforce": "baseline"}))
    until(lambda: cluster.get("serviceaccount", "default", "-n", "steps"), "the namespace has its account")
    labels = [f"exec-{step}" for step in ("load", "split", "train", "evaluate", "predict", "publish")]
    cluster.apply(*(pod(made, label) for label in labels))
    train = cluster.at("pod", "exec-train", "-n", "steps")["spec"]
    assert train["containers"][0]["resources"]["limits"] == {"cpu": "2", "memory": "4Gi", "nvidia.com/gpu": "1"}
    assert train["nodeSelector"] == {"eks.amazonaws.com/nodegroup": "gpus"}
    refused = pod(made, "exec-split")
    refused["metadata"]["name"] = "twice"
    refused["spec"]["volumes"] *= 2
    said = cluster.run("create", "-f", "-", given=json.dumps(refused)).stderr
    assert "Duplicate value" in said, "what the options refuse, the API server would"
