"""What a simulated cluster holds, and how its API server answers: written from the Kubernetes documentation."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from tests.unit.ordering.simulated_matching import (
    ALWAYS,
    BUILT_IN,
    HOOKS,
    WORKLOADS,
    Key,
    Manifest,
    excluded,
    is_run_by,
    key,
    plural,
    pods,
    rule_matches,
    selected,
    service_of,
)


class Cluster:
    """What was sent and what has become ready; `universe` is all that will be sent."""

    def __init__(self, universe: Iterable[Manifest]) -> None:
        self.universe = {key(m): m for m in universe}
        specs = [m["spec"] for m in self.universe.values() if m["kind"] == "CustomResourceDefinition"]
        self._scopes = {(spec["group"], spec["names"]["kind"]): spec.get("scope") for spec in specs}
        self._plurals = {(spec["group"], spec["names"]["kind"]): spec["names"]["plural"] for spec in specs}
        self._served = {
            (spec["group"], spec["names"]["kind"]): {v["name"] for v in spec["versions"] if v.get("served")}
            for spec in specs
        }
        self.universe = {self.key(m): m for m in self.universe.values()}
        self.stored: dict[Key, Manifest] = {}
        self.ready: set[Key] = set()
        self.bundled: set[Key] = set()
        self.issued: set[tuple[str, str]] = set()
        self.made: set[str] = set(ALWAYS)
        self.hooks = [m for m in self.universe.values() if m["kind"] in HOOKS]
        self.certified = {
            (m["metadata"]["namespace"], m["spec"].get("secretName")): self.key(m)
            for m in self.universe.values()
            if m["kind"] == "Certificate" and m["apiVersion"].startswith("cert-manager.io/")
        }
        self.users: dict[tuple[str, str], list[Manifest]] = defaultdict(list)
        for m in self.universe.values():
            for subject in (m.get("subjects") or []) if m["kind"].endswith("Binding") else []:
                if subject["kind"] == "ServiceAccount":
                    place = subject.get("namespace") or m["metadata"].get("namespace", "")
                    self.users[place, subject["name"]].append(m)

    def fault(self, manifest: Manifest) -> str:
        """Why the API server does not know the namespace or the kind; empty when it does."""
        group, kind, namespace, _ = self.key(manifest)
        version = manifest["apiVersion"].rpartition("/")[2]
        if namespace and not self.has("", "Namespace", "", namespace) and namespace not in self.made:
            return f"404: namespace {namespace} not found"
        if group in BUILT_IN:
            return ""
        for stored in self.of("CustomResourceDefinition"):
            spec = stored["spec"]
            if (spec["group"], spec["names"]["kind"]) == (group, kind):
                if self.key(stored) not in self.ready:
                    return f"404: {kind} is not established"
                return self._conversion(stored, version)
        for stored in self.of("APIService"):
            if (stored["spec"]["group"], stored["spec"]["version"]) == (group, version):
                return "" if self.key(stored) in self.ready else f"404: APIService of {group} is not available"
        for template in self.of("ConstraintTemplate"):
            if template["spec"]["crd"]["spec"]["names"]["kind"] == kind and self.runs("gatekeeper"):
                return ""
        return f"404: no kind {kind} in {group}"

    def _conversion(self, crd: Manifest, version: str) -> str:
        conversion = crd["spec"].get("conversion") or {}
        stored = next(v["name"] for v in crd["spec"]["versions"] if v.get("storage"))
        if conversion.get("strategy") != "Webhook" or version == stored:
            return ""
        place = conversion["webhook"]["clientConfig"]["service"]
        fault = self.unavailable(place["namespace"], place["name"])
        if not fault and self.key(crd) not in self.bundled:
            fault = "no caBundle"
        return f"500: conversion webhook: {fault}" if fault else ""

    def unanswered(self, manifest: Manifest, operation: str) -> str:
        """Why a webhook that the request goes through does not answer; empty when all do."""
        for configuration, hook in self.asked(manifest, operation, self.stored.values()):
            if "service" not in hook["clientConfig"]:
                continue
            fault = self.unavailable(*service_of(hook))
            if not fault and self.key(configuration) not in self.bundled:
                fault = "no caBundle"
            if fault:
                return f"500: webhook {hook['name']}: {fault}"
        return ""

    def asked(
        self, manifest: Manifest, operation: str, among: Iterable[Manifest]
    ) -> Iterator[tuple[Manifest, Manifest]]:
        """The webhooks with failurePolicy Fail that a request goes through, by the documented matching."""
        if manifest["kind"] in HOOKS:
            return
        group, kind, namespace, _ = self.key(manifest)
        resource = plural(kind, self.plural(group, kind))
        for configuration in among:
            if configuration["kind"] not in HOOKS:
                continue
            for hook in configuration.get("webhooks") or []:
                versions = {manifest["apiVersion"].rpartition("/")[2]}
                if hook.get("matchPolicy") != "Exact":
                    versions |= self._served.get((group, kind), set())
                if hook.get("failurePolicy", "Fail") == "Fail" and (
                    any(
                        rule_matches(rule, group, versions, resource, namespace, operation)
                        for rule in hook.get("rules") or []
                    )
                    and selected(hook.get("objectSelector"), manifest["metadata"].get("labels") or {})
                    and self.in_namespaces(manifest, hook.get("namespaceSelector"))
                    and not any(excluded(c["expression"]) for c in hook.get("matchConditions") or [])
                ):
                    yield configuration, hook

    def plural(self, group: str, kind: str) -> str | None:
        """The resource name that a definition gives to its kind."""
        return self._plurals.get((group, kind))

    def in_namespaces(self, manifest: Manifest, selector: Manifest | None) -> bool:
        """A namespaceSelector looks at the object's namespace, at a Namespace itself, and at nothing else."""
        _, kind, namespace, name = self.key(manifest)
        if kind == "Namespace":
            namespace = name
        return not namespace or selected(selector, self.labels(namespace))

    def unavailable(self, namespace: str, name: str) -> str:
        """Why a Service answers nobody; empty when it does."""
        if not self.has("", "Service", namespace, name):
            return f"no Service {namespace}/{name}"
        backends = self.behind(namespace, name, self.stored)
        ready = [workload for workload in backends if self.key(workload) in self.ready]
        if not ready:
            return f"Service {namespace}/{name} has no ready endpoint"
        if all(self._cut_off(workload) for workload in ready):
            return f"Service {namespace}/{name} is cut off by a NetworkPolicy"
        return ""

    def behind(self, namespace: str, name: str, among: dict[Key, Manifest]) -> list[Manifest]:
        """The workloads whose pods a Service selects."""
        selector = ((among.get(("", "Service", namespace, name)) or {}).get("spec") or {}).get("selector") or {}
        found = []
        for workload in among.values():
            if selector and workload["kind"] in WORKLOADS and workload["metadata"].get("namespace") == namespace:
                labels = pods(workload)[0]["metadata"].get("labels") or {}
                if selector.items() <= labels.items():
                    found.append(workload)
        return found

    def runs(self, controller: str) -> bool:
        """Whether a controller is up."""
        return any(is_run_by(controller, self.stored[k]) for k in self.ready if k in self.stored and k[1] in WORKLOADS)

    def is_made(self, namespace: str) -> bool:
        """Whether a controller makes a namespace: what starts it cannot wait for a grant in there."""
        return bool(namespace) and namespace not in ALWAYS and ("", "Namespace", "", namespace) not in self.universe

    def is_ready(self, workload: str) -> bool:
        """Whether a workload of this name is up."""
        return any(k[1] in WORKLOADS and k[3] == workload and k in self.stored for k in self.ready)

    def comes(self, kind: str, name: str) -> bool:
        """Whether an object will be sent."""
        return any(k[1] == kind and k[3] == name for k in self.universe)

    def comes_in(self, namespace: str, kind: str) -> bool:
        """Whether a namespace will have an object of a kind."""
        return any(k[1:3] == (kind, namespace) for k in self.universe)

    def has_in(self, namespace: str, kind: str) -> bool:
        """Whether a namespace has an object of a kind."""
        return any(k[1:3] == (kind, namespace) for k in self.stored)

    def _cut_off(self, workload: Manifest) -> bool:
        """Whether a NetworkPolicy governs the pods while another, which may be what lets calls in, is still to come."""
        namespace, labels = workload["metadata"].get("namespace"), pods(workload)[0]["metadata"].get("labels") or {}
        governing = [
            k for k, m in self.universe.items() if k[1:3] == ("NetworkPolicy", namespace)
            if selected(m["spec"].get("podSelector"), labels)
        ]  # fmt: skip
        return any(k in self.stored for k in governing) and not all(k in self.stored for k in governing)

    def is_injected_by_istio(self, pod: Manifest) -> bool:
        """Whether Istio changes the pod."""
        found = self.asked(pod, "CREATE", self.universe.values())
        return any(configuration["metadata"]["name"] == "istio-sidecar-injector" for configuration, _ in found)

    def expected(self, namespace: str, kind: str, name: str) -> bool:
        """Whether somebody will bring the object."""
        if ("", kind, namespace, name) in self.universe or name == "istio-ca-root-cert":
            return True
        return kind == "Secret" and (namespace, name) in self.certified

    def secret(self, namespace: str, name: str) -> bool:
        """Whether a Secret is there: written, where a Certificate is to write it."""
        if (namespace, name) in self.certified:
            return (namespace, name) in self.issued
        return self.has("", "Secret", namespace, name)

    def has_account(self, namespace: str, name: str) -> bool:
        """Whether a pod may run as the account; those that nobody sends exist."""
        expected = ("", "ServiceAccount", namespace, name) in self.universe
        return self.has("", "ServiceAccount", namespace, name) or (not expected)

    def labels(self, namespace: str) -> dict[str, str]:
        """The labels of a namespace."""
        stored = self.universe.get(("", "Namespace", "", namespace))
        if stored is None and namespace not in ("default", "kube-system", "kube-public", "kube-node-lease"):
            # As the Profile controller makes it.
            return {"istio-injection": "enabled", "kubernetes.io/metadata.name": namespace}
        labels = (stored or {"metadata": {}})["metadata"].get("labels") or {}
        return {**labels, "kubernetes.io/metadata.name": namespace}

    def key(self, manifest: Manifest) -> Key:
        """What an object is stored under, with the scope that its definition gives it."""
        group, kind, namespace, name = key(manifest)
        return group, kind, "" if self._scopes.get((group, kind)) == "Cluster" else namespace, name

    def has(self, *place: str) -> bool:
        """Whether it was sent."""
        return place in self.stored

    def named(self, kind: str, name: str) -> bool:
        """Whether an object of the cluster was sent."""
        return any(k[1] == kind and k[3] == name for k in self.stored)

    def of(self, kind: str) -> Iterator[Manifest]:
        """What was sent of a kind."""
        return (m for m in self.stored.values() if m["kind"] == kind)
