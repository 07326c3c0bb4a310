"""The workloads that the Prometheus operator makes of its own resources, which no manifest holds.

prometheus-operator v0.92.0, pkg/prometheus/server/statefulset.go and pkg/alertmanager/statefulset.go: a StatefulSet of
`spec.replicas` pods with what `spec.resources` asks for, and a sidecar that reads configuration again, of 10m and 50Mi.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from ordering.manifests.objects import Manifest

_KINDS = ("Prometheus", "Alertmanager")
_GROUP = "monitoring.coreos.com/"
_RELOADER = {"name": "config-reloader", "resources": {"requests": {"cpu": "10m", "memory": "50Mi"}}}


def workloads(objects: Iterable[Manifest]) -> Iterator[Manifest]:
    """A StatefulSet for each of the operator's resources, as far as nodes and volumes have to do with it."""
    for one in objects:
        if one["kind"] in _KINDS and str(one["apiVersion"]).startswith(_GROUP):
            yield _stateful_set(one, one.get("spec") or {})


def _stateful_set(one: Manifest, spec: Any) -> Manifest:
    about = one["metadata"]
    template = (spec.get("storage") or {}).get("volumeClaimTemplate")
    container = {"name": one["kind"].lower(), "resources": spec.get("resources") or {}}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": f"{one['kind'].lower()}-{about['name']}", "namespace": about.get("namespace")},
        "spec": {
            "replicas": spec.get("replicas", 1),
            "template": {"metadata": spec.get("podMetadata") or {}, "spec": {"containers": [container, _RELOADER]}},
            "volumeClaimTemplates": [template] if template else [],
        },
    }
