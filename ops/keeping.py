"""What stays where it is when the engine deletes: data that leaves a stack, and the pods of a replaced StatefulSet.

Such data is out of the state then, and in the cluster with a label that says whose it was. A later `up` that has the
object again takes it over, as after an upgrade that is rolled back. The engine leaves a resource alone whose state says
`retainOnDelete`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

from pulumi import automation

from ops.changes import Change
from ops.existing import KEPT, Place, place, place_of, placed
from ops.leftovers import Leftover
from ops.migrations.artifacts import COPIED, SERVED
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

    def metadata(self, api_version: str, kind: str, namespace: str = "", labels: str = "") -> list[Manifest]: ...

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


def unmark(api: Api, graph: Graph) -> None:
    """Takes label and notes off what a stack has at the end of a run.

    It may have taken that over again, or never have let go of it: a run that was to may fail before the engine deletes.
    """
    ours = {place(node.id): node.manifest for node in graph.nodes if node.gate is None}
    kinds = {(at.group, at.kind) for at in ours}
    wanted = [one for one in KINDS if (_group(one[0]), one[1]) in kinds]
    for at in _labelled(api, wanted, KEPT):
        if at in ours:
            notes = {"labels": {KEPT: None}, "annotations": {SERVED: None, COPIED: None}}
            api.patch(ours[at], {"metadata": notes})


def left(api: Api, stack: str, known: Collection[Place]) -> list[Leftover]:
    """What a stack's runs have kept in the cluster, given the places that its state knows."""
    return [
        Leftover(kind=at.kind, id=_name(at), what="kept in the cluster by `make up KEEP=…`", kept=True)
        for at in _labelled(api, KINDS, f"{KEPT}={stack}")
        if at not in known
    ]


def _labelled(api: Api, kinds: Sequence[tuple[str, str]], labels: str) -> Iterator[Place]:
    for version, kind in kinds:
        for one in api.metadata(version, kind, labels=labels):
            yield placed(_group(version), kind, *place_of(one))


def _group(version: str) -> str:
    return version.rpartition("/")[0]


def _name(at: Place) -> str:
    return f"{at.namespace}/{at.name}" if at.namespace else at.name
