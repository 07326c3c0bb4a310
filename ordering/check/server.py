"""What a cluster writes into an object, and somebody who exported one from there hands on."""

from collections.abc import Iterator, Mapping
from typing import Any

from ordering.check.table import Table
from ordering.manifests.objects import Manifest

METADATA = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
"""Metadata that a cluster writes."""

REFUSED = frozenset({"metadata.managedFields", "metadata.uid"})
"""Paths with which an apply is refused, where others are ignored (k8s.io/apiserver v0.35.4,
pkg/endpoints/handlers/patch.go and rest.BeforeCreate)."""

# What generators write of a definition that no cluster has seen.
_GENERATED = frozenset({"CustomResourceDefinition"})


def exported(manifest: Manifest, table: Table) -> list[str]:
    """The paths of what only a cluster can have written; generators write an empty status and no time of creation."""
    metadata = manifest["metadata"]
    found = [f"metadata.{key}" for key in sorted(METADATA) if metadata.get(key) not in (None, [], "")]
    fields = table.types.get(table.kinds.get(f"{manifest['apiVersion']}/{manifest['kind']}", ""), {})
    has_status = "status" in fields and manifest["kind"] not in _GENERATED
    return [*found, *(["status"] if has_status and _says_something(manifest.get("status")) else [])]


def owners(manifest: Manifest) -> Iterator[str]:
    """The owners that an object names by a uid, which no object of another cluster has."""
    references = manifest["metadata"].get("ownerReferences")
    for one in references if isinstance(references, list) else ():
        if isinstance(one, Mapping) and one.get("uid"):
            yield f"{one.get('kind')} {one.get('name')}"


def _says_something(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_says_something(child) for child in value.values())
    return value not in (None, "", [], 0)
