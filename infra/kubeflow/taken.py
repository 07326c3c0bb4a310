"""Fields that a backend takes over once it runs: they are sent with the object, and left alone from then on.

Without this, a preview shows as a change back what the backend wrote, for the plugin compares with the object as it was
last read; and an update would write it, for applies are forced. What nobody renders needs nothing: it is not ours.
"""

from collections.abc import Iterator
from typing import Any

from ordering.manifests.objects import Manifest, group_of

_REVISION = "istio.io/rev"
_KNATIVE = "knative.dev"
# What Knative's webhook writes into those of its configurations besides its authority. Knative 1.21.1 takes
# knative.dev/pkg of January 2026: webhook/configmaps/configmaps.go, webhook/resourcesemantics/{defaulting,validation}.
_KNATIVE_FIELDS = ("rules", "namespaceSelector", "reinvocationPolicy", "clientConfig.service.path")


def taken(manifest: Manifest) -> list[str]:
    """The paths of such fields in an object, as the engine's `ignoreChanges` writes them.

    >>> hook = {"name": "rev.validation.istio.io", "failurePolicy": "Ignore"}
    >>> metadata = {"name": "istio-validator", "labels": {"istio.io/rev": "default"}}
    >>> kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
    >>> taken({**kind, "metadata": metadata, "webhooks": [hook]})
    ['webhooks[0].failurePolicy']
    """
    if group_of(manifest) != "admissionregistration.k8s.io" or not isinstance(manifest.get("webhooks"), list):
        return []
    return [
        f"webhooks[{index}].{field}"
        for index, webhook in enumerate(manifest["webhooks"])
        if isinstance(webhook, dict)
        for field in _fields(manifest, webhook)
        if _has(webhook, field)
    ]


def _fields(manifest: Manifest, webhook: dict[str, Any]) -> Iterator[str]:
    """The fields of a webhook that its backend writes, whether they are rendered or not."""
    labels = manifest["metadata"].get("labels") or {}
    if manifest["kind"] == "ValidatingWebhookConfiguration" and _REVISION in labels:
        # Rendered as Ignore; istiod makes it Fail once it answers (Istio 1.28, pkg/webhooks/validation/controller).
        yield "failurePolicy"
    name = manifest["metadata"]["name"]
    if name == webhook.get("name") and name.endswith(f".{_KNATIVE}"):
        yield from _KNATIVE_FIELDS


def _has(node: Any, path: str) -> bool:
    for key in path.split("."):
        if not isinstance(node, dict) or key not in node:
            return False
        node = node[key]
    return True
