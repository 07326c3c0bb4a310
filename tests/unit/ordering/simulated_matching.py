"""How the simulated API server matches: kinds, selectors, rules, and what a pod mounts."""

from typing import Any

Manifest = dict[str, Any]
Key = tuple[str, str, str, str]

CLUSTER = {
    "Namespace", "PersistentVolume", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "APIService",
    "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "StorageClass", "PriorityClass", "RuntimeClass",
    "IngressClass", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
}  # fmt: skip
BUILT_IN = {
    "", "apps", "batch", "autoscaling", "policy", "rbac.authorization.k8s.io", "networking.k8s.io", "storage.k8s.io",
    "scheduling.k8s.io", "node.k8s.io", "admissionregistration.k8s.io", "apiextensions.k8s.io",
    "apiregistration.k8s.io",
}  # fmt: skip
WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"}
ALWAYS = ("default", "kube-system", "kube-public", "kube-node-lease")
HOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


def key(manifest: Manifest) -> Key:
    """Group, kind, namespace and name: what an object is stored under."""
    group = manifest["apiVersion"].rpartition("/")[0]
    kind, metadata = manifest["kind"], manifest["metadata"]
    in_cluster = group in BUILT_IN and kind in CLUSTER
    return group, kind, "" if in_cluster else metadata.get("namespace", ""), metadata["name"]


def pods(manifest: Manifest) -> list[Manifest]:
    """The pod that a workload's controller makes from its template."""
    if manifest["kind"] not in WORKLOADS:
        return []
    spec = manifest.get("spec") or {}
    template = spec["jobTemplate"]["spec"]["template"] if "jobTemplate" in spec else spec.get("template", manifest)
    metadata = {
        **(template.get("metadata") or {}),
        "namespace": manifest["metadata"].get("namespace", ""),
        "name": "",
    }
    return [{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template.get("spec") or {}}]


def service_of(hook: Manifest) -> tuple[str, str]:
    """Namespace and name of the Service that a webhook calls."""
    service = hook["clientConfig"]["service"]
    return service["namespace"], service["name"]


def selected(selector: Manifest | None, labels: dict[str, str]) -> bool:
    """Whether a LabelSelector selects labels; an absent key fails In and Exists, and passes NotIn and DoesNotExist."""
    selector = selector or {}
    if not (selector.get("matchLabels") or {}).items() <= labels.items():
        return False
    for expression in selector.get("matchExpressions") or []:
        name, operator, values = expression["key"], expression["operator"], expression.get("values") or []
        holds = {
            "In": name in labels and labels[name] in values,
            "NotIn": name not in labels or labels[name] not in values,
            "Exists": name in labels,
            "DoesNotExist": name not in labels,
        }[operator]
        if not holds:
            return False
    return True


def rule_matches(rule: Manifest, group: str, versions: set[str], resource: str, namespace: str, operation: str) -> bool:
    scope = rule.get("scope") or "*"
    return (
        bool({group, "*"} & set(rule["apiGroups"]))
        and bool({*versions, "*"} & set(rule["apiVersions"]))
        and bool({operation, "*"} & set(rule["operations"]))
        and bool({resource, f"{resource}/*", "*", "*/*"} & set(rule["resources"]))
        and (scope == "*" or (scope == "Namespaced") == bool(namespace))
    )


def excluded(expression: str) -> bool:
    """The one form of match condition that the platforms here use, when somebody deploys: it lets nobody pass."""
    assert "request.userInfo.username !=" in expression, f"the simulation does not know the condition {expression}"
    return False


def plural(kind: str, known: str | None) -> str:
    if known:
        return known
    name = kind.lower()
    return f"{name[:-1]}ies" if name.endswith("cy") else f"{name}es" if name.endswith("ss") else f"{name}s"


# How each controller's workload is told by its name, in the releases, in the sample and in what tests make.
CONTROLLERS = {
    "gatekeeper": {"gatekeeper"},
    "cert-manager": {"cert-manager"},
    "cert-manager-webhook": {"cert-manager-webhook"},
    "cainjector": {"cert-manager-cainjector"},
    "istiod": {"istiod"},
    "istio-cni": {"istio-cni-node"},
    "profiles": {"profiles-deployment"},
    "metacontroller": {"metacontroller"},
}


def is_run_by(controller: str, workload: Manifest) -> bool:
    """Whether a workload is this controller."""
    metadata = workload["metadata"]
    if controller == "knative":
        return bool(metadata.get("namespace") == "knative-serving" and metadata["name"] == "controller")
    return metadata["name"] in CONTROLLERS[controller]


def mounts(spec: Manifest) -> list[tuple[str, str]]:
    """Kind and name of everything that a pod cannot start without."""
    found = []
    volumes = list(spec.get("volumes") or [])
    volumes += [s for v in volumes for s in (v.get("projected") or {}).get("sources") or []]
    for v in volumes:
        for kind, field, name in (
            ("ConfigMap", "configMap", "name"),
            ("Secret", "secret", "secretName"),
            ("Secret", "secret", "name"),
            ("PersistentVolumeClaim", "persistentVolumeClaim", "claimName"),
        ):
            source = v.get(field) or {}
            if name in source and not source.get("optional"):
                found.append((kind, source[name]))
    for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        sources = [e.get("valueFrom") or {} for e in container.get("env") or []] + (container.get("envFrom") or [])
        for source in sources:
            for kind, field in (
                ("ConfigMap", "configMapKeyRef"),
                ("Secret", "secretKeyRef"),
                ("ConfigMap", "configMapRef"),
                ("Secret", "secretRef"),
            ):
                if field in source and not source[field].get("optional"):
                    found.append((kind, source[field]["name"]))
    found += [("Secret", s["name"]) for s in spec.get("imagePullSecrets") or []]
    return found


def defaults_of(manifest: Manifest) -> list[tuple[str, str]]:
    """The kinds of class whose default an object gets when it is created, and what marks the default."""
    kind, spec = manifest["kind"], manifest.get("spec") or {}
    found = []
    if kind == "Ingress" and "ingressClassName" not in spec:
        found.append(("IngressClass", "ingressclass.kubernetes.io/is-default-class"))
    if kind == "VolumeSnapshot" and "volumeSnapshotClassName" not in spec:
        found.append(("VolumeSnapshotClass", "snapshot.storage.kubernetes.io/is-default-class"))
    bodies = [pod["spec"] for pod in pods(manifest)]
    if any("priorityClassName" not in body for body in bodies):
        found.append(("PriorityClass", "globalDefault"))
    claims = [spec] if kind == "PersistentVolumeClaim" else []
    claims += [one["spec"] for one in spec.get("volumeClaimTemplates") or []]
    volumes = [volume for body in bodies for volume in body.get("volumes") or []]
    claims += [one["ephemeral"]["volumeClaimTemplate"]["spec"] for one in volumes if "ephemeral" in one]
    if any(claim.get("storageClassName") is None and not claim.get("volumeName") for claim in claims):
        found.append(("StorageClass", "storageclass.kubernetes.io/is-default-class"))
    return found
