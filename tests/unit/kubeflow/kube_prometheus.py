"""A small platform with a gateway, and a small kube-prometheus: what the component goes over, and hardly more."""

import json
from pathlib import Path
from typing import Any

from ordering.manifests.objects import Manifest
from tests.unit.kubeflow.platforms import written

GROUP = "monitoring.coreos.com"
KINDS = {
    "Alertmanager": "alertmanagers",
    "PodMonitor": "podmonitors",
    "Prometheus": "prometheuses",
    "PrometheusRule": "prometheusrules",
    "ServiceMonitor": "servicemonitors",
}


def one(api: str, kind: str, name: str, namespace: str = "monitoring", **content: Any) -> Manifest:
    """An object; no namespace for one of the whole cluster."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **content}


def definition(group: str, version: str, kind: str, plural: str) -> Manifest:
    """A definition that takes any fields."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    served = {"name": version, "served": True, "storage": True, "schema": schema, "subresources": {"status": {}}}
    names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [served]}
    return one("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.{group}", "", spec=spec)


def deployment(name: str, namespace: str = "monitoring", *, account: str = "default", **pod: Any) -> Manifest:
    """One of one pod."""
    labels = {"app.kubernetes.io/name": name}
    containers = [{"name": name, "image": f"example.com/{name}:1"}]
    template = {
        "metadata": {"labels": labels},
        "spec": {"serviceAccountName": account, "containers": containers, **pod},
    }
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return one("apps/v1", "Deployment", name, namespace, spec=spec)


def labelled(manifest: Manifest, name: str) -> Manifest:
    """The object as one of a part of kube-prometheus'."""
    return {**manifest, "metadata": {**manifest["metadata"], "labels": {"app.kubernetes.io/name": name}}}


def monitor(name: str) -> Manifest:
    """A ServiceMonitor that finds nothing."""
    spec = {"selector": {"matchLabels": {"app": name}}, "endpoints": [{"port": "metrics"}]}
    return one(f"{GROUP}/v1", "ServiceMonitor", name, spec=spec)


def rules(name: str, *alerts: str) -> Manifest:
    """A PrometheusRule with alerts of these names."""
    group = {"name": "any", "rules": [{"alert": alert, "expr": "up == 0"} for alert in alerts]}
    return one(f"{GROUP}/v1", "PrometheusRule", name, spec={"groups": [group]})


_OPERATES = {"apiGroups": [GROUP], "resources": [f"{plural}/status" for plural in KINDS.values()], "verbs": ["update"]}

MONITORING: list[Manifest] = [
    one("v1", "Namespace", "monitoring", ""),
    *(definition(GROUP, "v1", kind, plural) for kind, plural in KINDS.items()),
    *(one("v1", "ServiceAccount", name) for name in ("prometheus-operator", "prometheus-k8s", "alertmanager-main")),
    one("rbac.authorization.k8s.io/v1", "ClusterRole", "prometheus-operator", "", rules=[_OPERATES]),
    one(
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "prometheus-operator",
        "",
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "prometheus-operator"},
        subjects=[{"kind": "ServiceAccount", "name": "prometheus-operator", "namespace": "monitoring"}],
    ),
    deployment("prometheus-operator", account="prometheus-operator"),
    one(
        f"{GROUP}/v1",
        "Prometheus",
        "k8s",
        spec={
            "replicas": 2,
            "image": "example.com/prometheus:1",
            "serviceAccountName": "prometheus-k8s",
            "podMetadata": {"labels": {"app.kubernetes.io/name": "prometheus"}},
            "resources": {"requests": {"memory": "400Mi"}},
        },
    ),
    one(
        f"{GROUP}/v1",
        "Alertmanager",
        "main",
        spec={"replicas": 3, "image": "example.com/alertmanager:1", "serviceAccountName": "alertmanager-main"},
    ),
    one("v1", "Secret", "alertmanager-main", stringData={"alertmanager.yaml": "route: {receiver: any}\n"}),
    one("v1", "Secret", "grafana-config", stringData={"grafana.ini": "[date_formats]\ndefault_timezone = UTC\n"}),
    deployment("grafana"),
    one(
        "v1",
        "Service",
        "grafana",
        spec={"ports": [{"name": "http", "port": 3000}], "selector": {"app.kubernetes.io/name": "grafana"}},
    ),
    *map(monitor, ("kube-apiserver", "kube-controller-manager", "kube-scheduler")),
    rules("kubernetes", "KubeSchedulerDown", "KubeControllerManagerInstanceUnreachable", "KubeNodeNotReady"),
    labelled(deployment("prometheus-adapter"), "prometheus-adapter"),
    labelled(one("v1", "ConfigMap", "blackbox-exporter-configuration", data={"a": "b"}), "blackbox-exporter"),
]

_ISTIO = {
    ("networking.istio.io", "VirtualService"): "virtualservices",
    ("security.istio.io", "AuthorizationPolicy"): "authorizationpolicies",
    ("telemetry.istio.io", "Telemetry"): "telemetries",
}
MENU = {"menuLinks": [{"type": "item", "link": "/jupyter/", "text": "Notebooks", "icon": "book"}]}

PLATFORM: list[Manifest] = [
    *(one("v1", "Namespace", name, "") for name in ("istio-system", "kubeflow", "knative-serving", "oauth2-proxy")),
    *(definition(group, "v1", kind, plural) for (group, kind), plural in _ISTIO.items()),
    labelled(
        one("v1", "ConfigMap", "oauth2-proxy", "oauth2-proxy", data={"oauth2_proxy.cfg": "a = 1"}), "oauth2-proxy"
    ),
    one("v1", "ConfigMap", "config-observability", "knative-serving", data={"_example": "theirs"}),
    one("v1", "ConfigMap", "centraldashboard-config", "kubeflow", data={"links": json.dumps(MENU)}),
]


def monitoring_at(folder: Path) -> Path:
    """The small kube-prometheus as a folder for `monitoringPath`."""
    return written(folder, MONITORING)
