"""Whatever a next release changes, the classes are what the API server then does, and no lost data goes unnamed."""

import random
from collections import Counter
from contextlib import nullcontext
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops import storing
from ops.changes import CRD as CRD_KIND
from ops.changes import Change, classify, kind_of
from ops.earlier import before
from ops.existing import Place, place
from ops.losing import look
from ordering.graph.ids import id_of
from ordering.graph.index import CRD
from ordering.manifests.objects import Manifest
from tests.unit.ops.next_release import (
    CHANGES,
    NAMESPACE,
    Cluster,
    Objects,
    by_id,
    carry_out,
    in_order,
    kind_of_crd,
    steps,
    versions,
)
from tests.unit.ordering.runs import objects_of, real_platforms

SEEDS = range(24)
PEOPLES = "people"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "SETTLE_S", 0.0)


@cache
def release(name: str) -> Objects:
    """A release without what is laid over objects that others make, and with the namespaces that its Profiles make."""
    found = by_id(objects_of(name))
    made = {one.name for one in found if (one.group, one.kind) == NAMESPACE}
    return {id_: one for id_, one in found.items() if not id_.namespace or id_.namespace in made}


def peoples(objects: Objects, dice: random.Random) -> list[Manifest]:
    """What people make: of the release's kinds, and of Kubernetes' own, in their place and in the platform's."""
    places = [PEOPLES, *sorted(one.name for one in objects if (one.group, one.kind) == NAMESPACE)]
    made: list[Manifest] = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PEOPLES}}]
    definitions = [one for id_, one in objects.items() if (id_.group, id_.kind) == CRD]
    for number, definition in enumerate(dice.sample(definitions, min(20, len(definitions)))):
        group, kind = kind_of_crd(definition)
        about = {"name": f"mine-{number}"}
        if definition["spec"]["scope"] == "Namespaced":
            about["namespace"] = dice.choice(places)
        made.append({"apiVersion": f"{group}/{dice.choice(versions(definition))}", "kind": kind, "metadata": about})
    for number, kind in enumerate(("ConfigMap", "PersistentVolumeClaim", "Secret")):
        about = {"name": f"own-{number}", "namespace": dice.choice(places)}
        made.append({"apiVersion": "v1", "kind": kind, "metadata": about})
    return made


def explained(at: Place, named: list[Change]) -> bool:
    """Whether one of the changes that lose data says that this is lost."""
    for one in named:
        step = one.step
        kind, name = kind_of(step.type), step.name
        if kind == CRD_KIND and kind_of_crd(cast("Manifest", step.old)) == at[:2]:
            return True
        if kind == "core/Namespace" and name in (at.namespace, at.name if at.kind == "Namespace" else None):
            return True
        if kind == "kubeflow.org/Profile" and name in (at.namespace, at.name):
            return True
    return False


@pytest.mark.parametrize("name", sorted({*real_platforms()[:1], *real_platforms()[-1:]}))
@pytest.mark.parametrize("seed", SEEDS)
def test_the_classes_are_what_the_api_server_does(name: str, seed: int) -> None:
    dice = random.Random(seed)
    old = release(name)
    cluster = Cluster()
    for id_ in in_order(old):
        cluster.apply(old[id_])
    mine = peoples(old, dice)
    for one in mine:
        cluster.apply(one)
    new = dict(old)
    for _ in range(dice.randrange(1, 12)):
        dice.choice(CHANGES)(new, dice)

    found = steps(old, new)
    changes = classify(found, look(found, cluster))
    uids = {at: one.uid for at, one in cluster.objects.items()}
    graph: Any = SimpleNamespace(
        nodes=[SimpleNamespace(id=id_, gate=None, made_by=None) for id_ in new],
        node=lambda id_: SimpleNamespace(manifest=new[id_]),
    )
    state = [{"type": f"kubernetes:{one.api_version}:{one.kind}", "inputs": old[one]} for one in old]
    for migration in before(graph, state, lambda: nullcontext(cluster)).migrations:
        storing.migrate(migration, cluster, lambda _: None)
    carry_out(found, cluster)

    for change in changes:
        at = place(id_of(cast("Manifest", change.step.new or change.step.old)))
        now = cluster.objects.get(at)
        match change.kind:
            case "in place" | "moved" | "restarted":
                assert now is not None, change
                assert now.uid == uids[at], change
            case "created" | "replaced":
                assert now is not None, change
                assert now.uid != uids.get(at), change
            case "deleted":
                assert now is None, change
    assert [id_ for id_ in new if place(id_) not in cluster.objects] == [], "all of the release is there"
    losing = [one for one in changes if one.kind == "data"]
    lost = [at for at in map(place, map(id_of, mine)) if at not in cluster.objects]
    assert [at for at in lost if not explained(at, losing)] == []
    counted = Counter[tuple[str, str]]()
    for amounts in look(found, Cluster()).values():
        counted.update(amounts)
    assert not counted, "an empty cluster loses nothing"
    holding = ("PersistentVolumeClaim", "PersistentVolume", "Profile")
    gone = {id_of(cast("Manifest", one.old)) for one in found if one.change in ("replace", "delete")}
    named = {id_of(cast("Manifest", one.step.old)) for one in losing}
    assert {one for one in gone if one.kind in holding} <= named
