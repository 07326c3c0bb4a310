"""The sample holds every kind of dependency that a real platform has: each rule of the graph has something to find."""

import re
import time
from pathlib import Path
from typing import Any

import pytest

from ordering.manifests.objects import Manifest, group_of
from ordering.manifests.render import render

SAMPLE = Path(__file__).parents[3] / "manifests" / "sample"


@pytest.fixture(scope="module")
def objects() -> list[Manifest]:
    return render(SAMPLE)


def of(objects: list[Manifest], kind: str) -> list[Manifest]:
    return [manifest for manifest in objects if manifest["kind"] == kind]


def get(objects: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [manifest for manifest in of(objects, kind) if manifest["metadata"]["name"] == name]
    return found


def texts(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [text for value in node.values() for text in texts(value)]
    if isinstance(node, list):
        return [text for value in node for text in texts(value)]
    return [node] if isinstance(node, str) else []


def pod(workload: Manifest) -> dict[str, Any]:
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec


def test_it_renders_in_under_a_second_without_any_tool(tmp_path: Path) -> None:
    started = time.perf_counter()
    assert render(SAMPLE, env={"PATH": "", "XDG_CACHE_HOME": str(tmp_path)})
    assert time.perf_counter() - started < 1


def test_it_names_no_host_that_could_be_asked(objects: list[Manifest]) -> None:
    images = [text for text in texts(objects) if "/" in text and re.search(r":[\d.]+$", text)]
    assert images
    # `.example` is reserved (RFC 2606): nothing is ever pulled.
    assert all(image.startswith("registry.example/") for image in images)


def test_custom_resources_meet_their_definitions(objects: list[Manifest]) -> None:
    served = {
        (crd["spec"]["group"], version["name"], crd["spec"]["names"]["kind"])
        for crd in of(objects, "CustomResourceDefinition")
        for version in crd["spec"]["versions"]
    }
    used = {
        (group_of(manifest), manifest["apiVersion"].partition("/")[2], manifest["kind"])
        for manifest in objects
        if group_of(manifest) in {group for group, _, _ in served}
    }
    assert used <= served
    assert {kind for _, _, kind in used} == {kind for _, _, kind in served}, "a definition without an object"


def test_bindings_name_a_role_and_accounts_that_are_there(objects: list[Manifest]) -> None:
    accounts = {(a["metadata"]["namespace"], a["metadata"]["name"]) for a in of(objects, "ServiceAccount")}
    roles = {(kind, manifest["metadata"]["name"]) for kind in ("Role", "ClusterRole") for manifest in of(objects, kind)}
    bindings = of(objects, "RoleBinding") + of(objects, "ClusterRoleBinding")
    assert bindings
    for binding in bindings:
        assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) in roles
        assert {(s["namespace"], s["name"]) for s in binding["subjects"]} <= accounts
    assert [role for role in of(objects, "ClusterRole") if "aggregationRule" in role]


def test_pods_name_what_they_need_in_every_way_there_is(objects: list[Manifest]) -> None:
    pods = [pod(m) for kind in ("Deployment", "StatefulSet", "DaemonSet", "Job") for m in of(objects, kind)]
    keys = {key for spec in pods for key in spec}
    assert {"imagePullSecrets", "initContainers", "priorityClassName", "runtimeClassName", "serviceAccountName"} <= keys
    volumes = {kind for spec in pods for volume in spec.get("volumes", ()) for kind in volume}
    assert {"configMap", "persistentVolumeClaim", "projected", "secret"} <= volumes
    containers = [container for spec in pods for container in spec["containers"]]
    references = [source for container in containers for source in container.get("envFrom", ())]
    assert [source for source in references if source.get("configMapRef", {}).get("optional")]
    assert [source for source in references if "secretRef" in source]
    (store,) = [m for m in of(objects, "StatefulSet") if m["spec"]["serviceName"]]
    assert get(objects, "Service", store["spec"]["serviceName"])["spec"]["clusterIP"] == "None"
    claims = of(objects, "PersistentVolumeClaim")
    (storage_class,) = of(objects, "StorageClass")
    assert {claim["spec"]["storageClassName"] for claim in claims} == {storage_class["metadata"]["name"]}


def test_a_pod_mounts_a_secret_that_only_a_certificate_writes(objects: list[Manifest]) -> None:
    written = {(c["metadata"]["namespace"], c["spec"]["secretName"]) for c in of(objects, "Certificate")}
    rendered = {(s["metadata"].get("namespace"), s["metadata"]["name"]) for s in of(objects, "Secret")}
    mounted = {
        (m["metadata"]["namespace"], volume["secret"]["secretName"])
        for m in of(objects, "Deployment")
        for volume in pod(m).get("volumes", ())
        if "secret" in volume
    }
    assert written == mounted & written
    assert not written & rendered
    assert {c["spec"]["issuerRef"]["kind"] for c in of(objects, "Certificate")} == {"Issuer", "ClusterIssuer"}


def test_webhooks_of_every_sort_have_a_backend(objects: list[Manifest]) -> None:
    configurations = of(objects, "MutatingWebhookConfiguration") + of(objects, "ValidatingWebhookConfiguration")
    webhooks = [webhook for configuration in configurations for webhook in configuration["webhooks"]]
    clients = [webhook["clientConfig"]["service"] for webhook in webhooks]
    clients += [
        crd["spec"]["conversion"]["webhook"]["clientConfig"]["service"]
        for crd in of(objects, "CustomResourceDefinition")
        if "conversion" in crd["spec"]
    ]
    clients += [service["spec"]["service"] for service in of(objects, "APIService")]
    assert len(clients) == len(webhooks) + 2
    for client in clients:
        selector = get(objects, "Service", client["name"])["spec"]["selector"]
        behind = [
            m
            for m in of(objects, "Deployment")
            if m["metadata"]["namespace"] == client["namespace"]
            and selector.items() <= m["spec"]["template"]["metadata"]["labels"].items()
        ]
        assert len(behind) == 1
    assert [webhook for webhook in webhooks if not webhook.get("rules") and "objectSelector" in webhook]
    assert [webhook for webhook in webhooks if webhook["failurePolicy"] == "Ignore"]
    assert [webhook for webhook in webhooks if "matchConditions" in webhook]
    assert [webhook for webhook in webhooks if webhook["clientConfig"].get("caBundle") == ""]
    annotations = {key for c in configurations for key in c["metadata"].get("annotations", ())}
    assert annotations == {"cert-manager.io/inject-ca-from", "cert-manager.io/inject-ca-from-secret"}


def test_one_backend_is_ready_only_once_its_own_configuration_is(objects: list[Manifest]) -> None:
    arguments = pod(get(objects, "Deployment", "journal"))["containers"][0]["args"]
    assert "--validating-webhook-name=sample-journal" in arguments
    configuration = get(objects, "ValidatingWebhookConfiguration", "sample-journal")
    assert configuration["webhooks"][0]["clientConfig"]["service"]["name"] == "journal"
    assert not configuration["metadata"].get("annotations")


def test_an_object_is_sent_in_a_version_that_is_not_stored(objects: list[Manifest]) -> None:
    crd = get(objects, "CustomResourceDefinition", "experiments.sample.dev")
    stored = {version["name"] for version in crd["spec"]["versions"] if version["storage"]}
    sent = {manifest["apiVersion"].partition("/")[2] for manifest in of(objects, "Experiment")}
    assert sent - stored


def test_objects_live_in_a_namespace_that_only_a_profile_makes(objects: list[Manifest]) -> None:
    made = {namespace["metadata"]["name"] for namespace in of(objects, "Namespace")}
    lived_in = {namespace for manifest in objects if (namespace := manifest["metadata"].get("namespace"))}
    assert lived_in - made == {profile["metadata"]["name"] for profile in of(objects, "Profile")}


def test_an_annotation_orders_what_no_field_does(objects: list[Manifest]) -> None:
    named = [
        text
        for manifest in objects
        if (text := manifest["metadata"].get("annotations", {}).get("config.kubernetes.io/depends-on"))
    ]
    assert named == ["apps/namespaces/sample-apps/Deployment/api"]
    assert get(objects, "Deployment", "api")["metadata"]["namespace"] == "sample-apps"


def test_the_rest_of_a_platform_is_there_too(objects: list[Manifest]) -> None:
    kinds = {manifest["kind"] for manifest in objects}
    assert {"CronJob", "DaemonSet", "HorizontalPodAutoscaler", "Job", "NetworkPolicy", "PodDisruptionBudget"} <= kinds
