"""Made-up next releases of a platform, and an API server and an engine as far as an upgrade needs them.

The API server keeps to the rules of docs/upgrading.md, which tests/local/test_changes.py holds against the real one.
"""

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from infra.kubeflow import immutable
from infra.kubeflow.identity import Identities
from infra.kubeflow.install import resource_name
from ops.existing import Place, place
from ops.steps import Step
from ordering.graph.ids import ObjectId, id_of
from ordering.graph.index import CRD
from ordering.manifests.objects import Manifest

Objects = dict[ObjectId, Manifest]
NAMESPACE = ("", "Namespace")


class RefusedError(Exception):
    """What the API server would not do."""


def by_id(manifests: Sequence[Manifest]) -> Objects:
    return {id_of(one): one for one in manifests}


def in_order(objects: Objects) -> list[ObjectId]:
    """Namespaces and definitions first: all that an order needs here."""
    first = (NAMESPACE, CRD)
    return sorted(objects, key=lambda id_: ((id_.group, id_.kind) not in first, id_))


def versions(definition: Manifest) -> list[str]:
    return [str(one["name"]) for one in definition["spec"]["versions"]]


def kind_of_crd(definition: Manifest) -> tuple[str, str]:
    return str(definition["spec"]["group"]), str(definition["spec"]["names"]["kind"])


@dataclass
class Live:
    """An object in the API server. `stored` is the apiVersion that etcd has it in."""

    manifest: Manifest
    uid: int
    stored: str


@dataclass
class Cluster:
    """The API server's objects, by where they are; `Api` of `ops.losing` and `ops.storing`."""

    objects: dict[Place, Live] = field(default_factory=dict)
    stored: dict[str, set[str]] = field(default_factory=dict)
    kinds: dict[tuple[str, str], Place] = field(default_factory=dict)
    uids: int = 0

    def apply(self, manifest: Manifest) -> None:
        """Creates or updates; RefusedError as the real one refuses."""
        id_ = id_of(manifest)
        at, found = place(id_), self.objects.get(place(id_))
        if id_.namespace and Place("", "Namespace", "", id_.namespace) not in self.objects:
            raise RefusedError(f"{id_}: no such namespace")
        definition = self._definition(id_.group, id_.kind)
        if definition is not None and id_.api_version.rpartition("/")[2] not in versions(definition):
            raise RefusedError(f"{id_}: no such version")
        if found is not None and (fields := immutable.changed(found.manifest, manifest)):
            raise RefusedError(f"{id_}: {fields} cannot change")
        if (id_.group, id_.kind) == CRD:
            self._define(manifest)
        self.uids += found is None
        uid = found.uid if found else self.uids
        self.objects[at] = Live(manifest, uid, self._stored_as(id_))
        if id_.kind == "Profile":
            self.objects.setdefault(Place("", "Namespace", "", id_.name), Live(manifest, -uid, "v1"))

    def _define(self, manifest: Manifest) -> None:
        name = manifest["metadata"]["name"]
        if left := self.stored.get(name, set()) - set(versions(manifest)):
            raise RefusedError(f"{name}: {left} missing from spec.versions")
        self.stored.setdefault(name, set()).add(_stores(manifest))
        self.kinds[kind_of_crd(manifest)] = Place(*CRD, "", name)

    def delete(self, at: Place) -> None:
        """Deletes an object with all that goes with it."""
        gone = self.objects.pop(at, None)
        if gone is None:
            return
        if at[:2] == NAMESPACE:
            inside = [one for one in self.objects if one.namespace == at.name]
        elif at[:2] == CRD:
            self.stored.pop(at.name, None)
            kind = kind_of_crd(gone.manifest)
            del self.kinds[kind]
            inside = [one for one in self.objects if one[:2] == kind]
        else:
            inside = [Place("", "Namespace", "", at.name)] if at.kind == "Profile" else []
        for one in inside:
            self.delete(one)

    def namespaced_kinds(self) -> list[tuple[str, str]]:
        return sorted({(one.stored, at.kind) for at, one in self.objects.items() if at.namespace})

    def metadata(self, api_version: str, kind: str, namespace: str = "") -> list[Manifest]:
        group, _, version = api_version.rpartition("/")
        definition = self._definition(group, kind)
        if definition is not None and version not in versions(definition):
            return []
        return [
            {"metadata": {"name": at.name, "namespace": at.namespace}}
            for at in self.objects
            if at[:2] == (group, kind) and namespace in ("", at.namespace)
        ]

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        found = self.objects.get(Place(api_version.rpartition("/")[0], kind, namespace, name))
        if found is None:
            return None
        about = {**found.manifest["metadata"], "resourceVersion": "1"}
        return {**found.manifest, "metadata": about, "status": {"storedVersions": sorted(self.stored[name])}}

    def touch(self, manifest: Manifest) -> None:
        id_ = id_of(manifest)
        self.objects[place(id_)].stored = self._stored_as(id_)

    def patch(self, manifest: Manifest, change: Manifest | Sequence[Manifest], *, status: bool = False) -> None:
        name = manifest["metadata"]["name"]
        found = self.objects[Place(*CRD, "", name)]
        if isinstance(change, dict):
            wanted, kind = set(change["status"]["storedVersions"]), kind_of_crd(found.manifest)
            used = {one.stored.rpartition("/")[2] for at, one in self.objects.items() if at[:2] == kind}
            assert used <= wanted, "objects would be stored in a version that the status forgets"
            self.stored[name] = wanted
            return
        spec = {**found.manifest["spec"], "versions": change[1]["value"]}
        found.manifest = {**found.manifest, "spec": spec}
        self._define(found.manifest)

    def _definition(self, group: str, kind: str) -> Manifest | None:
        at = self.kinds.get((group, kind))
        return self.objects[at].manifest if at else None

    def _stored_as(self, id_: ObjectId) -> str:
        definition = self._definition(id_.group, id_.kind)
        return f"{id_.group}/{_stores(definition)}" if definition else id_.api_version


def _stores(definition: Manifest) -> str:
    return next(str(one["name"]) for one in definition["spec"]["versions"] if one["storage"])


def steps(before: Objects, after: Objects) -> list[Step]:
    """What the engine would do: by type and name, or an alias; replaced where the plugin or the program says so."""
    nodes = [SimpleNamespace(id=id_, manifest=one, gate=None) for id_, one in after.items()]
    sent = {place(id_): one for id_, one in before.items()}
    known = {id_: sent[place(id_)] for id_ in after if place(id_) in sent}
    identities = Identities(cast("Any", SimpleNamespace(nodes=nodes)), known)
    left, found = dict(before), list[Step]()
    again: set[tuple[str, str]] = set()
    for id_ in in_order(after):
        names = [id_, *(id_._replace(api_version=other) for other in identities.others(id_))]
        old_id = next((one for one in names if one in left), None)
        if old_id is None:
            found.append(_step(id_, "create", new=after[id_]))
            continue
        old, new = left.pop(old_id), after[id_]
        paths = tuple(sorted(_paths(old, new)))
        replacing = [one.path for one in immutable.FIELDS.get(immutable.kind_of(new), ()) if one.known and not one.when]
        replacing += [*immutable.replacing(new, old), *immutable.changed(old, new)]
        causes = tuple(path for path in paths if any(_inside(path, one) for one in replacing))
        goes = bool(causes) or (id_.group, id_.kind) in again
        if goes and (id_.group, id_.kind) == CRD:
            again.add(kind_of_crd(new))
        operation = "replace" if goes else "update" if paths else "same"
        found.append(_step(id_, operation, old=old, new=new, paths=paths, causes=causes))
    return found + [_step(id_, "delete", old=left[id_]) for id_ in reversed(in_order(left))]


def carry_out(found: Sequence[Step], cluster: Cluster) -> None:
    """Does in the cluster what the steps say, in their order."""
    for step in found:
        if step.change in ("replace", "delete"):
            cluster.delete(place(id_of(cast("Manifest", step.old))))
        if step.change in ("replace", "create", "update"):
            cluster.apply(cast("Manifest", step.new))


def _step(id_: ObjectId, change: Any, **more: Any) -> Step:
    type_ = f"kubernetes:{'' if id_.group else 'core/'}{id_.api_version}:{id_.kind}"
    return Step(urn=f"urn:pulumi:a::b::{type_}::{resource_name(id_)}", type=type_, change=change, **more)


def _paths(old: Any, new: Any, at: str = "") -> Iterator[str]:
    if old is new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            yield from _paths(old.get(key), new.get(key), f"{at}.{key}" if at else key)
    elif old != new:
        yield at


def _inside(path: str, parent: str) -> bool:
    return path == parent or path.startswith(f"{parent}.")


# A made-up next release, one change at a time: each takes the objects and changes some of them.


def moved_version(objects: Objects, dice: random.Random) -> None:
    served = {kind_of_crd(one): versions(one) for one in _definitions(objects)}
    choices = [
        (id_, version)
        for id_ in objects
        for version in served.get((id_.group, id_.kind), ())
        if version != id_.api_version.rpartition("/")[2]
    ]
    if choices:
        id_, version = dice.choice(sorted(choices))
        manifest = objects.pop(id_)
        _put(objects, {**manifest, "apiVersion": f"{id_.group}/{version}"})


def renamed(objects: Objects, dice: random.Random) -> None:
    id_ = dice.choice([one for one in sorted(objects) if one.kind in ("ConfigMap", "Deployment", "Secret", "Service")])
    manifest = objects.pop(id_)
    _put(objects, {**manifest, "metadata": {**manifest["metadata"], "name": f"{id_.name}-{dice.randrange(10**6)}"}})


def removed(objects: Objects, dice: random.Random) -> None:
    kept = (NAMESPACE, CRD)
    del objects[dice.choice([one for one in sorted(objects) if (one.group, one.kind) not in kept])]


def removed_definition(objects: Objects, dice: random.Random) -> None:
    definition = dice.choice(list(_definitions(objects)))
    kind = kind_of_crd(definition)
    for id_ in [one for one in objects if (one.group, one.kind) == kind] + [id_of(definition)]:
        del objects[id_]


def dropped_version(objects: Objects, dice: random.Random) -> None:
    choices = [one for one in _definitions(objects) if len(versions(one)) > 1]
    if not choices:
        return
    definition = copy.deepcopy(dice.choice(choices))
    gone = dice.choice(versions(definition))
    left = [one for one in definition["spec"]["versions"] if one["name"] != gone]
    for one in left:
        one["storage"] = one is left[-1]
    definition["spec"]["versions"] = left
    _put(objects, definition)
    group, kind = kind_of_crd(definition)
    old = f"{group}/{gone}"
    for id_ in [one for one in objects if (one.api_version, one.kind) == (old, kind)]:
        _put(objects, {**objects.pop(id_), "apiVersion": f"{group}/{left[-1]['name']}"})


def moved_namespace(objects: Objects, dice: random.Random) -> None:
    name = dice.choice(sorted(one.name for one in objects if (one.group, one.kind) == NAMESPACE))
    other = f"{name}-{dice.randrange(10**6)}"
    for id_ in [one for one in objects if name == (one.name if (one.group, one.kind) == NAMESPACE else one.namespace)]:
        manifest = objects.pop(id_)
        metadata = {**manifest["metadata"], **({"namespace": other} if id_.namespace else {"name": other})}
        _put(objects, {**manifest, "metadata": metadata})


def immutable_field(objects: Objects, dice: random.Random) -> None:
    choices = [
        (id_, one)
        for id_ in sorted(objects)
        for one in immutable.FIELDS.get(immutable.kind_of(objects[id_]), ())
        if one.when is None and id_.kind != "CustomResourceDefinition"
    ]
    id_, field_ = dice.choice(choices)
    manifest = copy.deepcopy(objects[id_])
    node, keys = manifest, field_.path.split(".")
    for key in keys[:-1]:
        node = node.setdefault(key, {})
    node[keys[-1]] = {"made": "up", "at": dice.randrange(10**6)}
    _put(objects, manifest)


def other_scope(objects: Objects, dice: random.Random) -> None:
    definition = copy.deepcopy(dice.choice(list(_definitions(objects))))
    definition["spec"]["scope"] = "Cluster" if definition["spec"]["scope"] == "Namespaced" else "Namespaced"
    _put(objects, definition)


def relabelled(objects: Objects, dice: random.Random) -> None:
    manifest = copy.deepcopy(objects[dice.choice(sorted(objects))])
    manifest["metadata"].setdefault("labels", {})["made"] = "up"
    template = manifest.get("spec", {}).get("template")
    if isinstance(template, dict) and manifest["kind"] == "Deployment":
        template.setdefault("metadata", {}).setdefault("labels", {})["made"] = "up"
    _put(objects, manifest)


CHANGES: tuple[Callable[[Objects, random.Random], None], ...] = (
    moved_version,
    renamed,
    removed,
    removed_definition,
    dropped_version,
    moved_namespace,
    immutable_field,
    other_scope,
    relabelled,
)


def _definitions(objects: Objects) -> Iterator[Manifest]:
    return (objects[id_] for id_ in sorted(objects) if (id_.group, id_.kind) == CRD)


def _put(objects: Objects, manifest: Manifest) -> None:
    objects[id_of(manifest)] = manifest
