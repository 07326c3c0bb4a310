"""What there is of a stack's kinds in its cluster, people's objects and its own, and the Secrets beside them.

Pure but for the reading: what a backup holds, what a rehearsal plays with, and what has to be there afterwards.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ops.existing import Place, held, placed
from ops.people import Kind, kinds
from ordering.manifests.objects import Manifest

# What a server fills in, and refuses or ignores of an object that is made again.
_SERVERS = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
OWNED = "kubeflow-on-pulumi/owned-by"
"""The annotation of a saved object that was another's: who owns it is known by a uid, which a new one has not."""
_TOKEN = "kubernetes.io/service-account-token"


class Api(Protocol):
    """What this needs of a cluster: all objects of a kind; none of one that is not served."""

    def list(self, api_version: str, kind: str) -> list[Manifest]: ...


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """`objects` are custom ones, as they are; `kinds` the groups and kinds that the stack defines.

    `ours` are the places of what the stack itself has made.
    """

    objects: Sequence[Manifest]
    kinds: frozenset[tuple[str, str]]
    ours: frozenset[Place] = frozenset()

    @property
    def places(self) -> frozenset[Place]:
        """Where people's objects are, without those that a controller makes for another, and ends when it likes."""
        return frozenset(place_of(one) for one in self.people if not _owners(one))

    @property
    def going(self) -> frozenset[Place]:
        """Those that are being deleted."""
        return frozenset(place_of(one) for one in self.objects if one["metadata"].get("deletionTimestamp"))

    @property
    def people(self) -> list[Manifest]:
        """What the stack did not make itself."""
        return [one for one in self.objects if place_of(one) not in self.ours]

    @property
    def counts(self) -> Counter[str]:
        """How many of people's objects there are of each kind."""
        return Counter(str(one["kind"]) for one in self.people)


def look(state: Sequence[Mapping[str, Any]], api: Api) -> Inventory:
    """The custom objects of the kinds that a state defines."""
    defined = kinds(state)
    return Inventory(
        objects=[one for kind in defined for one in _objects(api, kind)],
        kinds=frozenset((kind.group, kind.kind) for kind in defined),
        ours=held(state),
    )


def secrets(found: Inventory, state: Iterable[Mapping[str, Any]], api: Api) -> list[Manifest]:
    """The Secrets of the stack's namespaces and of Profiles', but for the tokens that the cluster makes."""
    namespaces = {one.namespace for one in held(state)} | {
        str(one["metadata"]["name"]) for one in found.objects if one["kind"] == "Profile"
    }
    return [
        one
        for one in api.list("v1", "Secret")
        if one["metadata"].get("namespace") in namespaces - {""} and one.get("type") != _TOKEN
    ]


def bare(manifest: Manifest, owner: str = "") -> Manifest:
    """An object without what only its server knows, so that it can be made again; it says whose it is, if anybody's."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in _SERVERS}
    if owners := owner or _owners(manifest):
        metadata["annotations"] = {**(metadata.get("annotations") or {}), OWNED: owners}
    return {**manifest, "metadata": metadata}


def place_of(manifest: Manifest) -> Place:
    """Where an object is."""
    group = str(manifest["apiVersion"]).rpartition("/")[0]
    metadata = manifest["metadata"]
    return placed(group, str(manifest["kind"]), str(metadata.get("namespace") or ""), str(metadata["name"]))


def _owners(manifest: Manifest) -> str:
    """Whose an object is; empty for one that is nobody's."""
    metadata = manifest["metadata"]
    owners = [f"{one['kind']}/{one['name']}" for one in metadata.get("ownerReferences") or ()]
    return ", ".join(owners) or str((metadata.get("annotations") or {}).get(OWNED, ""))


def _objects(api: Api, kind: Kind) -> Iterator[Manifest]:
    """All objects of a kind, in the first version that the cluster serves."""
    for version in kind.versions:
        if found := api.list(f"{kind.group}/{version}", kind.kind):
            yield from found
            return
