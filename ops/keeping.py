"""What stays where it is when the engine deletes: data that leaves a stack, and the pods of a replaced StatefulSet.

Such data is out of the state then, and in the cluster with a label that says whose it was. A later `up` that has the
object again takes it over, as after an upgrade that is rolled back. The engine leaves a resource alone whose state says
`retainOnDelete`.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from pulumi import automation

from ops.changes import Change
from ops.existing import KEPT, Existing
from ops.leftovers import Leftover
from ordering.errors import UserError
from ordering.graph import Graph
from ordering.manifests.objects import Manifest

KINDS = (
    ("v1", "PersistentVolumeClaim"),
    ("v1", "PersistentVolume"),
    ("v1", "Namespace"),
    ("kubeflow.org/v1", "Profile"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("apps/v1", "StatefulSet"),
)
"""What `ops.changes` says holds data, of a cluster's kinds."""


class Api(Protocol):
    """What this needs of a cluster."""

    def metadata(self, api_version: str, kind: str, namespace: str = "") -> list[Manifest]: ...

    def patch(self, manifest: Manifest, change: Manifest | Sequence[Manifest], *, status: bool = False) -> None: ...


def chosen(losses: Sequence[Change], names: Collection[str]) -> list[Change]:
    """The losses that are to be kept, by name; UserError for one that is made again.

    A name that is no loss is no fault: after a run that was cut short the same command names what is kept already, and
    a loss that nobody names right is refused (`losing.refuse`).
    """
    kept = [one for one in losses if one.name in names]
    for one in kept:
        if one.step.change != "delete":
            raise UserError(
                f"KEEP names {one.name!r}, which is made again under its name ({one.why}), so the old one cannot stay. "
                "Nothing was changed; save its data, and accept the loss with LOSE."
            )
    return kept


def note(stack: automation.Stack, *, kept: Sequence[Change], pods: Sequence[Change]) -> None:
    """Notes in the state what the engine is to leave alone: `kept` as a whole, and of StatefulSets their `pods`.

    The plugin deletes as the annotations of what was sent say, which the state has as an output (`Deletion` in
    provider/pkg/await/await.go of pulumi-kubernetes 4.32). A run that ends before it comes to that leaves no trace but
    this, which the next one overwrites.
    """
    retained, orphaned = {one.step.urn for one in kept}, {one.step.urn for one in pods}
    exported = stack.export_stack()
    content: dict[str, Any] = dict(exported.deployment or {})
    content["resources"] = [_noted(one, retained, orphaned) for one in content.get("resources") or ()]
    stack.import_stack(automation.Deployment(version=exported.version, deployment=content))


def _noted(resource: Mapping[str, Any], retained: Collection[str], orphaned: Collection[str]) -> dict[str, Any]:
    if resource["urn"] in retained:
        return {**resource, "retainOnDelete": True}
    if resource["urn"] not in orphaned:
        return dict(resource)
    sent = resource["outputs"]["__inputs"]
    metadata = sent["metadata"]
    annotations = {**(metadata.get("annotations") or {}), "pulumi.com/deletionPropagationPolicy": "orphan"}
    told = {**sent, "metadata": {**metadata, "annotations": annotations}}
    return {**resource, "outputs": {**resource["outputs"], "__inputs": told}}


def mark(api: Api, kept: Sequence[Change], stack: str) -> None:
    """Labels objects of the cluster as those of a stack that has let go of them."""
    for one in kept:
        api.patch(dict(one.step.old), {"metadata": {"labels": {KEPT: stack}}})


def unmark(api: Api, found: Sequence[Existing], graph: Graph) -> None:
    """Takes the label off what a run has taken over again."""
    for one in found:
        if one.kept_by:
            api.patch(graph.node(one.id).manifest, {"metadata": {"labels": {KEPT: None}}})


def left(api: Api, stack: str) -> list[Leftover]:
    """What a stack's runs have kept in the cluster."""
    return [
        Leftover(kind=kind, id=_name(one["metadata"]), what="kept in the cluster by `make up KEEP=…`", kept=True)
        for version, kind in KINDS
        for one in api.metadata(version, kind)
        if (one["metadata"].get("labels") or {}).get(KEPT) == stack
    ]


def _name(metadata: Mapping[str, Any]) -> str:
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else str(metadata["name"])
