"""What Pipelines' own controllers are played to write, as a user of the cluster sees it."""

from typing import Any

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
