"""kube-prometheus as part of a platform: what changes, in which order it goes, and that what is measured is reached."""

import json
from collections.abc import Callable, Iterator
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.inputs import load_release
from infra.kubeflow.capacity import requirements
from infra.kubeflow.classes import without_class
from infra.kubeflow.load import LoadedRelease
from infra.kubeflow.prometheus import LINK, use_topic
from infra.kubeflow.s3 import ROLE_ANNOTATION
from infra.kubeflow.traffic.calls import caller, pod_labels
from infra.kubeflow.traffic.policies import Caller, Policies
from infra.present import unknown
from ops import cost
from ordering.errors import UserError
from ordering.graph import id_of
from ordering.graph.index import Platform, Workload
from ordering.graph.selectors import Labels, matches, parse
from ordering.manifests.objects import Manifest
from tests.unit.kubeflow.kube_prometheus import GROUP, MENU, PLATFORM, monitoring_at, one
from tests.unit.kubeflow.platforms import RELEASES, ROOT, written
from tests.unit.settings_source import settings

REAL = [path for path in RELEASES if path.name == "26.03"]
GPU = {"name": "gpu", "instanceTypes": ["g5.xlarge"], "max": 2}
Load = Callable[..., LoadedRelease]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    small = str(monitoring_at(tmp_path / "monitoring"))
    folders = map("platform-{}".format, count())

    def loaded(platform: list[Manifest] = PLATFORM, **changes: Any) -> LoadedRelease:
        at = str(written(tmp_path / next(folders), platform))
        given = {"kubeflowPath": at, "monitoring": "prometheus", "monitoringPath": small, **changes}
        return load_release(settings(**given), "1.35", ROOT, unknown)

    return loaded


def found(release: LoadedRelease, kind: str, name: str) -> Manifest:
    [manifest] = [one for one in release.objects if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return manifest


def names(release: LoadedRelease, kind: str) -> set[str]:
    return {one["metadata"]["name"] for one in release.objects if one["kind"] == kind}


def test_measurements_are_kept_for_so_long_and_on_so_much(load: Load) -> None:
    release = load(monitoringRetentionDays=30, monitoringStorageGiB=100)
    spec = found(release, "Prometheus", "k8s")["spec"]
    assert (spec["retention"], spec["retentionSize"], spec["replicas"]) == ("30d", "85GB", 2)
    claim = spec["storage"]["volumeClaimTemplate"]["spec"]
    assert claim["resources"]["requests"]["storage"] == "100Gi"
    # Pods and volumes that no manifest holds count where nodes and classes are looked at.
    needed, without = requirements(release.objects), requirements(PLATFORM)
    assert (needed.volumes, needed.storage >> 30) == (2, 200)
    assert needed.total.pods - without.total.pods == 2 + 3 + 2
    assert "StatefulSet monitoring/prometheus-k8s" in without_class(release.objects)


def test_its_volumes_are_a_line_of_the_bill_of_their_own(tmp_path: Path) -> None:
    at = {"kubeflowPath": str(written(tmp_path / "platform", PLATFORM)), "monitoring": "prometheus"}
    assert cost.claimed_gib(settings(**at, monitoringPath=str(monitoring_at(tmp_path / "monitoring")))) == 0


def test_what_others_answer_for_or_nobody_sees_is_left_out(load: Load) -> None:
    release = load()
    assert names(release, "ServiceMonitor") & {"kube-controller-manager", "kube-scheduler"} == set()
    assert "kube-apiserver" in names(release, "ServiceMonitor")
    assert names(release, "Deployment") == {"grafana", "prometheus-operator"}
    assert "blackbox-exporter-configuration" not in names(release, "ConfigMap")
    [group] = found(release, "PrometheusRule", "kubernetes")["spec"]["groups"]
    assert [rule["alert"] for rule in group["rules"]] == ["KubeNodeNotReady"]


def test_grafana_is_behind_the_login_and_knows_who_administers(load: Load) -> None:
    release = load(dashboardUser="grace@example.com")
    ini = found(release, "Secret", "grafana-config")["stringData"]["grafana.ini"]
    for line in (
        "admin_user = grace@example.com",
        "header_name = kubeflow-userid",
        "disable_login_form = true",
        "auto_assign_org_role = Viewer",
        "root_url = %(protocol)s://%(domain)s/grafana/",
    ):
        assert f"{line}\n" in ini
    assert "[auth.basic]\nenabled = false\n" in ini
    template = found(release, "Deployment", "grafana")["spec"]["template"]
    assert template["metadata"]["labels"]["sidecar.istio.io/inject"] == "true"
    rules = found(release, "AuthorizationPolicy", "grafana")["spec"]["rules"]
    assert [rule.get("from") or rule["to"][0]["operation"]["paths"] for rule in rules] == [
        [{"source": {"principals": ["cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account"]}}],
        ["/metrics"],
    ]
    links = json.loads(found(release, "ConfigMap", "centraldashboard-config")["data"]["links"])
    assert links["menuLinks"] == [*MENU["menuLinks"], LINK]


def test_knative_measures_once_it_is_told_to(load: Load) -> None:
    data = found(load(), "ConfigMap", "config-observability")["data"]
    assert data == {"_example": "theirs", "metrics-protocol": "prometheus"}


def test_a_part_that_is_not_there_gets_no_policy(load: Load) -> None:
    release = load()
    placed = {one["metadata"]["namespace"] for one in release.objects if one["kind"] == "NetworkPolicy"}
    assert placed == {"istio-system", "knative-serving", "kubeflow", "monitoring"}


def test_kinds_come_before_their_objects_and_the_operator_too(load: Load) -> None:
    levels = {node.id.title: node.level for node in load().graph.nodes}
    order = (
        f"CustomResourceDefinition prometheuses.{GROUP}",
        "Deployment monitoring/prometheus-operator",
        "Prometheus monitoring/k8s",
    )
    assert all(levels[before] < levels[after] for before, after in pairwise(order))
    assert levels[f"CustomResourceDefinition podmonitors.{GROUP}"] < levels["PodMonitor monitoring/argo-workflows"]
    assert levels["ConfigMap monitoring/kubeflow-dashboards"] < levels["Deployment monitoring/grafana"]


def test_gpus_are_measured_where_nodes_have_some(load: Load) -> None:
    assert "dcgm-exporter" not in names(load(), "DaemonSet")
    assert "dcgm-exporter" in names(load(nodePools=[GPU]), "DaemonSet")


def test_parts_that_are_chosen_leave_it_whole(load: Load) -> None:
    release = load(kubeflowParts=["login"])
    assert "config-observability" not in names(release, "ConfigMap")
    assert "kubeflow-pages" in names(release, "PrometheusRule")
    assert "k8s" in names(release, "Prometheus")


def test_alarms_for_a_person_go_to_the_topic_and_no_others(load: Load) -> None:
    release = load()
    objects = {id_of(one): one for one in release.objects}
    topic, role = "arn:aws:sns:eu-west-1:1:alarms", "arn:aws:iam::1:role/a"
    told = {id_.title: one for id_, one in use_topic(objects, topic, role, region="eu-west-1").items()}
    config = yaml.safe_load(told["Secret monitoring/alertmanager-main"]["stringData"]["alertmanager.yaml"])
    assert config["route"]["receiver"] == "nobody"
    assert config["route"]["routes"] == [{"matchers": ['page = "person"'], "receiver": "person"}]
    nobody, person = config["receivers"]
    assert nobody == {"name": "nobody"}
    [sns] = person["sns_configs"]
    assert (sns["topic_arn"], sns["sigv4"]) == (topic, {"region": "eu-west-1"})
    account = told["ServiceAccount monitoring/alertmanager-main"]
    assert account["metadata"]["annotations"][ROLE_ANNOTATION] == role


@pytest.mark.parametrize(
    ("platform", "monitoring", "words"),
    [
        ([one("v1", "ConfigMap", "a", "default")], None, "monitoring cannot be as it is set: the manifests have no"),
        (
            PLATFORM,
            [one("v1", "ConfigMap", "a")],
            "wrong has no Prometheus monitoring/k8s, so it is not the kube-prometheus that monitoring is made for;",
        ),
    ],
)
def test_what_it_cannot_go_over_is_refused(
    load: Load, tmp_path: Path, platform: list[Manifest], monitoring: list[Manifest] | None, words: str
) -> None:
    changes = {"monitoringPath": str(written(tmp_path / "wrong", monitoring))} if monitoring else {}
    with pytest.raises(UserError, match=words):
        load(platform, **changes)


def test_a_menu_that_is_not_json_is_named(load: Load) -> None:
    broken = [*PLATFORM[:-1], one("v1", "ConfigMap", "centraldashboard-config", "kubeflow", data={"links": "[]"})]
    with pytest.raises(UserError, match="ConfigMap kubeflow/centraldashboard-config has no menu in `links`"):
        load(broken)


@pytest.fixture(scope="module", params=REAL, ids=lambda path: str(path.name))
def measured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """The real release with what is sent for Prometheus."""
    at = monitoring_at(tmp_path_factory.mktemp("measured") / "monitoring")
    given = settings(kubeflowPath=str(request.param), monitoring="prometheus", monitoringPath=str(at))
    return Platform(load_release(given, "1.35", ROOT, unknown).objects)


def monitors() -> list[Manifest]:
    text = (ROOT / "manifests/prometheus/monitors.yaml").read_text()
    return [found for found in yaml.safe_load_all(text) if found]


@pytest.mark.parametrize("monitor", monitors(), ids=lambda one: str(one["metadata"]["name"]))
def test_prometheus_reaches_what_a_monitor_selects(measured: Platform, monitor: Manifest) -> None:
    targets = list(_targets(measured, monitor))
    assert targets
    here = caller(measured, next(one for one in measured.workloads.values() if one.id.name == "grafana"))
    assert here.pods
    prometheus = Caller("Prometheus", (here.pods[0], Labels({"app.kubernetes.io/name": "prometheus"})), None)
    policies = Policies(measured)
    for workload, port in targets:
        labels = pod_labels(measured, workload)
        assert policies.lets_in(prometheus, workload, labels, port), f"{workload.id.title} {port}"
        # Envoy's own port is outside of the mesh; a pod in it takes what a policy allows. The injector reads its own
        # label as an annotation, too (Istio 1.29, pkg/kube/inject/inject.go: `injectRequired`).
        apart = (workload.metadata.get("annotations") or {}).get("sidecar.istio.io/inject") == "false"
        if port != 15090 and labels != workload.labels and not apart:
            assert any(_allowed(measured, workload, port)), f"{workload.id.title} {port}"


def _targets(platform: Platform, monitor: Manifest) -> Iterator[tuple[Workload, int]]:
    spec = monitor["spec"]
    spaces = spec["namespaceSelector"].get("matchNames")
    wanted = parse(spec["selector"], str)
    endpoint = (spec.get("endpoints") or spec["podMetricsEndpoints"])[0]
    pods = [one for one in platform.workloads.values() if spaces is None or one.namespace in spaces]
    if monitor["kind"] == "PodMonitor":
        for pod in pods:
            if matches(wanted, pod.labels):
                yield from ((pod, port) for port in _container_ports(pod, endpoint))
        return
    for id_ in platform.of_kind("", "Service"):
        service = platform.objects[id_]
        if platform.namespace(id_) not in spaces or not matches(
            wanted, Labels(service["metadata"].get("labels") or {})
        ):
            continue
        behind = parse({"matchLabels": service["spec"]["selector"]}, str)
        for port in service["spec"]["ports"]:
            if port.get("name") == endpoint["port"]:
                for pod in pods:
                    if pod.namespace == platform.namespace(id_) and matches(behind, pod.labels):
                        yield from ((pod, at) for at in _behind(pod, port.get("targetPort", port["port"])))


def _container_ports(pod: Workload, endpoint: dict[str, Any]) -> Iterator[int]:
    if "port" not in endpoint:
        address = endpoint["relabelings"][-1]["replacement"]
        kept = endpoint["relabelings"][0]["regex"]
        if any(one["name"] == kept for one in pod.containers):
            yield int(address.rpartition(":")[2])
        return
    yield from _behind(pod, endpoint["port"])


def _behind(pod: Workload, port: str | int) -> Iterator[int]:
    for container in pod.containers:
        for declared in container.get("ports") or ():
            if port in (declared.get("name"), declared["containerPort"]):
                yield declared["containerPort"]


def _allowed(platform: Platform, pod: Workload, port: int) -> Iterator[bool]:
    """What the ALLOW policies on a pod say of a request from outside of the mesh, with no header of Kubeflow's."""
    for id_ in platform.of_kind("security.istio.io", "AuthorizationPolicy"):
        spec = platform.objects[id_].get("spec") or {}
        selector = parse({"matchLabels": (spec.get("selector") or {}).get("matchLabels", {})}, str)
        if platform.namespace(id_) != pod.namespace or spec.get("action", "ALLOW") != "ALLOW":
            continue
        for rule in spec.get("rules") or () if matches(selector, pod.labels) else ():
            ports = [each["operation"].get("ports") for each in rule.get("to") or ()]
            absent = all("notValues" in each for each in rule.get("when") or ())
            yield "from" not in rule and absent and (not ports or [str(port)] in ports)
