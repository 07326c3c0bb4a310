"""Objects that a run would make and that are in the cluster already: somebody else's, or a lost run's.

The provider takes such an object over without a word, by force, and a destroy deletes it. So a run that would make one
stops before it touches anything.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from infra.kubeflow.install import resource_name, token
from ops.cluster import RefusedError
from ops.steps import Step
from ordering.errors import UserError
from ordering.graph import Graph, ObjectId
from ordering.manifests.objects import Manifest

_NAMED = 5
"""Objects that the error names."""

KEPT = "kubeflow-on-pulumi/kept-by"
"""The label of data that a stack has let go of; the same stack may have it again without being asked."""


class Api(Protocol):
    """What this needs of a cluster: metadata of all objects of a kind; none of a kind that is not served."""

    def metadata(self, api_version: str, kind: str) -> list[Manifest]: ...


class Place(NamedTuple):
    """Where an object is, whatever version it is sent in."""

    group: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Existing:
    """An object that is there.

    `managers` are the field managers that own something of it, and `owner` the one that wrote most; `going` says it is
    being deleted; `kept_by` is the stack that has let go of it.
    """

    id: ObjectId
    owner: str
    going: bool
    kept_by: str = ""
    managers: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.id.title} ({self.whose})"

    @property
    def whose(self) -> str:
        """Whose it is, or that it goes."""
        return "being deleted" if self.going else self.owner or "of nobody known"


def place(id_: ObjectId) -> Place:
    """The place of an object."""
    return placed(id_.group, id_.kind, id_.namespace, id_.name)


def placed(group: str, kind: str, namespace: str, name: str) -> Place:
    """A place. What names no namespace is in `default`, which the Kubernetes plugin writes into the state."""
    return Place(group, kind, "" if namespace == "default" else namespace, name)


def held(state: Iterable[Mapping[str, Any]]) -> frozenset[Place]:
    """The places of the objects that a state has."""
    return frozenset(at for at, _ in objects(state))


def objects(state: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Place, Manifest]]:
    """The objects that a state has, as they were sent; what is laid over an object is none."""
    for one in state:
        inputs = one.get("inputs") or {}
        if str(one.get("type", "")).startswith("kubernetes:") and "metadata" in inputs and not _patches(one["type"]):
            metadata = inputs["metadata"]
            group = str(inputs["apiVersion"]).rpartition("/")[0]
            at = placed(group, str(inputs["kind"]), str(metadata.get("namespace") or ""), str(metadata["name"]))
            yield at, inputs


def missing(graph: Graph, known: Collection[Place]) -> list[ObjectId]:
    """The objects of a graph that a run would make, given the places that its state knows."""
    return [id_ for id_ in _makes(graph).values() if place(id_) not in known]


def made_by(graph: Graph, steps: Iterable[Step]) -> list[ObjectId]:
    """The objects of a graph that these steps make; what they delete under another version is not somebody else's."""
    taken = list(steps)
    makes = _makes(graph)
    gone = held({"type": one.type, "inputs": one.old} for one in taken if one.change == "delete")
    found = (makes.get((one.type, one.name)) for one in taken if one.change == "create")
    return [id_ for id_ in found if id_ is not None and place(id_) not in gone]


def look(wanted: Iterable[ObjectId], api: Api) -> list[Existing]:
    """Those of the objects that are in the cluster, in their order; one request a kind."""
    live: dict[tuple[str, str], dict[tuple[str, str], Manifest]] = {}
    found = []
    for id_ in wanted:
        kind = (id_.api_version, id_.kind)
        if kind not in live:
            live[kind] = {place_of(one): one for one in api.metadata(*kind)}
        # An object that names no namespace is in `default`, if its kind has any.
        names = [(id_.namespace, id_.name)] if id_.namespace else [("", id_.name), ("default", id_.name)]
        for name in names:
            if one := live[kind].get(name):
                metadata = one["metadata"]
                kept_by = (metadata.get("labels") or {}).get(KEPT, "")
                going, owner = "deletionTimestamp" in metadata, _owner(metadata)
                managers = frozenset(str(one.get("manager", "")) for one in _entries(metadata))
                found.append(Existing(id=id_, owner=owner, going=going, kept_by=kept_by, managers=managers))
    return found


def seen(wanted: Iterable[ObjectId], api: Api) -> tuple[list[Existing], list[str]]:
    """As `look`, kind by kind, and a sentence for each kind that whoever asks may not read, as a viewer Secrets."""
    kinds: dict[str, list[ObjectId]] = {}
    for id_ in wanted:
        kinds.setdefault(id_.kind, []).append(id_)
    found: list[Existing] = []
    unread = []
    for kind, ids in kinds.items():
        try:
            found += look(ids, api)
        except RefusedError as error:
            unread.append(f"{kind}: {error}")
    return found, unread


def refuse(found: Collection[Existing], stack: str) -> None:
    """UserError when anything is there that a run would make, but for what an earlier run of the stack has kept."""
    told = [str(one) for one in found if one.kept_by != stack or one.going]
    if not told:
        return
    more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    are = "is one object" if len(told) == 1 else f"are {len(told)} objects"
    raise UserError(
        f"In the cluster there {are} already that {stack} would make: {', '.join(told[:_NAMED])}{more}. Nothing was "
        f"changed; delete them, leave them out of what you install, or take them over with `make adopt STACK={stack}`: "
        "they are then as the stack says, and go when it is destroyed."
    )


def _makes(graph: Graph) -> dict[tuple[str, str], ObjectId]:
    """By type and name in the engine, the objects of a graph that are made, not patched."""
    return {
        (token(node), resource_name(node.id)): node.id for node in graph.nodes if node.gate is None and not node.made_by
    }


def _patches(type_: str) -> bool:
    return type_.endswith("Patch")


def place_of(manifest: Manifest) -> tuple[str, str]:
    """Namespace, empty for none, and name: what tells an object from others of its kind."""
    metadata = manifest["metadata"]
    return str(metadata.get("namespace") or ""), str(metadata["name"])


def _owner(metadata: Mapping[str, Any]) -> str:
    written = max(_entries(metadata), key=lambda one: len(json.dumps(one.get("fieldsV1"))), default=None)
    return str(written["manager"]) if written and written.get("manager") else ""


def _entries(metadata: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What of an object is whose, without what was written into its status and the like."""
    return [one for one in metadata.get("managedFields") or () if not one.get("subresource")]
