"""Platforms of any size with every kind of dependency, from building blocks that tests use as well."""

import random
from collections.abc import Sequence
from typing import Any

from ordering.manifests.objects import Manifest

CERT_MANAGER = "cert-manager"


def manifest(api_version: str, kind: str, name: str, namespace: str = "", **fields: Any) -> Manifest:
    """An object; `labels` and `annotations` go into its metadata, all other fields stand beside it."""
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    for field in ("labels", "annotations"):
        if value := fields.pop(field, None):
            metadata[field] = value
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def namespace(name: str, **labels: str) -> Manifest:
    """A Namespace with labels, spelled with underscores for dashes and slashes where Python wants it."""
    return manifest("v1", "Namespace", name, labels=labels)


def account(name: str, place: str, **fields: Any) -> Manifest:
    """A ServiceAccount."""
    return manifest("v1", "ServiceAccount", name, place, **fields)


def role(name: str, place: str = "") -> Manifest:
    """A Role, or a ClusterRole where no namespace is given."""
    return manifest("rbac.authorization.k8s.io/v1", "Role" if place else "ClusterRole", name, place, rules=[])


def binding(name: str, of: Manifest, to: Manifest, place: str = "") -> Manifest:
    """A RoleBinding, or a ClusterRoleBinding where no namespace is given, of a role to a ServiceAccount."""
    kind = "RoleBinding" if place else "ClusterRoleBinding"
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": of["kind"], "name": of["metadata"]["name"]}
    subject = {"kind": "ServiceAccount", "name": to["metadata"]["name"], "namespace": to["metadata"]["namespace"]}
    return manifest("rbac.authorization.k8s.io/v1", kind, name, place, roleRef=reference, subjects=[subject])


def config_map(name: str, place: str, **fields: Any) -> Manifest:
    """A ConfigMap."""
    return manifest("v1", "ConfigMap", name, place, **{"data": {"key": "value"}, **fields})


def secret(name: str, place: str, **fields: Any) -> Manifest:
    """A Secret; `data={}` makes an empty one."""
    return manifest("v1", "Secret", name, place, **{"stringData": {"key": "value"}, **fields})


def service(name: str, place: str, **selector: str) -> Manifest:
    """A Service that selects pods by labels; by `app`, its own name, if none are given."""
    return manifest(
        "v1", "Service", name, place, spec={"selector": selector or {"app": name}, "ports": [{"port": 443}]}
    )


def volume(kind: str, name: str, *, optional: bool = False) -> dict[str, Any]:
    """A volume of a ConfigMap, Secret or PersistentVolumeClaim, as a pod spec lists it."""
    field, key = {
        "ConfigMap": ("configMap", "name"),
        "Secret": ("secret", "secretName"),
        "PersistentVolumeClaim": ("persistentVolumeClaim", "claimName"),
    }[kind]
    source: dict[str, Any] = {key: name}
    if optional:
        source["optional"] = True
    return {"name": f"{field.lower()}-{name}", field: source}


def workload(
    name: str,
    place: str,
    *,
    kind: str = "Deployment",
    account: str = "",
    labels: dict[str, str] | None = None,
    volumes: Sequence[dict[str, Any]] = (),
    annotations: dict[str, str] | None = None,
    pod: dict[str, Any] | None = None,
    args: Sequence[str] = (),
    **spec: Any,
) -> Manifest:
    """A Deployment, StatefulSet or DaemonSet whose pods carry `app: NAME`, further labels, and mount volumes."""
    pods = {"app": name, **(labels or {})}
    container: dict[str, Any] = {"name": "main", "image": f"registry.example/{name}:1", "args": list(args)}
    template_spec: dict[str, Any] = {"containers": [container], "volumes": list(volumes), **(pod or {})}
    if account:
        template_spec["serviceAccountName"] = account
    template = {"metadata": {"labels": pods}, "spec": template_spec}
    body = {"selector": {"matchLabels": {"app": name}}, "template": template, **spec}
    return manifest("apps/v1", kind, name, place, spec=body, annotations=annotations)


def definition(group: str, kind: str, *, scope: str = "Namespaced", versions: Sequence[str] = ("v1",)) -> Manifest:
    """A CustomResourceDefinition that stores its first version and serves all."""
    plural = f"{kind.lower()}s"
    listed = [{"name": version, "served": True, "storage": version == versions[0]} for version in versions]
    spec = {"group": group, "scope": scope, "names": {"kind": kind, "plural": plural}, "versions": listed}
    return manifest("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.{group}", spec=spec)


def rule(group: str, resource: str, operations: Sequence[str] = ("CREATE",), version: str = "*") -> dict[str, Any]:
    """One rule of a webhook."""
    return {
        "apiGroups": [group],
        "apiVersions": [version],
        "resources": [resource],
        "operations": list(operations),
    }


def webhook(name: str, backend: tuple[str, str], rules: Sequence[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """One webhook behind the Service `backend` (namespace, name)."""
    client = {"service": {"namespace": backend[0], "name": backend[1]}}
    return {"name": name, "clientConfig": client, "rules": list(rules), **fields}


def configuration(name: str, *webhooks: dict[str, Any], kind: str = "Mutating", injected: str = "") -> Manifest:
    """A webhook configuration; `injected` names the Certificate that its caBundle comes from."""
    annotations = {"cert-manager.io/inject-ca-from": injected} if injected else None
    return manifest(
        "admissionregistration.k8s.io/v1",
        f"{kind}WebhookConfiguration",
        name,
        annotations=annotations,
        webhooks=list(webhooks),
    )


def policy(
    name: str, rules: Sequence[dict[str, Any]], parameters: str = "", kind: str = "Validating", **match: Any
) -> Manifest:
    """An admission policy; `parameters` is the API version and kind that it judges by (`example.com/v1 Limit`)."""
    spec: dict[str, Any] = {"matchConstraints": {"resourceRules": list(rules), **match}}
    if parameters:
        version, _, of = parameters.partition(" ")
        spec["paramKind"] = {"apiVersion": version, "kind": of}
    return manifest("admissionregistration.k8s.io/v1", f"{kind}AdmissionPolicy", name, spec=spec)


def policy_binding(name: str, of: Manifest, by: str = "", **spec: Any) -> Manifest:
    """The binding of a policy; `by` is the name of the parameters that must be there."""
    reference = {"paramRef": {"name": by, "parameterNotFoundAction": "Deny"}} if by else {}
    body = {"policyName": of["metadata"]["name"], **reference, **spec}
    return manifest("admissionregistration.k8s.io/v1", f"{of['kind']}Binding", name, spec=body)


def issuer(name: str, place: str, **spec: Any) -> Manifest:
    """A cert-manager Issuer, self-signed unless it is told otherwise."""
    return manifest("cert-manager.io/v1", "Issuer", name, place, spec=spec or {"selfSigned": {}})


def certificate(name: str, place: str, issued_by: str) -> Manifest:
    """A Certificate whose Secret has its name."""
    spec = {"secretName": name, "issuerRef": {"name": issued_by}}
    return manifest("cert-manager.io/v1", "Certificate", name, place, spec=spec)


def cert_manager() -> list[Manifest]:
    """cert-manager as its release comes: definitions, three Deployments, permissions, and webhooks before its kinds."""
    place, webhook_name = CERT_MANAGER, "cert-manager-webhook"
    controller = account("cert-manager", place)
    all_of_it = role("cert-manager")
    hooks = webhook("webhook.cert-manager.io", (place, webhook_name), [rule("cert-manager.io", "*/*")])
    requests = webhook(
        "webhook.cert-manager.io", (place, webhook_name), [rule("cert-manager.io", "certificaterequests")]
    )
    found = [
        namespace(place),
        *(definition("cert-manager.io", kind) for kind in ("Certificate", "Issuer", "CertificateRequest")),
        controller,
        all_of_it,
        binding("cert-manager", all_of_it, controller),
        *(workload(name, place, account="cert-manager") for name in (place, "cert-manager-cainjector", webhook_name)),
        service(webhook_name, place),
        configuration(webhook_name, hooks, kind="Validating"),
        configuration(webhook_name, requests),
    ]
    for object_ in found[-2:]:
        object_["metadata"]["annotations"] = {
            "cert-manager.io/inject-ca-from-secret": "cert-manager/cert-manager-webhook-ca"
        }
    return found


def platform(size: int, seed: int = 0) -> list[Manifest]:
    """`size` objects, the same ones for the same seed: cert-manager, an injector, and as many teams as fit."""
    if size < 40:
        raise ValueError("a platform of fewer than 40 objects has no room for a team")
    chance = random.Random(seed)
    found = [*cert_manager(), *_injector()]
    number = 0
    while len(found) < size:
        found += _team(number, chance)
        number += 1
    # What is cut off leaves references to nothing, as real manifests have them.
    return found[:size]


def _injector() -> list[Manifest]:
    place = "mesh"
    selects = {"namespaceSelector": {"matchLabels": {"inject": "enabled"}}}
    hook = webhook("pods.mesh.example", (place, "injector"), [rule("", "pods")], **selects)
    return [
        namespace(place),
        issuer("mesh", place),
        certificate("mesh", place, "mesh"),
        account("injector", place),
        workload("injector", place, account="injector", volumes=[volume("Secret", "mesh")]),
        service("injector", place),
        configuration("injector", hook, injected="mesh/mesh"),
    ]


def _team(number: int, chance: random.Random) -> list[Manifest]:
    """About thirty objects: an operator with its own kind and webhook, and applications that use it."""
    name = f"team-{number:04}"
    group = f"{name}.example"
    labels = {"inject": "enabled"} if chance.random() < 0.6 else {}
    operator = account("operator", name)
    roles = [role("operator", name), role(f"{name}-operator")]
    configurations = [config_map(f"config-{i}", name) for i in range(4)]
    secrets = [secret(f"secret-{i}", name) for i in range(2)]
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    hook = webhook("defaults", (name, "operator"), [rule(group, "things", ("CREATE", "UPDATE"))])
    applications = []
    for i in range(4):
        mounts = [volume("ConfigMap", chance.choice(configurations)["metadata"]["name"])]
        mounts += [volume("Secret", chance.choice(secrets)["metadata"]["name"])]
        mounts += [volume("ConfigMap", "config-absent", optional=True)]
        applications += [workload(f"app-{i}", name, account=f"app-{i}", volumes=mounts), account(f"app-{i}", name)]
        applications += [service(f"app-{i}", name)]
    return [
        namespace(name, **labels),
        definition(group, "Thing"),
        operator,
        *roles,
        binding("operator", roles[0], operator, name),
        binding(f"{name}-operator", roles[1], operator),
        *configurations,
        *secrets,
        manifest("v1", "PersistentVolumeClaim", "data", name, spec=claim),
        issuer("operator", name),
        certificate("operator", name, "operator"),
        workload("operator", name, account="operator", volumes=[volume("Secret", "operator")]),
        service("operator", name),
        configuration(f"{name}-operator", hook, injected=f"{name}/operator"),
        *applications,
        *(manifest(f"{group}/v1", "Thing", f"thing-{i}", name) for i in range(3)),
    ]
