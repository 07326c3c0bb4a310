"""Who calls whom in a platform: from what the manifests say, and from what the sources of its controllers say.

Each function yields the calls of one kind; its docstring names the source of the fact.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from infra.kubeflow.capacity import is_injected
from infra.kubeflow.traffic.policies import NAME_LABEL, Caller
from ordering.graph import ObjectId
from ordering.graph.controllers import ISTIO, METACONTROLLER, PROFILE_LABELS, Controller
from ordering.graph.index import CRD, Platform, Workload, mapping, mappings, texts
from ordering.graph.pods import references
from ordering.graph.selectors import Labels, Requirement, Selector
from ordering.graph.webhooks import KINDS as WEBHOOKS

API_SERVER = Caller("the API server", None, None)
OUTSIDE = Caller("a load balancer", None, None)
PROFILES = Caller(
    "pods of profiles",
    (Labels(PROFILE_LABELS, complete=False), Labels(complete=False)),
    {"namespaceSelector": {"matchLabels": {"app.kubernetes.io/part-of": "kubeflow-profile"}}},
)

# Istio's own label for the gateway at the edge (istio, manifests/charts/gateways/istio-ingress/values.yaml).
INGRESS = Controller("the ingress gateway", labels=((("istio", "ingressgateway"),),))
CANONICAL = "service.istio.io/canonical-name"

# Services of `kubeflow` that pods in profiles call: the launcher of a step (Pipelines 2.16, backend/src/v2: API server,
# metadata, the release's object store, 1.10.2's as well) and the metrics collector of a Katib trial (katib v0.19).
_FOR_PROFILES = (
    ("ml-pipeline", 8887),
    ("ml-pipeline", 8888),
    ("metadata-grpc-service", 8080),
    ("seaweedfs", 9000),
    ("minio-service", 9000),
    ("katib-db-manager", 6789),
)
# What istiod's ConfigMap says for every proxy: who asks which provider, `_checks` finds out.
_MESH = "mesh"
_HOST = re.compile(
    r"(?<![\w.-])([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)\.([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)"
    r"(?:\.svc(?:\.cluster\.local)?)?(?::(\d+))?(?![\w-])"
)


@dataclass(frozen=True)
class Call:
    """A caller needs a port of a Service, or every port where none is known."""

    caller: Caller
    service: ObjectId
    port: int | None
    reason: str


def calls(platform: Platform) -> Iterator[Call]:
    """All that is known."""
    for find in (
        *(
            _admission,
            _conversion,
            _aggregation,
            _outside,
            _local,
            _routes,
            _checks,
            _keys,
            _sidecars,
            _hooks,
            _profiles,
        ),
        *(_activator, _written),
    ):
        yield from find(platform)


def pod_labels(platform: Platform, workload: Workload) -> Labels:
    """A workload's labels with the one that Istio's injector adds (istio 1.29, injection-template.yaml)."""
    known = workload.labels.known
    place = platform.find("", "Namespace", "", workload.namespace)
    of_namespace = mapping(platform.objects[place]["metadata"].get("labels")) if place else {}
    if CANONICAL in known or not is_injected(workload.metadata, of_namespace):
        return workload.labels
    name = known.get("app.kubernetes.io/name") or known.get("app") or workload.id.name
    return Labels({**known, CANONICAL: name}, workload.labels.present)


def caller(platform: Platform, workload: Workload) -> Caller:
    """The pods of a workload as callers, by the labels that select them."""
    place = platform.find("", "Namespace", "", workload.namespace)
    of_namespace = mapping(platform.objects[place]["metadata"].get("labels")) if place else {}
    namespace = Labels({**of_namespace, NAME_LABEL: workload.namespace})
    spec = mapping(platform.objects[workload.id].get("spec"))
    chosen = mapping(mapping(spec.get("selector")).get("matchLabels")) or workload.labels.known
    peer = {
        "namespaceSelector": {"matchLabels": {NAME_LABEL: workload.namespace}},
        "podSelector": {"matchLabels": dict(chosen)},
    }
    return Caller(workload.id.title, (namespace, pod_labels(platform, workload)), peer)


def _service(platform: Platform, namespace: object, name: object) -> ObjectId | None:
    return platform.find("", "Service", str(namespace), str(name))


def _of(platform: Platform, one: Caller, client: Mapping[str, Any], reason: str) -> Iterator[Call]:
    """The call of a clientConfig or an APIService; 443 where they name no port."""
    service = mapping(client.get("service"))
    if service and (found := _service(platform, service.get("namespace"), service.get("name"))):
        yield Call(one, found, int(service.get("port") or 443), reason)


def _admission(platform: Platform) -> Iterator[Call]:
    """The API server calls the Service of every webhook."""
    for kind in WEBHOOKS:
        for id_ in platform.of_kind("admissionregistration.k8s.io", kind):
            for hook in mappings(platform.objects[id_].get("webhooks")):
                yield from _of(platform, API_SERVER, mapping(hook.get("clientConfig")), f"webhook of {id_.title}")


def _conversion(platform: Platform) -> Iterator[Call]:
    """The API server calls what converts a custom resource between versions."""
    for id_ in platform.of_kind(*CRD):
        conversion = mapping(mapping(platform.objects[id_].get("spec")).get("conversion"))
        client = mapping(mapping(conversion.get("webhook")).get("clientConfig"))
        yield from _of(platform, API_SERVER, client, f"conversion of {id_.name}")


def _aggregation(platform: Platform) -> Iterator[Call]:
    """The API server passes on what an APIService stands for."""
    for id_ in platform.of_kind("apiregistration.k8s.io", "APIService"):
        yield from _of(platform, API_SERVER, mapping(platform.objects[id_].get("spec")), f"serves {id_.name}")


def _outside(platform: Platform) -> Iterator[Call]:
    """A load balancer or a node passes on what is for an exposed Service, or for the ingress gateway's pods."""
    for id_ in platform.of_kind("", "Service"):
        spec = mapping(platform.objects[id_].get("spec"))
        exposed = spec.get("type") in ("LoadBalancer", "NodePort")
        if exposed or any(INGRESS.is_run_by(workload) for workload in platform.behind(id_)):
            yield Call(OUTSIDE, id_, None, "the way in from outside of the cluster")


def _equal(labels: Mapping[str, Any]) -> Selector:
    return tuple(Requirement(str(key), "In", frozenset({str(value)})) for key, value in labels.items())


def _gateway_pods(platform: Platform, id_: ObjectId) -> list[Workload]:
    chosen = mapping(mapping(platform.objects[id_].get("spec")).get("selector"))
    selector = _equal(chosen)
    namespaces = {workload.namespace for workload in platform.workloads.values()} if selector else set[str]()
    return [workload for namespace in sorted(namespaces) for workload in platform.selected(namespace, selector)]


def _gateways(platform: Platform) -> list[Workload]:
    ids = platform.of_kind("networking.istio.io", "Gateway")
    found = {workload.id: workload for id_ in ids for workload in _gateway_pods(platform, id_)}
    return [found[id_] for id_ in sorted(found)]


def _local(platform: Platform) -> Iterator[Call]:
    """Pods of a profile call inference services by the gateway for inside (knative.dev, "Private services")."""
    inside = {workload.id for workload in _gateways(platform) if not INGRESS.is_run_by(workload)}
    for id_ in platform.of_kind("", "Service"):
        if any(workload.id in inside for workload in platform.behind(id_)):
            for port in mappings(mapping(platform.objects[id_].get("spec")).get("ports")):
                if str(port.get("name", "")).startswith("http"):
                    yield Call(PROFILES, id_, int(port["port"]), "private inference services")


def _routes(platform: Platform) -> Iterator[Call]:
    """The pods of a Gateway call the destinations of its VirtualServices."""
    for id_ in platform.of_kind("networking.istio.io", "VirtualService"):
        spec = mapping(platform.objects[id_].get("spec"))
        pods = []
        for name in texts(spec.get("gateways")):
            namespace, _, gateway = name.rpartition("/")
            place = (namespace or platform.namespace(id_), gateway)
            if found := platform.find("networking.istio.io", "Gateway", *place):
                pods += _gateway_pods(platform, found)
        for kind in ("http", "tcp", "tls"):
            for entry in mappings(spec.get(kind)):
                for route in mappings(entry.get("route")):
                    to = mapping(route.get("destination"))
                    port = mapping(to.get("port")).get("number")
                    for service, _ in _hosts(platform, str(to.get("host"))):
                        for workload in pods:
                            yield Call(caller(platform, workload), service, port, f"route of {id_.title}")


def _checks(platform: Platform) -> Iterator[Call]:
    """Whom an AuthorizationPolicy with CUSTOM selects asks the mesh's provider of that name (istio.io, MeshConfig)."""
    providers: dict[str, Mapping[str, Any]] = {}
    for id_ in platform.of_kind("", "ConfigMap"):
        text = mapping(platform.objects[id_].get("data")).get(_MESH)
        for provider in mappings(mapping(yaml.safe_load(text)).get("extensionProviders") if text else None):
            kinds = [settings for settings in provider.values() if isinstance(settings, dict)]
            providers |= {str(provider.get("name")): settings for settings in kinds}
    for id_ in platform.of_kind("security.istio.io", "AuthorizationPolicy"):
        spec = mapping(platform.objects[id_].get("spec"))
        settings = mapping(providers.get(str(mapping(spec.get("provider")).get("name"))))
        labels = mapping(mapping(spec.get("selector")).get("matchLabels"))
        for service, _ in _hosts(platform, str(settings.get("service") or "")):
            for workload in platform.selected(platform.namespace(id_), _equal(labels)):
                yield Call(caller(platform, workload), service, settings.get("port"), f"asked for {id_.title}")


def _keys(platform: Platform) -> Iterator[Call]:
    """istiod fetches the keys of every issuer (istio.io, JWTRule)."""
    for id_ in platform.of_kind("security.istio.io", "RequestAuthentication"):
        for rule in mappings(mapping(platform.objects[id_].get("spec")).get("jwtRules")):
            for service, port in _hosts(platform, str(rule.get("jwksUri") or rule.get("issuer") or "")):
                for workload in _istiod(platform):
                    yield Call(caller(platform, workload), service, port, f"keys for {id_.title}")


def _istiod(platform: Platform) -> list[Workload]:
    return [workload for workload in platform.workloads.values() if ISTIO.is_run_by(workload)]


def _sidecars(platform: Platform) -> Iterator[Call]:
    """Every sidecar and gateway gets its configuration from istiod, at 15012."""
    for workload in _istiod(platform):
        for id_ in platform.of_kind("", "Service"):
            if workload in platform.behind(id_):
                yield Call(PROFILES, id_, 15012, "configuration of sidecars")
                for one in platform.workloads.values():
                    if CANONICAL in pod_labels(platform, one).known:
                        yield Call(caller(platform, one), id_, 15012, "configuration of sidecars")


def _hooks(platform: Platform) -> Iterator[Call]:
    """metacontroller calls the hooks of its controllers, without a namespace in its own (metacontroller.github.io)."""
    callers = [workload for workload in platform.workloads.values() if METACONTROLLER.is_run_by(workload)]
    for kind in ("DecoratorController", "CompositeController"):
        for id_ in platform.of_kind("metacontroller.k8s.io", kind):
            for hook in mapping(mapping(platform.objects[id_].get("spec")).get("hooks")).values():
                url = str(mapping(mapping(hook).get("webhook")).get("url") or "")
                host = url.partition("://")[2].partition("/")[0]
                for workload in callers:
                    full = host if "." in host else f"{host}.{workload.namespace}"
                    for service, port in _hosts(platform, full):
                        yield Call(caller(platform, workload), service, port or 80, f"hook of {id_.title}")


def _profiles(platform: Platform) -> Iterator[Call]:
    """Pods in profiles call what _FOR_PROFILES lists."""
    for name, port in _FOR_PROFILES:
        if found := _service(platform, "kubeflow", name):
            yield Call(PROFILES, found, port, "steps and trials of a profile")


def _activator(platform: Platform) -> Iterator[Call]:
    """Gateways send what is for a service without pods to Knative's activator, HTTP and HTTP/2.

    serving 1.21, pkg/networking/constants.go: 8012 and 8013, behind 80 and 81.
    """
    for id_ in platform.of_kind("", "Service"):
        if id_.name == "activator-service":
            for workload in _gateways(platform):
                for port in (80, 81):
                    yield Call(caller(platform, workload), id_, port, "wakes an inference service")


def _written(platform: Platform) -> Iterator[Call]:
    """A workload calls a Service whose host is written in its pods, or in a ConfigMap that they use."""
    for workload in platform.workloads.values():
        found = [*_texts(workload.spec)]
        for reference in references(workload):
            place = platform.find("", reference.kind, workload.namespace, reference.name)
            if reference.kind == "ConfigMap" and place:
                data = mapping(platform.objects[place].get("data"))
                found += [text for key, text in data.items() if isinstance(text, str) and key != _MESH]
        for text in found:
            for service, port in _hosts(platform, text):
                # A host alone says too little where there are more ports, among them an administrator's.
                ports = [port] if port else _only_port(platform, service)
                for one in ports:
                    yield Call(caller(platform, workload), service, one, f"{workload.id.title} names {service.name}")


def _only_port(platform: Platform, service: ObjectId) -> list[int]:
    ports = [int(port["port"]) for port in mappings(mapping(platform.objects[service].get("spec")).get("ports"))]
    return ports if len(ports) == 1 else []


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _hosts(platform: Platform, text: str) -> Iterator[tuple[ObjectId, int | None]]:
    """The Services that a text names by host, and the port beside each."""
    for match in _HOST.finditer(text):
        if service := _service(platform, match[2], match[1]):
            yield service, int(match[3]) if match[3] else None
