"""Versions of custom resources that a definition drops while objects are stored in them.

The API server refuses such a definition: `status.storedVersions` names every version that objects may still be stored
in (apiextensions-apiserver 0.35, `ValidateCustomResourceDefinitionStoredVersions`). So the objects are rewritten first,
and the status pruned, as the storage version migrator does: an update without a change is stored in today's version.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ordering.errors import UserError
from ordering.graph import Graph, ObjectId
from ordering.graph.index import CRD
from ordering.manifests.objects import Manifest

API_VERSION, KIND = "apiextensions.k8s.io/v1", "CustomResourceDefinition"

SETTLE_S = 5.0
"""Seconds until every API server stores what it writes in a version that a definition names since a moment ago."""
REPORT_S = 5.0


class Api(Protocol):
    """What this needs of a cluster."""

    def metadata(self, api_version: str, kind: str, namespace: str = "") -> list[Manifest]: ...

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None: ...

    def touch(self, manifest: Manifest) -> None: ...

    def patch(self, manifest: Manifest, change: Manifest | Sequence[Manifest], *, status: bool = False) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Migration:
    """A definition whose new form drops versions that are still stored, and stores in another.

    `versions` are all that it has until then: those of the new form, and what is dropped.
    """

    id: ObjectId
    kind: str
    group: str
    dropped: tuple[str, ...]
    storage: str
    versions: Sequence[Manifest]
    count: int

    def __str__(self) -> str:
        objects = f"{self.count} object{'' if self.count == 1 else 's'}"
        return (
            f"{self.id.name} drops {', '.join(self.dropped)}, in which {self.kind}s may be stored: `make up` first "
            f"rewrites {objects} as {self.storage}."
        )


def dropping(graph: Graph, known: Mapping[ObjectId, Manifest]) -> list[Manifest]:
    """The definitions of a graph that lack a version which they were sent with before."""
    return [
        graph.node(id_).manifest
        for id_, before in known.items()
        if (id_.group, id_.kind) == CRD and set(_names(before)) - set(_names(graph.node(id_).manifest))
    ]


def stored(definitions: Sequence[Manifest], api: Api) -> list[Migration]:
    """Those of the definitions that the API server would refuse, for objects are stored in what they drop.

    UserError where that is newer than what they would be rewritten as, and has fields which would go without a word.
    """
    found = []
    for new in definitions:
        name = str(new["metadata"]["name"])
        live = api.get(API_VERSION, KIND, "", name)
        kept = set(_names(new))
        still = [one for one in (live or {}).get("status", {}).get("storedVersions") or () if one not in kept]
        if live is None or not still:
            continue
        group, kind, storage = new["spec"]["group"], new["spec"]["names"]["kind"], _storage(new)
        dropped = [one for one in live["spec"]["versions"] if one["name"] not in kept]
        served = next((one["name"] for one in live["spec"]["versions"] if one["served"]), "")
        found.append(
            Migration(
                id=ObjectId(new["apiVersion"], new["kind"], "", name),
                kind=str(kind),
                group=str(group),
                dropped=tuple(still),
                storage=storage,
                versions=[*new["spec"]["versions"], *({**one, "storage": False} for one in dropped)],
                count=len(api.metadata(f"{group}/{served}", kind)) if served else 0,
            )
        )
    for one in found:
        _refuse_older(one)
    return found


def migrate(migration: Migration, api: Api, report: Callable[[str], None]) -> None:
    """Stores all objects of a kind in the version that its definition will store in, and prunes the status.

    UserError where the API server refuses one; the definition then serves its old versions and the new ones.
    """
    definition = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": migration.id.name}}
    live = api.get(API_VERSION, KIND, "", migration.id.name)
    if live is None:
        return
    if _storage(live) != migration.storage:
        at = {"op": "test", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]}
        api.patch(definition, [at, {"op": "replace", "path": "/spec/versions", "value": list(migration.versions)}])
        time.sleep(SETTLE_S)
    version = f"{migration.group}/{migration.storage}"
    said = time.monotonic()
    objects = api.metadata(version, migration.kind)
    for done, one in enumerate(objects):
        api.touch({"apiVersion": version, "kind": migration.kind, "metadata": one["metadata"]})
        if time.monotonic() - said > REPORT_S:
            said = time.monotonic()
            report(f"rewriting {migration.kind}s as {migration.storage}: {done + 1} of {len(objects)}")
    api.patch(definition, {"status": {"storedVersions": [migration.storage]}}, status=True)
    dropped = ", ".join(migration.dropped)
    report(f"rewrote {len(objects)} {migration.kind}s as {migration.storage}: none is stored as {dropped} any more")


def _refuse_older(migration: Migration) -> None:
    """UserError where objects are stored in a newer version than the new one, which lacks fields of it."""
    schemas = {str(one["name"]): one["schema"]["openAPIV3Schema"] for one in migration.versions}
    storage = migration.storage
    newer = [
        one
        for one in migration.dropped
        if _rank(one) > _rank(storage) and one in schemas and _prunes(schemas[storage], schemas[one])
    ]
    if migration.count and newer:
        objects = f"{migration.count} object{'' if migration.count == 1 else 's'}"
        raise UserError(
            f"{migration.id.name} has {objects}, which may be stored as {newer[-1]}, and the release knows nothing "
            f"newer than {storage}: they would lose the fields that only {newer[-1]} has. Nothing was changed; stay "
            f"at a release with {newer[-1]}, or save these objects and delete them first."
        )


def _prunes(schema: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether the API server would prune, by a schema, what another one has."""
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return False
    has, rest = schema.get("properties") or {}, schema.get("additionalProperties")
    for name, one in (other.get("properties") or {}).items():
        mine = has.get(name, rest if isinstance(rest, Mapping) else None)
        if (mine is None and not rest) or (mine is not None and _prunes(mine, one)):
            return True
    inner = ((schema.get(key), other.get(key)) for key in ("items", "additionalProperties"))
    return any(isinstance(a, Mapping) and isinstance(b, Mapping) and _prunes(a, b) for a, b in inner)


def _rank(version: str) -> tuple[int, ...]:
    """What sorts versions by age as Kubernetes does: v1alpha2, v1beta1, v1, v2 (apimachinery, pkg/version)."""
    found = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if found is None:
        return (-1,)
    stage = {"alpha": 0, "beta": 1, None: 2}[found[2]]
    return stage, int(found[1]), int(found[3] or 0)


def _names(definition: Manifest) -> list[str]:
    return [str(one["name"]) for one in _versions(definition)]


def _storage(definition: Manifest) -> str:
    return next(str(one["name"]) for one in _versions(definition) if one.get("storage"))


def _versions(definition: Manifest) -> Sequence[Any]:
    return definition.get("spec", {}).get("versions") or ()
