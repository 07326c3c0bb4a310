"""What a cluster's own objects mean for a release, on small clusters."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from infra.surroundings import Remark, Surroundings, judge
from ordering.manifests.objects import Manifest

GI = 1024**3


def obj(kind: str, name: str, namespace: str = "", api: str = "v1", **content: Any) -> Manifest:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **content.pop("metadata", {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **content}


def deployment(name: str, image: str = "ours:1", cpu: str = "1", namespace: str = "kubeflow") -> Manifest:
    pod = {"containers": [{"name": "main", "image": image, "resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}}]}
    return obj("Deployment", name, namespace, "apps/v1", spec={"template": {"spec": pod}})


def node(name: str = "one", cpu: str = "4", **spec: Any) -> Manifest:
    allocatable = {"cpu": cpu, "memory": "8Gi", "pods": "110"}
    return obj("Node", name, spec=spec, status={"allocatable": allocatable})


def pod(owner: tuple[str, str] | None, cpu: str = "1", namespace: str = "kubeflow", phase: str = "Running") -> Manifest:
    owners = [{"kind": owner[0], "name": owner[1]}] if owner else []
    container = {"name": "main", "resources": {"requests": {"cpu": cpu}}}
    return obj(
        "Pod",
        "p",
        namespace,
        metadata={"ownerReferences": owners},
        spec={"nodeName": "one", "containers": [container]},
        status={"phase": phase},
    )


RELEASE = [obj("Namespace", "kubeflow"), deployment("web", cpu="2")]
CLAIM = obj("PersistentVolumeClaim", "data", "kubeflow", spec={})
EMPTY = Surroundings(
    nodes=[node()],
    pods=[],
    namespaces=[],
    services=[],
    slices=[],
    deployments=[],
    autoscalers=[],
    configuration=[],
    classes=[],
    drivers=[],
    mutating=[],
    validating=[],
)


def remarks(
    *extra: Manifest, version: str = "v1.35.0", existing: Sequence[Manifest] = (), **found: Any
) -> list[Remark]:
    return judge(
        replace(EMPTY, **found), [*RELEASE, *extra], existing=existing, release="Kubeflow 26.03", version=version
    )


def only(*extra: Manifest, **found: Any) -> Remark:
    (one,) = remarks(*extra, **found)
    return one


def test_nothing_is_said_of_a_cluster_with_room_and_nothing_in_the_way() -> None:
    assert remarks() == []


def test_nothing_is_known_of_a_cluster_that_does_not_tell() -> None:
    assert judge(Surroundings(), RELEASE, existing=[], release="x", version="") == []


def test_room_is_what_the_nodes_allow_less_what_others_request() -> None:
    found = only(pods=[pod(None, cpu="3")])
    assert found.stops
    assert found.sentence == (
        "Kubeflow 26.03 needs 1 pods, 2.0 vCPU and 1.0 GiB, and 1 nodes of the cluster have 109 pods, 1.0 vCPU and "
        "8.0 GiB left (what they allow, less what runs there); add nodes, or remove what is not needed."
    )


@pytest.mark.parametrize("owner", [("ReplicaSet", "web-5d4f"), ("StatefulSet", "web")])
def test_the_stack_s_own_pods_do_not_count(owner: tuple[str, str]) -> None:
    own = [obj("StatefulSet", "web", "kubeflow", "apps/v1", spec={"replicas": 0, "template": {"spec": {}}})]
    assert remarks(*own, pods=[pod(owner, cpu="3")]) == []
    assert remarks(*own, pods=[pod(owner, cpu="3", namespace="theirs")])


def test_pods_that_are_over_hold_nothing() -> None:
    assert remarks(pods=[pod(None, cpu="3", phase="Succeeded")]) == []


@pytest.mark.parametrize(
    "spec", [{"unschedulable": True}, {"taints": [{"effect": "NoSchedule"}]}, {"taints": [{"effect": "NoExecute"}]}]
)
def test_a_node_that_takes_no_pods_offers_nothing(spec: dict[str, Any]) -> None:
    assert "0 nodes of the cluster" in only(nodes=[node(**spec)]).sentence
    assert remarks(nodes=[node(taints=[{"effect": "PreferNoSchedule"}])]) == []


def test_one_node_must_hold_the_largest_pod() -> None:
    small = [node(str(number), cpu="1.5") for number in range(4)]
    assert "no node has room for its largest pod (2.0 vCPU and 1.0 GiB)" in only(nodes=small).sentence


@pytest.mark.parametrize(
    "found",
    [
        {"autoscalers": [obj("NodePool", "default")]},
        {"configuration": [obj("ConfigMap", "cluster-autoscaler-status", "kube-system")]},
    ],
)
def test_a_cluster_that_grows_is_not_refused(found: dict[str, Any]) -> None:
    told = only(nodes=[node(cpu="1")], **found)
    assert not told.stops
    assert told.sentence.endswith("Its autoscaler may add nodes.")


def storage_class(provisioner: str) -> Manifest:
    marked = {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
    return obj("StorageClass", "gp2", metadata=marked, provisioner=provisioner)


def test_a_default_class_without_its_driver_makes_no_volumes() -> None:
    old = [storage_class("kubernetes.io/aws-ebs")]
    found = only(CLAIM, classes=old)
    assert found.stops
    assert "the cluster lacks the CSI driver ebs.csi.aws.com" in found.sentence
    assert remarks(CLAIM, classes=old, drivers=[obj("CSIDriver", "ebs.csi.aws.com")]) == []
    assert remarks(CLAIM, classes=old, drivers=None) == []
    assert remarks(classes=old) == [], "nothing claims a volume"
    assert remarks(CLAIM, classes=[storage_class("rancher.io/local-path")]) == []


def test_a_default_class_that_makes_no_volumes_is_refused() -> None:
    assert only(CLAIM, classes=[storage_class("kubernetes.io/no-provisioner")]).stops


def test_what_is_there_already_is_told_with_its_version_and_place() -> None:
    own = deployment("istiod", "docker.io/istio/pilot:1.28.0@sha256:0", cpu="0")
    theirs = deployment("istiod", "gcr.io/x/pilot:1.20.1", namespace="mesh")
    assert "has Istio 1.20.1 already (namespace mesh)" in only(own, deployments=[theirs]).sentence
    assert remarks(deployments=[theirs]) == [], "the release brings none"
    ours = {**theirs, "metadata": {**theirs["metadata"], "managedFields": [{"manager": "pulumi-kubernetes-1a2b"}]}}
    assert remarks(own, deployments=[ours]) == []


def test_a_prometheus_operator_that_is_there_already_stops_the_run() -> None:
    operator = "quay.io/prometheus-operator/prometheus-operator:v0.80.0"
    own = deployment("prometheus-operator", operator, namespace="monitoring")
    theirs = deployment("operator", operator, namespace="observability")
    found = only(own, deployments=[theirs])
    assert found.stops
    assert "has the Prometheus operator v0.80.0 already (namespace observability)" in found.sentence
    assert found.sentence.endswith("set monitoring to none.")


def webhook(resource: str, group: str = "", **changes: Any) -> Manifest:
    rule = {"operations": ["CREATE"], "apiGroups": [group], "apiVersions": ["v1"], "resources": [resource]}
    service = {"service": {"namespace": "policy", "name": "judge"}}
    entry = {"name": "judge.test", "clientConfig": service, "rules": [rule], **changes}
    return {"metadata": {"name": "theirs"}, "webhooks": [entry]}


ANSWERS = obj(
    "EndpointSlice",
    "judge-1",
    "policy",
    metadata={"labels": {"kubernetes.io/service-name": "judge"}},
    endpoints=[{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}],
)


def test_a_webhook_of_others_that_nobody_answers_stops_the_run() -> None:
    found = only(validating=[webhook("deployments", "apps")])
    assert found.stops
    assert "The webhook judge.test of ValidatingWebhookConfiguration theirs is asked about Deployment kubeflow/web" in (
        found.sentence
    )
    told = only(validating=[webhook("deployments", "apps")], slices=[ANSWERS])
    assert not told.stops
    assert told.sentence.endswith("and may refuse or change them.")


def test_the_webhook_of_what_the_cluster_is_said_to_have_is_expected_to_answer() -> None:
    theirs = obj("ValidatingWebhookConfiguration", "theirs", api="admissionregistration.k8s.io/v1", webhooks=[])
    there = [webhook("deployments", "apps")]
    assert remarks(existing=[theirs], validating=there, slices=[ANSWERS]) == []
    assert only(existing=[theirs], validating=there).stops


def test_a_webhook_is_asked_about_the_pods_that_workloads_make() -> None:
    assert "the pods of Deployment kubeflow/web" in only(mutating=[webhook("pods")]).sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"failurePolicy": "Ignore"},
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "theirs"}}},
        {"objectSelector": {"matchLabels": {"a": "b"}}},
    ],
)
def test_a_webhook_that_does_not_refuse_or_does_not_match_is_no_matter(changes: dict[str, Any]) -> None:
    assert remarks(validating=[webhook("deployments", "apps", **changes)]) == []


def test_the_release_s_own_webhooks_are_no_strangers() -> None:
    own = obj("ValidatingWebhookConfiguration", "theirs", api="admissionregistration.k8s.io/v1", webhooks=[])
    assert remarks(own, validating=[webhook("deployments", "apps")]) == []


def test_a_namespace_that_enforces_a_level_is_named_with_what_goes_there() -> None:
    strict = obj("Namespace", "lab", metadata={"labels": {"pod-security.kubernetes.io/enforce": "restricted"}})
    there = deployment("job", cpu="0", namespace="lab")
    assert "The namespace lab enforces the pod security level restricted" in only(there, namespaces=[strict]).sentence
    assert remarks(namespaces=[strict]) == []


def test_a_load_balancer_that_nothing_serves_is_told() -> None:
    wanted = obj("Service", "gate", "kubeflow", spec={"type": "LoadBalancer"})
    kind: dict[str, Any] = {"nodes": [node(providerID="kind://docker/x/y")]}
    assert "an address, which Service kubeflow/gate would wait for; " in only(wanted, **kind).sentence
    assert remarks(wanted, nodes=[node(providerID="k3s://x")]) == []
    assert remarks(wanted, **kind, deployments=[deployment("controller", namespace="metallb-system")]) == []


def test_a_kubernetes_newer_than_any_that_is_known_is_told() -> None:
    assert "The cluster runs Kubernetes v1.99.0" in only(version="v1.99.0").sentence


PILOT = "docker.io/istio/pilot:1.28.0"
AVAILABLE = {"conditions": [{"type": "Available", "status": "True"}]}


def running(image: str, status: dict[str, Any] | None = None) -> Manifest:
    return {**deployment("istiod", image, namespace="mesh"), "status": AVAILABLE if status is None else status}


@pytest.mark.parametrize(
    ("there", "fault"),
    [
        ([], "kubeflowExisting says that the cluster has Istio, and none runs there; install it, or leave it out."),
        ([running("x/pilot:1.20.1")], "The cluster's Istio is 1.20.1, and the release is made for 1.28.0; upgrade it"),
        ([running(PILOT, {})], "Deployment mesh/istiod, which is the cluster's Istio, is not Available; repair it"),
    ],
)
def test_what_is_said_to_be_there_must_be_there_new_enough_and_at_work(there: list[Manifest], fault: str) -> None:
    found = only(existing=[deployment("istiod", PILOT)], deployments=there)
    assert found.stops
    assert found.sentence.startswith(fault)


@pytest.mark.parametrize("image", [PILOT, "x/pilot:1.28.9-distroless", "x/pilot:1.30.0", "x/pilot:latest"])
def test_a_newer_one_will_do(image: str) -> None:
    assert remarks(existing=[deployment("istiod", PILOT)], deployments=[running(image)]) == []


def test_a_kind_that_the_cluster_lacks_is_named_with_what_wants_it() -> None:
    route = obj("VirtualService", "web", "kubeflow", "networking.istio.io/v1", spec={})
    served: dict[str, frozenset[str] | None] = {"networking.istio.io/v1": frozenset({"Gateway"})}
    assert only(route, served=served).sentence.startswith(
        "The cluster does not serve VirtualService of networking.istio.io/v1, which VirtualService kubeflow/web is; "
    )
    assert remarks(route, served={"networking.istio.io/v1": frozenset({"VirtualService"})}) == []
    assert remarks(route, served={"networking.istio.io/v1": None}) == []
