"""What a Kubernetes object is here: the parsed YAML document, and how people are told which one is meant."""

from typing import Any

Manifest = dict[str, Any]


def group_of(manifest: Manifest) -> str:
    """The API group of an object; empty for the core group."""
    group, slash, _ = str(manifest["apiVersion"]).partition("/")
    return group if slash else ""


def title(manifest: Manifest) -> str:
    """How messages name an object: `Kind namespace/name`, or `Kind name` where it has no namespace."""
    metadata = manifest["metadata"]
    namespace = metadata.get("namespace")
    place = f"{namespace}/" if namespace else ""
    return f"{manifest['kind']} {place}{metadata['name']}"
