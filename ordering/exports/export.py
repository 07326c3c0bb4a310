"""What all exports share: files of objects with annotations, written so that any reader takes the same values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from ordering.errors import UserError
from ordering.graph import Graph, Node, ObjectId
from ordering.graph.hooks import HOOK
from ordering.graph.index import Platform
from ordering.manifests.objects import Manifest
from ordering.manifests.scalars import plain

# The folders of which an export has as many as it has steps. Whoever takes all that there are (`for chart in order-*`)
# must not meet those of another export.
_STEPS = ("order-[0-9]*", "levels/[0-9]*")


@dataclass(frozen=True)
class Export:
    """Files by their names, and a sentence for each thing that the target cannot express.

    One of a single file is a stream that `kubectl apply -f -` and the target's own commands take.
    """

    files: Mapping[str, str]
    notes: tuple[str, ...]

    def write(self, folder: Path) -> None:
        """All files under a folder, which is made; UserError where it has steps that this export does not have."""
        own = {parent for name in self.files for parent in (folder / name).parents}
        if left := sorted({step for steps in _STEPS for step in folder.glob(steps)} - own):
            names = _three([str(step.relative_to(folder)) for step in left])
            raise UserError(
                f"{folder} has {names}, which this export does not have: remove what another one left there, or name "
                "another folder."
            )
        for name, text in self.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)


class _Dumper(yaml.CSafeDumper):
    """Quotes what YAML 1.1 takes for no text (PyYAML does), and what Go's readers take for none."""

    def ignore_aliases(self, data: Any) -> bool:
        """No anchors: several readers of manifests take none."""
        return True


# What YAML 1.1 takes for more than a text, as sigs.k8s.io/yaml and so kubectl do, and PyYAML does not.
_TELLING = frozenset(("y", "Y", "n", "N", "<<"))


def _text(dumper: _Dumper, value: str) -> yaml.Node:
    style = '"' if plain(value) is not value or value in _TELLING else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def dump(objects: Iterable[Mapping[str, Any]]) -> str:
    """Objects as a YAML stream."""
    return yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, allow_unicode=True, explicit_start=True, width=1000)


def annotated(node: Node, annotations: Mapping[str, str]) -> Manifest:
    """The object of a node with annotations on top of its own."""
    metadata = node.manifest["metadata"]
    own = metadata.get("annotations") or {}
    return {**node.manifest, "metadata": {**metadata, "annotations": {**own, **annotations}}}


def objects(graph: Graph) -> list[Node]:
    """The nodes that are objects, as they are sent, in an order in which they may be.

    Kustomize gives a namespace to kinds of the cluster that it does not know; cli-utils 0.37 refuses those. What was a
    Helm hook is in the graph's order: as a hook, Argo CD would send it before or after all waves (gitops-engine's
    pkg/sync/hook/hook.go), and Helm before what it needs of its own chart.
    """
    nodes = [node for node in graph.nodes if node.gate is None]
    platform = Platform(node.manifest for node in nodes)
    return [_sent(node, of_the_cluster=not platform.namespace(node.id)) for node in nodes]


def _sent(node: Node, *, of_the_cluster: bool) -> Node:
    metadata = dict(node.manifest["metadata"])
    if of_the_cluster:
        metadata.pop("namespace", None)
    if notes := metadata.get("annotations"):
        metadata["annotations"] = {key: value for key, value in notes.items() if not key.startswith(HOOK)}
    return replace(node, manifest={**node.manifest, "metadata": metadata})


def needs(graph: Graph, node: Node) -> list[ObjectId]:
    """The direct needs of an object among objects: where one waits at a gate, what the gate stands for."""
    found: dict[ObjectId, None] = {}
    for need in node.needs:
        other = graph.node(need)
        for id_ in [need] if other.gate is None else [other.gate, *needs(graph, other)]:
            if id_ != node.id:
                found[id_] = None
    return list(found)


def is_claim(id_: ObjectId) -> bool:
    """Whether it is a volume claim: one that binds with its first pod is never ready before that pod is there."""
    return (id_.group, id_.kind) == ("", "PersistentVolumeClaim")


def first_users(graph: Graph, steps: Mapping[ObjectId, int]) -> dict[ObjectId, ObjectId | None]:
    """For each claim, which of those that mount it is in the earliest step; None for a claim that nothing mounts."""
    users = {node.id: set(needs(graph, node)) for node in objects(graph)}
    return {
        claim: min((user for user in users if claim in users[user]), key=steps.__getitem__, default=None)
        for claim in filter(is_claim, users)
    }


def shared_notes(graph: Graph, *, conditions: bool = False, fields: bool = False, over: bool = True) -> list[str]:
    """What a target does not express. `conditions`: it waits for those of custom resources. `fields`: it waits for what
    a controller writes into an object. `over`: it sends what somebody else makes."""
    notes = []
    unseen = [node for node in graph.nodes if any("caBundle" in text for text in node.wait.expressions)]
    if unseen and not fields:
        notes.append(
            f"{_named(unseen)}: a webhook configuration counts as ready at once, not when its caBundle is filled; "
            "what it intercepts may be refused until then."
        )
    waited = [node for node in objects(graph) if any(text.startswith("condition=") for text in node.wait.expressions)]
    custom = [node for node in waited if node.id.kind != "CustomResourceDefinition"]
    if custom and not conditions:
        notes.append(
            f"{_named(custom)}: their condition Ready is not waited for unless a health check of yours knows it."
        )
    profiles = [node for node in objects(graph) if any("finalizers" in text for text in node.wait.expressions)]
    if profiles and not fields:
        notes.append(f"{_named(profiles)}: what their controller makes is not waited for.")
    made = [node for node in objects(graph) if node.made_by]
    if made and over:
        notes.append(
            f"{_named(made)}: made by {', '.join(sorted({node.made_by for node in made}))} and here applied over it; "
            "removing the whole removes them."
        )
    return notes


def titles(ids: Sequence[ObjectId]) -> str:
    """The first three by name, and how many more there are."""
    return _three([id_.title for id_ in ids])


def _three(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _named(nodes: list[Node]) -> str:
    return titles([node.id for node in nodes])
