"""Rendered objects to the objects worth sending: no text that only people read, nothing that the cluster writes itself.

The API server accepts and means the same by both. What is left out costs state (documentation inside schemas is half of
a release's bytes), or would come back as a difference in the next preview because a controller or the server owns it.
"""

import json
from collections.abc import Collection, Iterable
from typing import Any

from ordering.graph.kinds import CLUSTER_SCOPED
from ordering.manifests.objects import Manifest, group_of

# Groups whose objects the API server decodes into Go types, where a null field is an absent one. A custom resource may
# mean its nulls.
_TYPED_GROUPS = {"", "apps", "autoscaling", "batch", "networking.k8s.io", "policy", "rbac.authorization.k8s.io"}
# Maps from text to text inside those: there a null is an empty text.
_TEXT_MAPS = {"annotations", "binaryData", "data", "labels", "matchLabels", "nodeSelector", "selector", "stringData"}

# What a cluster writes into the metadata of an object, and a person who exports one hands on.
_OF_THE_CLUSTER = {
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
}

# Annotations by which an object asks cert-manager's injector for its caBundles, whatever they hold (cert-manager
# 1.19.4, pkg/controller/cainjector/sources.go).
_INJECTIONS = (
    "cert-manager.io/inject-ca-from",
    "cert-manager.io/inject-ca-from-secret",
    "cert-manager.io/inject-apiserver-ca",
)


def slim(objects: Iterable[Manifest]) -> list[Manifest]:
    """New objects without what only a reader, or only a controller, would miss; the given ones are left as they are.

    Left out: descriptions in the schemas of CRDs and what is empty there, metadata that a cluster writes, `status` of
    CRDs, of built-in objects and of custom resources that have it as a subresource, caBundles that are empty or that
    cert-manager injects, the namespace of cluster-scoped objects, null fields, the empty `data` of Secrets that a
    controller fills, the rules of ClusterRoles that a controller aggregates, and a StatefulSet's empty list of claims,
    which the server drops and the plugin would replace the StatefulSet for at the next change.
    """
    given = list(objects)
    cluster_scoped = CLUSTER_SCOPED | _custom_cluster_scoped(given)
    with_status = _with_status(given)
    return [_slim(manifest, cluster_scoped, with_status) for manifest in given]


def size(objects: Iterable[Manifest]) -> int:
    """Bytes of the objects as compact JSON, which is what a state file grows by."""
    return len(json.dumps(list(objects), separators=(",", ":"), ensure_ascii=False).encode())


def schema(node: Any) -> Any:
    """An OpenAPI v3 schema without its descriptions, and without what is empty, which the API server does not store.

    Follows the places where a structural schema holds further schemas, and only those: a property may be called
    `description`, and `default`, `enum` and `example` hold data.
    """
    if not isinstance(node, dict):
        return node
    result: dict[str, Any] = {}
    for key, value in node.items():
        if key == "description" and isinstance(value, str):
            continue
        if key not in ("default", "example") and (_is_empty(value) or (key == "properties" and value == {})):
            continue
        if key == "properties" and isinstance(value, dict):
            result[key] = {name: schema(child) for name, child in value.items()}
        elif key in ("items", "additionalProperties", "not"):
            result[key] = schema(value)
        elif key in ("allOf", "anyOf", "oneOf") and isinstance(value, list):
            result[key] = [schema(child) for child in value]
        else:
            result[key] = value
    return result


def _custom_cluster_scoped(objects: list[Manifest]) -> set[tuple[str, str]]:
    specs = (manifest.get("spec") for manifest in objects if manifest["kind"] == "CustomResourceDefinition")
    return {
        (spec["group"], spec["names"]["kind"])
        for spec in specs
        if isinstance(spec, dict)
        and spec.get("scope") == "Cluster"
        and "group" in spec
        and "kind" in spec.get("names", ())
    }


def _with_status(objects: list[Manifest]) -> set[tuple[str, str]]:
    """The kinds, as apiVersion and kind, of which a write of the object leaves its status as it was."""
    specs = [m["spec"] for m in objects if m["kind"] == "CustomResourceDefinition" and isinstance(m.get("spec"), dict)]
    return {
        (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
        for spec in specs
        for version in spec.get("versions") or ()
        if (version.get("subresources") or {}).get("status") is not None
    }


def _slim(
    manifest: Manifest, cluster_scoped: Collection[tuple[str, str]], with_status: Collection[tuple[str, str]]
) -> Manifest:
    group, kind = group_of(manifest), manifest["kind"]
    result = {**manifest}
    injected = _asks_for_injection(manifest)
    metadata = {k: v for k, v in manifest["metadata"].items() if v is not None and k not in _OF_THE_CLUSTER}
    if (group, kind) in cluster_scoped:
        metadata.pop("namespace", None)
    if group in _TYPED_GROUPS:
        result = {key: _without_nulls(value) if key not in _TEXT_MAPS else value for key, value in result.items()}
        result.pop("status", None)
        if (group, kind) == ("apps", "StatefulSet") and not result.get("spec", {}).get("volumeClaimTemplates", True):
            result["spec"] = {key: one for key, one in result["spec"].items() if key != "volumeClaimTemplates"}
        if kind == "Secret":
            result = {key: value for key, value in result.items() if key not in ("data", "stringData") or value}
        if kind in ("ClusterRole", "Role") and (result.get("aggregationRule") or not result.get("rules")):
            # Whatever is written into an aggregated role is overwritten, and whoever has written it is refused when he
            # writes it again. An empty list is stored as null, which every preview would want to change back.
            result.pop("rules", None)
    elif group == "apiextensions.k8s.io":
        result.pop("status", None)
        result["spec"] = _definition(manifest.get("spec"), injected)
    elif group == "admissionregistration.k8s.io" and isinstance(manifest.get("webhooks"), list):
        result["webhooks"] = [_without_empty_bundle(webhook, injected) for webhook in manifest["webhooks"]]
    elif (manifest["apiVersion"], kind) in with_status:
        result.pop("status", None)
    elif group == "apiregistration.k8s.io":
        result.pop("status", None)
        result["spec"] = _without_bundle(manifest.get("spec"), injected)
    result["metadata"] = metadata
    return result


def _without_nulls(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: value if key in _TEXT_MAPS else _without_nulls(value)
            for key, value in node.items()
            if value is not None
        }
    if isinstance(node, list):
        return [_without_nulls(value) for value in node]
    return node


def _asks_for_injection(manifest: Manifest) -> bool:
    """Whether cert-manager's injector writes every caBundle of the object, whatever it holds."""
    annotations = manifest["metadata"].get("annotations")
    return isinstance(annotations, dict) and any(annotations.get(key) for key in _INJECTIONS)


def _is_empty(value: Any) -> bool:
    """Whether Kubernetes' types leave a value out where they may: nothing, an empty text or list, or false."""
    return value is None or value is False or value in ("", [])


def _told(mapping: Any) -> Any:
    """A mapping without its empty values; whatever else is given is given back."""
    return {k: v for k, v in mapping.items() if not _is_empty(v)} if isinstance(mapping, dict) else mapping


def _definition(spec: Any, injected: bool) -> Any:
    if not isinstance(spec, dict):
        return spec
    result = _told(spec)
    if "names" in spec:
        result["names"] = _told(spec["names"])
    if isinstance(spec.get("versions"), list):
        result["versions"] = [_version(version) for version in spec["versions"]]
    conversion = spec.get("conversion")
    if isinstance(conversion, dict):
        result["conversion"] = {**conversion, "webhook": _without_empty_bundle(conversion.get("webhook"), injected)}
        if result["conversion"]["webhook"] is None:
            del result["conversion"]["webhook"]
    return result


def _version(version: Any) -> Any:
    if not isinstance(version, dict):
        return version
    # Whether it is served and stored must be said, no matter what.
    result = _told(version) | {key: version[key] for key in ("served", "storage") if key in version}
    if isinstance(columns := result.get("additionalPrinterColumns"), list):
        result["additionalPrinterColumns"] = [_column(column) for column in columns]
    validation = version.get("schema")
    if isinstance(validation, dict) and "openAPIV3Schema" in validation:
        result["schema"] = {**validation, "openAPIV3Schema": schema(validation["openAPIV3Schema"])}
    return result


def _column(column: Any) -> Any:
    told = _told(column)
    return {k: v for k, v in told.items() if (k, v) != ("priority", 0)} if isinstance(told, dict) else told


def _without_empty_bundle(webhook: Any, injected: bool) -> Any:
    client = webhook.get("clientConfig") if isinstance(webhook, dict) else None
    return {**webhook, "clientConfig": _without_bundle(client, injected)} if isinstance(client, dict) else webhook


def _without_bundle(client: Any, injected: bool) -> Any:
    """A caBundle that is injected, empty, or a placeholder with no certificate in it, is somebody else's to fill."""
    # In base64 these are line feeds, which tools write where the field may not be empty.
    if isinstance(client, dict) and (injected or client.get("caBundle", "set") in (None, "", "Cg==", "Cgo=")):
        return {key: value for key, value in client.items() if key != "caBundle"}
    return client
