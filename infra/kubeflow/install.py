"""The graph as resources of the engine: one resource an object, sent once, after what it needs."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pulumi

from infra.kubeflow import immutable
from infra.kubeflow.again import Again, whole
from infra.kubeflow.earlier import UNJUDGED, Earlier
from infra.kubeflow.holding import PROTECTED
from infra.kubeflow.identity import Identities
from infra.kubeflow.patience import patient
from infra.kubeflow.scaled import scaled, without
from infra.kubeflow.taken import taken
from infra.kubeflow.urgency import by_urgency
from ordering.graph import Graph, Node, ObjectId, takes_time
from ordering.graph.waits import PATCH_FORCE
from ordering.manifests.objects import Manifest

# Seconds. A rollout on new nodes waits for gigabytes of images; a namespace for all that lives in it.
TIMEOUTS = pulumi.CustomTimeouts(create="20m", update="20m", delete="10m")

# Groups whose objects own no others, or none that matters once they go. Their deletion need not wait for the garbage
# collector to look for such (pulumi-kubernetes' default, foreground): that takes seconds, and there are hundreds.
CHILDLESS = frozenset(
    {
        "",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "autoscaling",
        "networking.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    }
)
FORCED = {PATCH_FORCE: "true"}
BACKGROUND = {"pulumi.com/deletionPropagationPolicy": "background"}


@dataclass(frozen=True, kw_only=True)
class KubeflowArgs:
    """What to send, and what the first objects wait for.

    `replacements` are sent in place of what the graph holds of an object: its content with values that are known only
    later, such as a password that the engine makes. `protect` keeps what holds data. `forced` says that the provider
    takes fields that others own; where it refuses instead, those that a backend is known to take over are the
    exception.
    """

    graph: Graph
    replacements: Mapping[ObjectId, Manifest]
    provider: pulumi.ProviderResource
    needs: Sequence[pulumi.Resource]
    protect: bool = False
    forced: bool = True
    earlier: Earlier = field(default_factory=Earlier)


class Kubeflow(pulumi.ComponentResource):
    """All objects of a platform; `install` makes it."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:Kubeflow", name, None, opts)


class _Sent(pulumi.CustomResource):
    """An object of the platform, whose outputs nobody asks for.

    They all get one name, for a property that has none of its own among them the SDK makes of the inputs again, field
    by field: a third of its work, and the program's.
    """

    def translate_output_property(self, prop: str) -> str:
        return "apiVersion"


class Known(_Sent):
    """An object that the program knows in full: no value of it comes out of another resource."""


def install(name: str, args: KubeflowArgs, opts: pulumi.ResourceOptions | None = None) -> Kubeflow:
    """Registers every object of a platform, each depending on the ones that it needs.

    Plain custom resources, registered by a function: the typed classes of pulumi_kubernetes give the same type and
    properties, at the price of translating each of a release's 100,000 fields to Python's names and back; and a
    constructor of our own would have the SDK record its 20 callers with each object, a quarter of the state.
    """
    component = Kubeflow(name, opts)
    identities = Identities(args.graph, args.earlier.sent)
    again = Again(args.graph, args.earlier, args.replacements)
    patience, fields_of_autoscalers = _patience(args.graph), scaled(args.graph)
    objects: dict[ObjectId, pulumi.Resource] = {}
    for node in by_urgency(args.graph):
        # What needs nothing else needs the cluster; the rest needs it through these.
        needs = [objects[need] for need in node.needs] or [*args.needs]
        manifest = args.replacements.get(node.id, node.manifest)
        left = taken(manifest)
        # The plugin cannot leave out what it ignores inside of a list: its old value would be a conflict.
        annotations: dict[str, Any] = annotations_of(node) | (FORCED if left and not args.forced else {})
        if pulumi.runtime.is_dry_run() and again.unjudged(node):
            annotations[UNJUDGED] = _not_known()
        kind = Known if manifest is node.manifest and UNJUDGED not in annotations else _Sent
        if scaled_field := fields_of_autoscalers.get(node.id):
            manifest, left = without(manifest, scaled_field), [scaled_field]
        with_it = again.with_definition(node)
        fixed = whole(node) and (with_it is not None or immutable.kind_of(manifest) in immutable.FIELDS)
        objects[node.id] = kind(
            token(node),
            resource_name(node.id),
            annotated(manifest, annotations),
            pulumi.ResourceOptions(
                parent=component,
                provider=args.provider,
                protect=True if args.protect and whole(node) and immutable.kind_of(manifest) in PROTECTED else None,
                depends_on=needs,
                custom_timeouts=TIMEOUTS if _takes_time(node) else None,
                aliases=[
                    pulumi.Alias(type_=token(replace(node, id=node.id._replace(api_version=other))))
                    for other in identities.others(node.id)
                ],
                ignore_changes=left,
                # Its name is fixed, so the old one goes first.
                delete_before_replace=True if fixed else None,
                replace_on_changes=immutable.replacing(manifest, args.earlier.sent.get(node.id)) if fixed else None,
                replace_with=[objects[with_it]] if with_it else None,
                hooks=_hooks(node, patience, args.earlier.ahead.get(node.id)),
            ),
        )
    component.register_outputs({})
    return component


def _patience(graph: Graph) -> list[pulumi.ErrorHook]:
    """What objects carry whose kind something in the graph makes; nothing where there are none."""
    makers = {(token(node), resource_name(node.id)): node.kind_made_by for node in graph.nodes if node.kind_made_by}
    return [pulumi.ErrorHook("kind-made-at-run-time", patient(makers))] if makers else []


def _hooks(
    node: Node, patience: list[pulumi.ErrorHook], ahead: Callable[[], None] | None
) -> pulumi.ResourceHookBinding | None:
    """What the provider knows nothing of: waits for a kind, and for an object's effect, and what comes before it."""

    async def settle(_: pulumi.ResourceHookArgs) -> None:
        """Lets the seconds pass before the engine sends what needs the object."""
        await asyncio.sleep(node.wait.seconds)

    if ahead is not None:

        async def before(_: pulumi.ResourceHookArgs) -> None:
            await asyncio.to_thread(ahead)

        return pulumi.ResourceHookBinding(before_create=[before], before_update=[before])
    if node.kind_made_by:
        return pulumi.ResourceHookBinding(on_error=patience)
    return pulumi.ResourceHookBinding(after_create=[settle], after_update=[settle]) if node.wait.seconds else None


def _not_known() -> pulumi.Output[str]:
    known: asyncio.Future[bool] = asyncio.get_event_loop().create_future()
    known.set_result(False)
    value: asyncio.Future[str] = asyncio.get_event_loop().create_future()
    value.set_result("")
    return pulumi.Output(set(), value, known)


def token(node: Node) -> str:
    """The type that pulumi-kubernetes gives to a node's kind; for what is laid over an object, the kind's `…Patch`."""
    id_ = node.id
    version = id_.api_version if id_.group else f"core/{id_.api_version}"
    return f"kubernetes:{version}:{id_.kind}{'Patch' if node.made_by else ''}"


def resource_name(object_id: ObjectId) -> str:
    """The name in the engine: with the type, which it is unique beside, the whole id.

    It stands in the URN, and state repeats URNs for each dependency, so it says nothing twice.
    """
    return f"{object_id.namespace}/{object_id.name}" if object_id.namespace else object_id.name


def _takes_time(node: Node) -> bool:
    """Whether to come or to go is more than one request, so that the provider's patience matters."""
    return takes_time(node) or node.id.group not in CHILDLESS or node.id.kind == "Namespace"


def annotations_of(node: Node) -> dict[str, str]:
    """What tells the provider how to wait for a node's object, when it comes and when it goes."""
    childless = node.id.group in CHILDLESS and node.gate is None
    return {**node.wait.annotations, **(BACKGROUND if childless else {})}


def annotated(manifest: Manifest, annotations: Mapping[str, Any]) -> Manifest:
    """The manifest with annotations added; the given one is left as it is."""
    if not annotations:
        return manifest
    metadata: dict[str, Any] = manifest["metadata"]
    return {
        **manifest,
        "metadata": {**metadata, "annotations": {**(metadata.get("annotations") or {}), **annotations}},
    }
