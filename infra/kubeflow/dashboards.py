"""Grafana dashboards of ours, as data: how the platform is, what pipelines do, and who uses what for how much.

Which component exposes each measurement, a test knows with the source of each (tests/unit/kubeflow/exposed.py).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.kubeflow.load import OF_STACK
from ordering.manifests.objects import Manifest

NAME, NAMESPACE = "kubeflow-dashboards", "monitoring"

_WIDTH, _HEIGHT = 12, 8
_SOURCE = {"type": "datasource", "name": "datasource", "query": "prometheus", "hide": 2}
"""Grafana knows one Prometheus, and takes it without being told its name."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One graph: queries with what their lines are called, in a unit of Grafana's."""

    title: str
    queries: Sequence[tuple[str, str]]
    unit: str = "short"
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class Price:
    """US dollars of an hour of something, which a person may overwrite at the top of a dashboard."""

    name: str
    label: str
    dollars: str


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """Graphs of one subject, two in a row."""

    uid: str
    title: str
    panels: Sequence[Panel]
    prices: Sequence[Price] = ()


def _rate(metric: str, selector: str = "", by: str = "") -> str:
    grouped = f"sum by ({by}) " if by else "sum "
    return f"{grouped}(rate({metric}{{{selector}}}[5m]))"


HEALTH = Dashboard(
    uid="kubeflow-health",
    title="Kubeflow / Platform health",
    panels=(
        Panel(title="Parts that answer Prometheus", queries=[("avg by (job) (up)", "{{job}}")], unit="percentunit"),
        Panel(
            title="Replicas that are missing",
            queries=[
                (
                    "kube_deployment_spec_replicas - kube_deployment_status_replicas_available > 0",
                    "{{namespace}}/{{deployment}}",
                )
            ],
        ),
        Panel(
            title="Restarts of containers in an hour",
            queries=[
                (
                    "topk(10, sum by (namespace, pod) (increase(kube_pod_container_status_restarts_total[1h]))) > 0",
                    "{{namespace}}/{{pod}}",
                )
            ],
        ),
        Panel(title="Pods by phase", queries=[("sum by (phase) (kube_pod_status_phase)", "{{phase}}")]),
        Panel(
            title="Requests at the gateway by answer",
            queries=[
                (
                    _rate(
                        "istio_requests_total",
                        'reporter="source",source_workload="istio-ingressgateway"',
                        "response_code",
                    ),
                    "{{response_code}}",
                )
            ],
            unit="reqps",
        ),
        Panel(
            title="Slowest 5% of requests at the gateway",
            queries=[
                (
                    "histogram_quantile(0.95, sum by (le, destination_service_name) (rate("
                    'istio_request_duration_milliseconds_bucket{reporter="source",'
                    'source_workload="istio-ingressgateway"}[5m])))',
                    "{{destination_service_name}}",
                )
            ],
            unit="ms",
        ),
        Panel(
            title="Istio: proxies, and configuration that they refused",
            queries=[
                ("sum (pilot_xds)", "connected"),
                (_rate("pilot_total_xds_rejects"), "refused a second"),
            ],
        ),
        Panel(
            title="Errors of controllers",
            queries=[
                (_rate("controller_runtime_reconcile_errors_total", by="job, controller"), "{{job}} {{controller}}")
            ],
            unit="ops",
        ),
        Panel(
            title="Knative: pods of models, wanted and there",
            queries=[
                ("sum (kn_revision_pods_desired)", "wanted"),
                ("sum (kn_revision_pods_count)", "there"),
            ],
        ),
        Panel(
            title="Days until certificates expire",
            queries=[
                (
                    "(certmanager_certificate_expiration_timestamp_seconds - time()) / 86400",
                    "{{namespace}}/{{name}}",
                )
            ],
        ),
        Panel(
            title="Volumes of claims, how full",
            queries=[
                (
                    "1 - kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes",
                    "{{namespace}}/{{persistentvolumeclaim}}",
                )
            ],
            unit="percentunit",
        ),
        Panel(
            title="Errors of the API server",
            queries=[(_rate("apiserver_request_total", 'code=~"5.."', "resource"), "{{resource}}")],
            unit="reqps",
        ),
    ),
)

PIPELINES = Dashboard(
    uid="kubeflow-pipelines",
    title="Kubeflow / Pipelines",
    panels=(
        Panel(
            title="Runs that ended in an hour",
            queries=[
                (
                    'sum by (phase) (increase(argo_workflows_total_count{phase=~"Succeeded|Failed|Error"}[1h]))',
                    "{{phase}}",
                )
            ],
        ),
        Panel(
            title="Failed runs in an hour, by team",
            queries=[
                (
                    'sum by (namespace) (increase(argo_workflows_total_count{phase=~"Failed|Error"}[1h]))',
                    "{{namespace}}",
                )
            ],
        ),
        Panel(title="Runs now", queries=[("sum by (status) (argo_workflows_gauge)", "{{status}}")]),
        Panel(
            title="Work that waits in Argo",
            queries=[("sum by (queue_name) (argo_workflows_queue_depth_gauge)", "{{queue_name}}")],
        ),
        Panel(
            title="Errors of Argo's controller",
            queries=[(_rate("argo_workflows_error_count", by="cause"), "{{cause}}")],
            unit="ops",
        ),
        Panel(
            title="Requests for runs at the API of Pipelines",
            queries=[
                (_rate("run_server_create_requests"), "create"),
                (_rate("run_server_list_requests"), "list"),
                (_rate("run_server_terminate_requests"), "end"),
                (_rate("run_server_retry_requests"), "retry"),
            ],
            unit="reqps",
        ),
        Panel(
            title="What Pipelines holds",
            queries=[
                ("sum (run_server_run_count)", "runs"),
                ("sum (job_server_job_count)", "recurring runs"),
                ("sum (pipeline_server_pipeline_count)", "pipelines"),
            ],
        ),
        Panel(
            title="Experiments of Katib, by state",
            queries=[("sum by (status) (katib_experiments_current)", "{{status}}")],
        ),
        Panel(
            title="Trials of Katib in an hour",
            queries=[
                ("sum (increase(katib_trial_succeeded_total[1h]))", "succeeded"),
                ("sum (increase(katib_trial_failed_total[1h]))", "failed"),
            ],
        ),
        Panel(title="Notebook servers, by team", queries=[("sum by (namespace) (notebook_running)", "{{namespace}}")]),
    ),
)

_ASKED = 'sum by (namespace) (kube_pod_container_resource_requests{{resource="{}"}})'
_GPUS = _ASKED.format("nvidia_com_gpu")

USE = Dashboard(
    uid="kubeflow-use",
    title="Kubeflow / GPU use and cost by team",
    panels=(
        Panel(title="GPUs that teams hold", queries=[(_GPUS, "{{namespace}}")]),
        Panel(
            title="How busy each team's GPUs are",
            queries=[("avg by (namespace) (DCGM_FI_DEV_GPU_UTIL)", "{{namespace}}")],
            unit="percent",
        ),
        Panel(
            title="GPU memory that teams use",
            queries=[("sum by (namespace) (DCGM_FI_DEV_FB_USED) * 1024 * 1024", "{{namespace}}")],
            unit="bytes",
        ),
        Panel(
            title="GPUs held and idle for an hour",
            queries=[
                (
                    "count by (namespace, pod) (max_over_time(DCGM_FI_DEV_GPU_UTIL[1h]) < 5)",
                    "{{namespace}}/{{pod}}",
                )
            ],
        ),
        Panel(
            title="GPUs of nodes", queries=[('sum (kube_node_status_allocatable{resource="nvidia_com_gpu"})', "all")]
        ),
        Panel(title="vCPUs that teams request", queries=[(_ASKED.format("cpu"), "{{namespace}}")]),
        Panel(
            title="GPUs: US dollars of a month at this rate",
            queries=[(f"{_GPUS} * $gpu_hour * 730", "{{namespace}}")],
            unit="currencyUSD",
            about="What the requests of each team's GPUs cost while they run, at the price above.",
        ),
        Panel(
            title="vCPUs: US dollars of a month at this rate",
            queries=[(f"{_ASKED.format('cpu')} * $cpu_hour * 730", "{{namespace}}")],
            unit="currencyUSD",
            about="What each team requests, as its share of nodes; the whole bill is what `make cost` says.",
        ),
    ),
    # us-west-2, on demand: g5.xlarge, with one GPU, and m5.xlarge, by its 4 vCPUs.
    prices=(
        Price(name="gpu_hour", label="USD of a GPU hour", dollars="1.006"),
        Price(name="cpu_hour", label="USD of a vCPU hour", dollars="0.048"),
    ),
)

DASHBOARDS = (HEALTH, PIPELINES, USE)


def config_map() -> Manifest:
    """All dashboards, as Grafana reads them from a folder."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": {OF_STACK: "stack"}},
        "data": {f"{one.uid}.json": json.dumps(rendered(one), indent=1) for one in DASHBOARDS},
    }


def rendered(dashboard: Dashboard) -> dict[str, Any]:
    """A dashboard in Grafana's own format (Grafana's documentation, "JSON model")."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["kubeflow"],
        "timezone": "utc",
        "schemaVersion": 39,
        "editable": False,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_SOURCE, *(_price(one) for one in dashboard.prices)]},
        "panels": [_panel(index, one) for index, one in enumerate(dashboard.panels)],
    }


def _price(price: Price) -> dict[str, Any]:
    chosen = {"text": price.dollars, "value": price.dollars}
    return {"type": "textbox", "name": price.name, "label": price.label, "query": price.dollars, "current": chosen}


def _panel(index: int, panel: Panel) -> dict[str, Any]:
    return {
        "id": index + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "gridPos": {"w": _WIDTH, "h": _HEIGHT, "x": index % 2 * _WIDTH, "y": index // 2 * _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + position), "expr": expression, "legendFormat": legend}
            for position, (expression, legend) in enumerate(panel.queries)
        ],
    }
