"""What is played on the local control plane, as a user of the cluster sees it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud import plane
from tests.local.cluster import (
    Cluster,
    Manifest,
    bundles,
    config_map,
    crd,
    deployment,
    foreign_bundle,
    namespace,
    ready,
    service,
    until,
    webhook,
    writers,
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    root = tmp_path_factory.mktemp("controllers")
    running = Cluster(plane.start(root))
    assert plane.status(root).components["controllers"] == "running"
    yield running
    plane.stop(root, wipe=True)


@pytest.mark.parametrize(("kind", "version"), [("Validating", "v1"), ("Mutating", "v1beta1")])
def test_a_webhook_is_refused_until_its_backend_is_ready(cluster: Cluster, kind: str, version: str) -> None:
    name = f"hook-{version}"
    configuration = f"{kind.lower()}webhookconfiguration/{name}"
    cluster.apply(
        namespace(name, hooked=name),
        service(name, name),
        deployment(name, name, replicas=0),
        webhook(name, name, kind=kind, version=version),
    )

    refused = cluster.try_apply(config_map(name, "early"))
    assert "failed calling webhook" in refused.stderr
    assert "503" in refused.stderr
    assert cluster.calls(f"{name}/{name}")[-1]["reason"] == "the Service has no ready endpoint"
    assert bundles(cluster.get(configuration)) == []

    cluster.run("scale", "-n", name, f"deployment/{name}", "--replicas=1")
    cluster.available(name, name)
    until(lambda: bundles(cluster.get(configuration)), "the backend fills its caBundle")
    assert writers(cluster.get(configuration, "--show-managed-fields"), "caBundle") == {name}
    cluster.apply(config_map(name, "admitted"))
    call = cluster.calls(f"{name}/{name}")[-1]
    assert (call["kind"], call["name"], call["operation"], call["path"], call["status"], call["allowed"]) == (
        "ConfigMap",
        "admitted",
        "CREATE",
        "/check",
        200,
        True,
    )

    cluster.run("scale", "-n", name, f"deployment/{name}", "--replicas=0")
    until(lambda: cluster.try_apply(config_map(name, "late")).returncode != 0, "a backend that went is refused", 30)


def test_a_webhook_whose_service_is_gone_is_refused(cluster: Cluster) -> None:
    cluster.apply(namespace("nobody", hooked="nobody"), webhook("nobody", "nobody"))
    assert "failed calling webhook" in cluster.try_apply(config_map("nobody", "any")).stderr


def test_a_foreign_authority_is_not_trusted(cluster: Cluster) -> None:
    cluster.apply(
        namespace("foreign", hooked="foreign"), service("foreign", "foreign"), deployment("foreign", "foreign")
    )
    cluster.available("foreign", "foreign")
    cluster.apply(webhook("foreign", "foreign", bundle=foreign_bundle()))

    def refusals() -> list[Manifest]:
        refused = cluster.try_apply(config_map("foreign", "any"))
        assert "failed calling webhook" in refused.stderr
        return [call for call in cluster.calls("foreign/foreign") if call["reason"].startswith("TLS: ")]

    until(refusals, "a refusal by TLS", 20)
    assert "x509" in cluster.try_apply(config_map("foreign", "any")).stderr


CERT_MANAGER = "cert-manager"


def issuer(kind: str, name: str, namespace: str | None = None, **spec: Any) -> Manifest:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": "cert-manager.io/v1", "kind": kind, "metadata": metadata, "spec": spec or {"selfSigned": {}}}


def certificate(namespace: str, name: str, issuer: str, kind: str = "Issuer") -> Manifest:
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "secretName": f"{name}-tls",
            "dnsNames": [f"{name}.{namespace}.svc"],
            "issuerRef": {"kind": kind, "name": issuer},
        },
    }


def test_cert_manager_issues_and_injects_only_while_its_deployments_are_available(cluster: Cluster) -> None:
    inject = {"cert-manager.io/inject-ca-from": "signed/signed"}
    conversion = {
        "strategy": "Webhook",
        "webhook": {
            "conversionReviewVersions": ["v1"],
            "clientConfig": {"service": {"namespace": "signed", "name": "signed", "path": "/convert"}},
        },
    }
    cluster.apply(
        namespace(CERT_MANAGER),
        namespace("signed", hooked="signed"),
        crd("cert-manager.io", "Certificate"),
        crd("cert-manager.io", "Issuer"),
        crd("cert-manager.io", "ClusterIssuer", scope="Cluster"),
        service("signed", "signed"),
        deployment("signed", "signed"),
        crd("signed.example.com", "Thing", versions=("v1", "v2"), conversion=conversion, **inject),
        webhook("signed", "signed", **inject),
        webhook(
            "direct",
            "signed",
            kind="Mutating",
            **{"cert-manager.io/inject-ca-from-secret": "cert-manager/cert-manager-webhook-ca"},
        ),
    )
    established = cluster.run("wait", "crd", "--all", "--for=condition=Established", "--timeout=30s")
    assert established.returncode == 0, established.stderr
    cluster.apply(certificate("signed", "signed", "self"), certificate("signed", "orphan", "nobody", "ClusterIssuer"))
    cluster.available("signed", "signed")
    time.sleep(1)
    assert ready(cluster.get("certificate", "signed", "-n", "signed")) is None
    assert bundles(cluster.get("validatingwebhookconfiguration", "signed")) == []

    cluster.apply(deployment(CERT_MANAGER, "cert-manager"))
    cluster.available(CERT_MANAGER, "cert-manager")
    until(lambda: ready(cluster.get("certificate", "signed", "-n", "signed")) == "False", "it waits for its issuer")
    cluster.apply(
        issuer("Issuer", "self", "signed"), issuer("Issuer", "far", "signed", acme={"server": "https://example.com"})
    )
    until(lambda: ready(cluster.get("certificate", "signed", "-n", "signed")) == "True", "the Certificate is Ready")
    assert ready(cluster.get("issuer", "self", "-n", "signed")) == "True"
    assert ready(cluster.get("issuer", "far", "-n", "signed")) == "False"
    assert ready(cluster.get("certificate", "orphan", "-n", "signed")) == "False"
    secret = cluster.get("secret", "signed-tls", "-n", "signed")
    assert secret is not None
    assert secret["type"] == "kubernetes.io/tls"
    assert set(secret["data"]) == {"tls.crt", "tls.key", "ca.crt"}
    assert cluster.get("secret", "orphan-tls", "-n", "signed") is None
    assert bundles(cluster.get("validatingwebhookconfiguration", "signed")) == []

    cluster.apply(deployment(CERT_MANAGER, "cert-manager-cainjector"), deployment(CERT_MANAGER, "cert-manager-webhook"))
    cluster.available(CERT_MANAGER, "cert-manager-cainjector", "cert-manager-webhook")
    authority = secret["data"]["ca.crt"]
    until(lambda: bundles(cluster.get("validatingwebhookconfiguration", "signed")) == [authority], "injected")
    until(lambda: bundles(cluster.get("mutatingwebhookconfiguration", "direct")), "injected from the webhook's Secret")
    configuration = cluster.get("validatingwebhookconfiguration", "signed", "--show-managed-fields")
    assert writers(configuration, "caBundle") == {"cert-manager-cainjector"}
    cluster.apply(config_map("signed", "admitted"))

    def injected() -> bool:
        found = cluster.get("crd", "things.signed.example.com")
        return found is not None and "caBundle" in found["spec"]["conversion"]["webhook"]["clientConfig"]

    until(injected, "the CRD's conversion has its caBundle")
    cluster.apply(
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1.far.example.com", "annotations": inject},
            "spec": {
                "group": "far.example.com",
                "version": "v1",
                "groupPriorityMinimum": 100,
                "versionPriority": 10,
                "service": {"namespace": "signed", "name": "signed"},
            },
        }
    )
    served = cluster.run("wait", "apiservice/v1.far.example.com", "--for=condition=Available", "--timeout=60s")
    assert served.returncode == 0, served.stderr

    cluster.apply(
        {
            "apiVersion": "signed.example.com/v1",
            "kind": "Thing",
            "metadata": {"namespace": "signed", "name": "one"},
            "spec": {"size": 3},
        }
    )
    converted = until(lambda: cluster.get("things.v2.signed.example.com", "one", "-n", "signed"), "converted")
    assert converted["apiVersion"] == "signed.example.com/v2"
    assert converted["spec"] == {"size": 3}

    # A Secret that is lost is issued again.
    cluster.delete("secret", "signed-tls", "-n", "signed")
    again = until(lambda: cluster.get("secret", "signed-tls", "-n", "signed"), "issued again")
    assert again["metadata"]["uid"] != secret["metadata"]["uid"]


def storage_class(name: str, mode: str, provisioner: str = "ebs.csi.aws.com") -> Manifest:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": provisioner,
        "volumeBindingMode": mode,
    }


def claim(name: str, class_name: str | None) -> Manifest:
    spec: Manifest = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    if class_name:
        spec["storageClassName"] = class_name
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"namespace": "volumes", "name": name},
        "spec": spec,
    }


def test_claims_are_bound_as_their_class_says_and_volumes_go_with_them(cluster: Cluster) -> None:
    def phase(name: str) -> str:
        found = cluster.get("pvc", name, "-n", "volumes")
        assert found is not None
        return str(found["status"]["phase"])

    cluster.apply(
        namespace("volumes"),
        storage_class("late", "WaitForFirstConsumer"),
        storage_class("early", "Immediate"),
        storage_class("other", "Immediate", "nobody.example.com"),
    )
    cluster.apply(claim("late", "late"), claim("early", "early"), claim("none", None), claim("other", "other"))
    until(lambda: phase("early") == "Bound", "a claim of an Immediate class")
    assert phase("late") == "Pending"

    mounted = [{"name": "data", "persistentVolumeClaim": {"claimName": "late"}}]
    cluster.apply(deployment("volumes", "user", volumes=mounted))
    cluster.available("volumes", "user")
    assert phase("late") == "Bound"
    assert phase("none") == phase("other") == "Pending"
    bound = cluster.get("pvc", "late", "-n", "volumes")
    assert bound is not None
    volume = cluster.get("pv", bound["spec"]["volumeName"])
    pods = cluster.get("pods", "-n", "volumes", "-l", "app=user")
    assert volume is not None
    assert pods is not None
    node = cluster.get("node", pods["items"][0]["spec"]["nodeName"])
    assert node is not None
    term = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]
    assert term["values"] == [node["metadata"]["labels"]["topology.kubernetes.io/zone"]]

    cluster.delete("deployment", "user", "-n", "volumes")
    cluster.delete("pvc", "late", "early", "-n", "volumes")
    until(lambda: not (cluster.get("pv") or {"items": []})["items"], "the volumes are gone")


def profile(name: str, owner: str) -> Manifest:
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "Profile",
        "metadata": {"name": name},
        "spec": {"owner": {"kind": "User", "name": owner}, "resourceQuotaSpec": {"hard": {"cpu": "2"}}},
    }


def test_a_profile_has_its_namespace_while_its_controller_lives(cluster: Cluster) -> None:
    cluster.apply(namespace("kubeflow"), namespace("taken"), crd("kubeflow.org", "Profile", scope="Cluster"))
    cluster.run("wait", "crd/profiles.kubeflow.org", "--for=condition=Established", "--timeout=30s")
    cluster.apply(profile("ann", "ann@example.com"), profile("taken", "ben@example.com"))
    time.sleep(1)
    assert cluster.get("namespace", "ann") is None

    labels = {"namespace-labels.yaml": "team: blue\nistio-injection: ''\n"}
    volumes = [{"name": "labels", "configMap": {"name": "labels"}}]
    cluster.apply(
        config_map("kubeflow", "labels", **labels), deployment("kubeflow", "profiles-deployment", volumes=volumes)
    )
    made = until(lambda: cluster.get("namespace", "ann"), "the namespace is made")
    assert made["metadata"]["annotations"]["owner"] == "ann@example.com"
    assert made["metadata"]["labels"]["team"] == "blue"
    assert "istio-injection" not in made["metadata"]["labels"]
    until(lambda: "profile-finalizer" in cluster.at("profile", "ann")["metadata"].get("finalizers", []), "finished")
    for kind, names in {
        "serviceaccount": ["default-editor", "default-viewer"],
        "resourcequota": ["kf-resource-quota"],
        "rolebinding": ["default-editor", "default-viewer", "namespaceAdmin"],
    }.items():
        for name in names:
            assert cluster.get(kind, name, "-n", "ann") is not None, f"{kind} {name}"
    # Its condition goes with an update of the whole object, of which the API server takes no status.
    assert not {"finalizers", "status"} & {*(taken := cluster.at("profile", "taken")), *taken["metadata"]}
    assert cluster.get("serviceaccount", "default-editor", "-n", "taken") is None

    # Without its controller nobody lets the Profile go.
    cluster.delete("deployment", "profiles-deployment", "-n", "kubeflow")
    cluster.delete("profile", "ann", wait=False)
    time.sleep(3)
    held = cluster.get("profile", "ann")
    assert held is not None
    assert "deletionTimestamp" in held["metadata"]
    assert cluster.get("namespace", "ann") is not None
    cluster.apply(deployment("kubeflow", "profiles-deployment", volumes=volumes))
    until(lambda: cluster.get("profile", "ann") is None, "the Profile is gone")
    until(lambda: cluster.get("namespace", "ann") is None, "and its namespace with it")


def test_a_restart_changes_nothing_and_loses_nothing(cluster: Cluster) -> None:
    cluster.apply(
        namespace("again", hooked="again"),
        service("again", "again"),
        deployment("again", "again"),
        webhook("again", "again"),
    )
    until(lambda: bundles(cluster.get("validatingwebhookconfiguration", "again")), "the caBundle is filled")
    before = cluster.get("validatingwebhookconfiguration", "again")
    assert before is not None
    cluster.kill("controllers")
    assert cluster.try_apply(config_map("again", "meanwhile")).returncode != 0
    cluster.apply(webhook("while-away", "again", kind="Mutating"))
    plane.start(cluster.plane.root)
    until(lambda: bundles(cluster.get("mutatingwebhookconfiguration", "while-away")), "what came meanwhile is seen to")
    cluster.apply(config_map("again", "after"))
    assert cluster.get("validatingwebhookconfiguration", "again") == before


def test_the_api_server_may_go_and_come_back(cluster: Cluster) -> None:
    cluster.kill("kube-apiserver")
    plane.start(cluster.plane.root)
    cluster.apply(
        namespace("back", hooked="back"), service("back", "back"), deployment("back", "back"), webhook("back", "back")
    )
    until(lambda: bundles(cluster.get("validatingwebhookconfiguration", "back")), "watches go on")
    until(lambda: cluster.try_apply(config_map("back", "one")).returncode == 0, "calls go on")


def test_realistic_pods_wait_for_what_they_mount(tmp_path: Path) -> None:
    cluster = Cluster(plane.start(tmp_path, pods="realistic", seed=7))
    try:
        volumes = [
            {"name": "keys", "secret": {"secretName": "keys", "items": [{"key": "token", "path": "token"}]}},
            {"name": "extra", "configMap": {"name": "extra", "optional": True}},
        ]
        cluster.apply(
            namespace("mounts"), deployment("mounts", "waiting", volumes=volumes), deployment("mounts", "free")
        )

        def pod(of: str) -> Manifest:
            found = cluster.get("pods", "-n", "mounts", "-l", f"app={of}")
            return found["items"][0] if found and found["items"] else {"metadata": {}, "status": {}}

        def delay(of: str) -> str | None:
            value = pod(of)["metadata"].get("annotations", {}).get("localcloud.kubeflow/start-delay")
            return None if value is None else str(value)

        free = until(lambda: delay("free"), "a pod without mounts may start")
        assert 20 <= int(free.removesuffix("s")) <= 60
        failed = ("events", "-n", "mounts", "--field-selector=reason=FailedMount")
        events = until(lambda: cluster.at(*failed)["items"], "the kubelet says what it waits for")
        assert events[0]["message"] == "waits for Secret keys (token)"
        cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"namespace": "mounts", "name": "keys"},
                "stringData": {"other": "1"},
            }
        )
        time.sleep(1)
        assert delay("waiting") is None
        assert pod("waiting")["status"]["phase"] == "Pending"
        cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"namespace": "mounts", "name": "keys"},
                "stringData": {"token": "1"},
            }
        )
        first = until(lambda: delay("waiting"), "the pod may start")
        cluster.delete("pod", pod("waiting")["metadata"]["name"], "-n", "mounts")
        assert until(lambda: delay("waiting"), "the next pod too") == first
    finally:
        plane.stop(tmp_path, wipe=True)
