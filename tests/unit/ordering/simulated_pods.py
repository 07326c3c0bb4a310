"""What keeps the pods of a workload from being made, and from starting, in a simulated cluster.

Only what somebody will bring counts: a pod that mounts a Secret that no manifest holds waits in any order.
"""

from collections.abc import Iterator

from tests.unit.ordering.simulated_cluster import Cluster
from tests.unit.ordering.simulated_matching import HOOKS, Manifest, is_run_by, mounts, pods, selected, service_of


def refusals(cluster: Cluster, workload: Manifest) -> Iterator[str]:
    """Why the API server refuses the pods that the workload's controller sends."""
    for pod in pods(workload):
        namespace, spec = pod["metadata"]["namespace"], pod["spec"]
        name = spec.get("serviceAccountName", "default")
        if not cluster.has_account(namespace, name):
            yield f"403: no ServiceAccount {name}"
        for kind, field in (("PriorityClass", "priorityClassName"), ("RuntimeClass", "runtimeClassName")):
            class_ = spec.get(field, "system-")
            if not class_.startswith("system-") and not cluster.named(kind, class_):
                yield f"403: no {kind} {class_}"
        if fault := cluster.unanswered(pod, "CREATE"):
            yield fault
        if cluster.comes_in(namespace, "LimitRange") and not cluster.has_in(namespace, "LimitRange"):
            yield "403: they have no limits, and the namespace has a quota"


def missing(cluster: Cluster, workload: Manifest) -> str:
    """The first thing that a pod would wait for now; empty when it can start."""
    for pod in pods(workload):
        for reason in _reasons(cluster, workload, pod):
            return reason
    return ""


def _reasons(cluster: Cluster, workload: Manifest, pod: Manifest) -> Iterator[str]:
    namespace, spec = pod["metadata"]["namespace"], pod["spec"]
    for kind, name in mounts(spec):
        there = cluster.secret(namespace, name) if kind == "Secret" else cluster.has("", kind, namespace, name)
        written = name == "istio-ca-root-cert" and cluster.runs("istiod")
        if not there and not written and cluster.expected(namespace, kind, name):
            yield f"no {kind} {name}"
    yield from _pulling(cluster, namespace, spec)
    yield from _permissions(cluster, namespace, spec)
    yield from _storage(cluster, workload, namespace, spec)
    yield from _declared(cluster, workload)
    if (
        cluster.comes("DaemonSet", "istio-cni-node")
        and cluster.is_injected_by_istio(pod)
        and not cluster.runs("istio-cni")
    ):
        yield "its init container finds no network plugin"
    if workload["kind"] == "StatefulSet" and (name := workload["spec"].get("serviceName")):
        service = ("", "Service", namespace, name)
        if service in cluster.universe and service not in cluster.stored:
            yield f"no Service {name} to find its peers by"
    yield from _settings(cluster, workload)
    for name in patched(workload):
        if cluster.comes(HOOKS[0], name) and not cluster.named(HOOKS[0], name):
            yield f"it patches {name}, which is not there"


def patched(workload: Manifest) -> list[str]:
    """The webhook configurations that a Job is told to write a CA into."""
    words = pods(workload)[0]["spec"]["containers"][0].get("args") or [] if workload["kind"] == "Job" else []
    return [word.partition("=")[2] for word in words if word.startswith("--webhook-name=")]


def _pulling(cluster: Cluster, namespace: str, spec: Manifest) -> Iterator[str]:
    account = cluster.universe.get(("", "ServiceAccount", namespace, spec.get("serviceAccountName", "default"))) or {}
    for pulled in account.get("imagePullSecrets") or []:
        secret = ("", "Secret", namespace, pulled["name"])
        if secret in cluster.universe and secret not in cluster.stored:
            yield f"no Secret {pulled['name']} to pull with"


def _permissions(cluster: Cluster, namespace: str, spec: Manifest) -> Iterator[str]:
    for binding in cluster.users.get((namespace, spec.get("serviceAccountName", "default")), []):
        if cluster.key(binding) not in cluster.stored and not cluster.is_made(binding["metadata"].get("namespace", "")):
            yield f"its account lacks {binding['kind']} {binding['metadata']['name']}"
        reference = binding["roleRef"]
        place = binding["metadata"].get("namespace", "") if reference["kind"] == "Role" else ""
        role = ("rbac.authorization.k8s.io", reference["kind"], place, reference["name"])
        if role in cluster.universe and role not in cluster.stored:
            yield f"its account lacks {reference['kind']} {reference['name']}"
        yield from _unknown_kinds(cluster, cluster.universe.get(role) or {})


def _unknown_kinds(cluster: Cluster, role: Manifest) -> Iterator[str]:
    """A controller that finds a kind it watches unknown ends."""
    watching = [r for r in role.get("rules") or [] if {"list", "watch", "*"} & set(r.get("verbs") or [])]
    for place, definition in cluster.universe.items():
        if definition["kind"] == "CustomResourceDefinition" and place not in cluster.ready:
            spec = definition["spec"]
            for rule in watching:
                resources = rule.get("resources") or []
                if spec["group"] in (rule.get("apiGroups") or []) and {spec["names"]["plural"], "*"} & set(resources):
                    yield f"it watches {definition['metadata']['name']}, which is not established"


def _storage(cluster: Cluster, workload: Manifest, namespace: str, spec: Manifest) -> Iterator[str]:
    names = [name for kind, name in mounts(spec) if kind == "PersistentVolumeClaim"]
    claims = [cluster.stored.get(("", "PersistentVolumeClaim", namespace, name)) for name in names]
    templates = (workload.get("spec") or {}).get("volumeClaimTemplates") or []
    for claim in (*filter(None, claims), *templates):
        for kind, field in (("StorageClass", "storageClassName"), ("PersistentVolume", "volumeName")):
            wanted = claim["spec"].get(field)
            if wanted and cluster.comes(kind, wanted) and not cluster.named(kind, wanted):
                yield f"no {kind} {wanted}"


def _declared(cluster: Cluster, workload: Manifest) -> Iterator[str]:
    text = (workload["metadata"].get("annotations") or {}).get("config.kubernetes.io/depends-on", "")
    for reference in filter(None, text.split(",")):
        *_, kind, name = reference.strip().split("/")
        if not any(k[1] == kind and k[3] == name for k in cluster.ready):
            yield f"{kind} {name}, which it declares to need, is not ready"


def _settings(cluster: Cluster, workload: Manifest) -> Iterator[str]:
    """Backends of webhooks that get their rules at run time read, when they start, what those will guard."""
    for configuration in cluster.hooks:
        for hook in configuration.get("webhooks") or []:
            if hook.get("rules") or not hook.get("objectSelector") or "service" not in hook["clientConfig"]:
                continue
            if workload not in cluster.behind(*service_of(hook), cluster.universe):
                continue
            for wanted in (m for m in cluster.universe.values() if m["kind"] == "ConfigMap"):
                guarded = selected(hook["objectSelector"], wanted["metadata"].get("labels") or {})
                if guarded and cluster.key(wanted) not in cluster.stored:
                    yield f"no ConfigMap {wanted['metadata']['name']} to start from"


def awaits_authority(cluster: Cluster, workload: Manifest) -> str:
    """Fills the bundles of the workload's own configurations; what is missing for that, as it is not ready without."""
    for configuration in cluster.hooks:
        hooks = [hook for hook in configuration.get("webhooks") or [] if "service" in hook["clientConfig"]]
        if any(workload in cluster.behind(*service_of(hook), cluster.universe) for hook in hooks):
            if cluster.key(configuration) not in cluster.stored:
                return f"it is ready only with its CA in {configuration['metadata']['name']}, which is not there"
            cluster.bundled.add(cluster.key(configuration))
    return ""


def runs_somewhere(cluster: Cluster, controller: str) -> bool:
    """Whether the platform brings a controller at all."""
    return any(is_run_by(controller, m) for m in cluster.universe.values() if pods(m))
