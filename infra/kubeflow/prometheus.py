"""What `monitoring: prometheus` adds to a release, kube-prometheus with manifests/prometheus on top, and changes in it.

Names of kube-prometheus' objects are those of the pinned v0.18.0.
"""

import configparser
import io
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from infra.kubeflow import pools
from infra.kubeflow.dashboards import config_map
from infra.kubeflow.login import need_gateway
from infra.kubeflow.release import resolve_monitoring
from infra.kubeflow.s3 import ROLE_ANNOTATION
from infra.settings import MonitoringSettings, Settings
from ordering.errors import UserError
from ordering.graph import ObjectId
from ordering.manifests.objects import Manifest, title
from ordering.manifests.render import render

COMPONENT = Path("manifests", "prometheus")
GPUS = Path("manifests", "dcgm")
NAMESPACE, ACCOUNT = "monitoring", "alertmanager-main"
LINK = {"type": "item", "link": "/grafana/", "text": "Monitoring", "icon": "icons:timeline"}
"""The entry of the dashboard's menu."""

_FULL = 0.85
"""How much of its volume Prometheus' blocks may take: its log and a compaction need room beside them."""

_PROMETHEUS = ("Prometheus", NAMESPACE, "k8s")
_GRAFANA = ("Deployment", NAMESPACE, "grafana")
_SETTINGS = ("Secret", NAMESPACE, "grafana-config")
_ALERTMANAGER = ("Secret", NAMESPACE, "alertmanager-main")
_SENDER = ("ServiceAccount", NAMESPACE, ACCOUNT)
_OBSERVED = ("ConfigMap", "knative-serving", "config-observability")
_MENU = ("ConfigMap", "kubeflow", "centraldashboard-config")
_IN_PARTS = ("allow-prometheus", "prometheus-telemetry")
"""What the names begin with of what manifests/prometheus puts into namespaces of the release."""

_TOPIC = "TOPIC"
_UNSEEN = "KubeControllerManager", "KubeScheduler"
"""What the names of alerts begin with on what no managed control plane shows, and whose absence would page for ever."""


def is_wanted(settings: Settings) -> bool:
    """Whether kube-prometheus is part of the platform."""
    return settings.monitoring.kind == "prometheus"


def manifests(settings: Settings, root: Path) -> list[Manifest]:
    """kube-prometheus with what is laid over it, relative paths from `root`; none where it is not wanted.

    UserError where its manifests are not available, or are not those that the component goes over.
    """
    if not is_wanted(settings):
        return []
    source = resolve_monitoring(path=settings.monitoring.path, root=root)
    over = [COMPONENT, *([GPUS] if pools.needs_plugin(settings) else [])]
    objects = [*render(source.path, components=[root / one for one in over]), config_map()]
    there = set(map(_key, objects))
    for wanted in (_PROMETHEUS, _GRAFANA, _SETTINGS, _ALERTMANAGER, _SENDER):
        if wanted not in there:
            raise UserError(
                f"{source.path} has no {wanted[0]} {'/'.join(wanted[1:])}, so it is not the kube-prometheus that "
                "monitoring is made for; name the manifests of v0.18.0 in monitoringPath."
            )
    return objects


def use_prometheus(objects: Iterable[Manifest], settings: Settings) -> list[Manifest]:
    """The objects of a platform, with what Prometheus needs of them; the given ones are left as they are.

    UserError where they have no gateway for Grafana to be behind, or a menu that is not JSON.
    """
    given = list(objects)
    if not is_wanted(settings):
        return given
    need_gateway(given, "monitoring")
    namespaces = {one["metadata"]["name"] for one in given if one["kind"] == "Namespace"}
    administrator = settings.dashboard.user
    return [
        _filled(one, settings.monitoring, administrator)
        for one in given
        # A part that is left out, or that the cluster has, has no namespace here to put anything into.
        if not str(one["metadata"]["name"]).startswith(_IN_PARTS) or one["metadata"].get("namespace") in namespaces
    ]


def use_topic(
    objects: Mapping[ObjectId, Manifest],
    topic: Any,
    role: Any,
    *,
    region: str,
    join: Callable[..., Any] = str.format,
) -> dict[ObjectId, Manifest]:
    """The objects with alarms sent to an SNS topic by Alertmanager's account, and its role, where it has to name one.

    The ARNs of both may be text or what stands for one that is not known yet; `join` puts values into a text as
    `str.format` does.
    """
    return {id_: _paging(one, topic, role, region, join) for id_, one in objects.items()}


def _paging(one: Manifest, topic: Any, role: Any, region: str, join: Callable[..., Any]) -> Manifest:
    if _key(one) == _ALERTMANAGER:
        return {**one, "stringData": {"alertmanager.yaml": join(_routes(region), topic)}}
    if _key(one) == _SENDER and role is not None:
        metadata = one["metadata"]
        annotations = {**(metadata.get("annotations") or {}), ROLE_ANNOTATION: role}
        return {**one, "metadata": {**metadata, "annotations": annotations}}
    return one


def _routes(region: str) -> str:
    """Alertmanager's configuration: what is for a person goes to a topic, whose ARN is `{}`; the rest is looked at."""
    sns = {"topic_arn": _TOPIC, "sigv4": {"region": region}, "send_resolved": True}
    config = {
        "route": {
            "receiver": "nobody",
            "group_by": ["alertname", "namespace"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "12h",
            "routes": [{"matchers": ['page = "person"'], "receiver": "person"}],
        },
        "receivers": [{"name": "nobody"}, {"name": "person", "sns_configs": [sns]}],
    }
    return yaml.safe_dump(config, sort_keys=False).replace(_TOPIC, "{}")


def _key(one: Manifest) -> tuple[str, str, str]:
    metadata = one["metadata"]
    return str(one["kind"]), str(metadata.get("namespace") or ""), str(metadata["name"])


def _filled(one: Manifest, monitoring: MonitoringSettings, administrator: str) -> Manifest:
    key = _key(one)
    if key == _PROMETHEUS:
        return {**one, "spec": {**one["spec"], **_kept(monitoring)}}
    if key == _SETTINGS:
        return {**one, "stringData": {"grafana.ini": _administered(one["stringData"]["grafana.ini"], administrator)}}
    if key == _OBSERVED:
        # Knative measures nothing unless told to (knative.dev/pkg of 1.21, observability/metrics/config.go).
        return {**one, "data": {**(one.get("data") or {}), "metrics-protocol": "prometheus"}}
    if key == _MENU:
        return {**one, "data": {**one["data"], "links": _linked(one)}}
    if one["kind"] == "PrometheusRule" and key[1] == NAMESPACE:
        return {**one, "spec": {**one["spec"], "groups": [_seen(group) for group in one["spec"]["groups"]]}}
    return one


def _kept(monitoring: MonitoringSettings) -> dict[str, Any]:
    """How long measurements are kept, and on what; the units are powers of two (Prometheus, "Storage")."""
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": f"{monitoring.storage_gib}Gi"}},
    }
    return {
        "retention": f"{monitoring.retention_days}d",
        "retentionSize": f"{int(monitoring.storage_gib * _FULL)}GB",
        "storage": {"volumeClaimTemplate": {"spec": claim}},
    }


def _administered(ini: str, administrator: str) -> str:
    """Grafana's settings: whoever has this name is its administrator, from its first start on."""
    parser = configparser.RawConfigParser()
    parser.read_string(ini)
    parser["security"]["admin_user"] = administrator
    written = io.StringIO()
    parser.write(written)
    return written.getvalue()


def _linked(menu: Manifest) -> str:
    """The dashboard's menu with Grafana in it."""
    try:
        links = json.loads(menu["data"]["links"])
        links["menuLinks"] = [*links["menuLinks"], LINK]
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{title(menu)} has no menu in `links`, where monitoring is to be found; repair it.") from None
    return json.dumps(links, indent=4)


def _seen(group: Mapping[str, Any]) -> dict[str, Any]:
    rules = [rule for rule in group["rules"] if not str(rule.get("alert", "")).startswith(_UNSEEN)]
    return {**group, "rules": rules}
