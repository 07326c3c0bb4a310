"""What changes on the real engine and API server: fields that cannot, versions still stored, names with a hash."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import replace

import pytest
from pulumi import automation
from pulumi.automation.events import EngineEvent
from rich.console import Console

from infra.kubeflow import immutable, plain
from infra.kubeflow.clashes import clashes
from infra.kubeflow.earlier import Earlier
from ops import earlier, keeping, losing, storing
from ops.changes import Change, classify
from ops.cluster import Access, ClusterApi, connected
from ops.steps import Recorder
from ordering.errors import UserError
from ordering.graph import Graph
from tests.local.cluster import Cluster, config_map, deployment, namespace
from tests.local.field_cases import (
    CASES,
    PLACE,
    UPDATES,
    binding,
    claim,
    claim_template,
    definition,
    kept,
    service,
    stateful,
)
from tests.local.kubernetes_stack import Engine, Manifest, changes, platform, program
from tests.unit.inputs import inputs


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[ClusterApi]:
    with asked(cluster) as found:
        yield found


@contextmanager
def asked(cluster: Cluster) -> Iterator[ClusterApi]:
    with connected(Access(kubeconfig=cluster.plane.kubeconfig.read_text(), context=None)) as found:
        yield found


def judged(api: ClusterApi, manifest: Manifest) -> str:
    """What the API server says to an apply; nothing where it takes it."""
    try:
        api.dry_run(manifest)
    except UserError as error:
        return str(error)
    return ""


def there(api: ClusterApi, manifest: Manifest) -> Manifest:
    """An object as the API server has it."""
    namespace, name = manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]
    found = api.get(manifest["apiVersion"], manifest["kind"], namespace, name)
    assert found is not None
    return found


def test_every_field_of_the_table_is_refused_by_the_api_server_and_no_other(cluster: Cluster, api: ClusterApi) -> None:
    given = {json.dumps(old): old for old in [*(old for _, old, _ in CASES), *(old for old, _ in UPDATES)]}
    cluster.apply(namespace(PLACE), {"apiVersion": "v1", "kind": "List", "items": list(given.values())})
    cluster.run("wait", "--for=condition=Established", "crd/things.changes.test", "--timeout=30s")
    taken = [(path, new["kind"]) for path, old, new in CASES if not judged(api, deepcopy(new))]
    assert taken == []
    assert {(immutable.kind_of(new), path) for path, _, new in CASES} == {
        (kind, field.path) for kind, fields in immutable.FIELDS.items() for field in fields
    }
    for path, old, new in CASES:
        assert path in immutable.changed(old, new), (path, new)
        live = there(api, old)
        assert path in [one.path for one in clashes(live, new)], (path, new)
        assert clashes(live, old) == [], "what the server fills in is no clash"
    for old, new in UPDATES:
        assert immutable.changed(old, new) == []
        assert clashes(there(api, old), new) == []
        assert judged(api, deepcopy(new)) == "", new


class Stack:
    """A stack of one namespace's objects, whose next runs see to what an earlier one has left, as `make up` does."""

    def __init__(self, engine: Engine, cluster: Cluster, api: ClusterApi, name: str, *manifests: Manifest) -> None:
        self.cluster, self.api, self.name, self.said = cluster, api, name, list[str]()
        self.kubeconfig = cluster.plane.kubeconfig.read_text()
        self.stack = engine.stack(name, platform(*manifests), self.kubeconfig)
        self.stack.up()

    def next(self, *manifests: Manifest) -> list[Change]:
        """The classes of a preview of other objects; `up` then brings them."""
        self.manifests = manifests
        recorder = Recorder(console=Console(quiet=True))
        self.stack.workspace.program = program(platform(*manifests, before=self._look), self.kubeconfig)
        self.stack.preview(on_event=recorder)
        steps = list(recorder.steps.values())
        self.planned = classify(steps, losing.look(steps, self.api))
        return self.planned

    def up(self) -> tuple[dict[str, int], list[str]]:
        """Brings them; how many resources what was done with, and what was done, in order, by name."""
        done: list[str] = []

        def hear(event: EngineEvent) -> None:
            if (ended := event.res_outputs_event) is not None and ended.metadata.op != "same":
                done.append(f"{ended.metadata.op.value} {ended.metadata.urn.rpartition('::')[2]}")

        if pods := [one for one in self.planned if one.keeps_pods]:
            keeping.note(self.stack, kept=[], pods=pods)
        self.stack.workspace.program = program(platform(*self.manifests, before=self._prepare), self.kubeconfig)
        return changes(self.stack.up(on_event=hear)), done

    def _look(self, graph: Graph) -> Earlier:
        return self._before(graph).earlier

    def _prepare(self, graph: Graph) -> Earlier:
        before = self._before(graph)
        for migration in before.migrations:
            storing.migrate(migration, self.api, self.said.append)
        return before.earlier

    def _before(self, graph: Graph) -> earlier.Before:
        state = (self.stack.export_stack().deployment or {})["resources"]
        return earlier.before(graph, state, lambda: nullcontext(self.api))


Make = Callable[..., Stack]


@pytest.fixture
def make(engine: Engine, cluster: Cluster, api: ClusterApi) -> Make:
    return lambda name, *manifests: Stack(engine, cluster, api, name, *manifests)


def kinds(found: list[Change]) -> dict[str, str]:
    return {one.name: one.kind for one in found}


def at(place: str, *manifests: Manifest) -> list[Manifest]:
    """These objects in a place; a claim there is bound by nobody, so nobody waits for it."""
    about = {"namespace": place, "annotations": {"pulumi.com/skipAwait": "true"}}
    return [
        {
            **one,
            "metadata": {
                **one["metadata"],
                **(about if one["kind"] == "PersistentVolumeClaim" else {"namespace": place}),
            },
        }
        for one in manifests
    ]


def test_what_cannot_change_is_made_again_in_place_and_a_stateful_sets_pods_go_on(cluster: Cluster, make: Make) -> None:
    place = "made-again"
    names = {"name": "again"}
    replaced = {path: pair for path, *pair in CASES if path in ("value", "reclaimPolicy", "handler", "spec.controller")}
    bound = [binding("ClusterRoleBinding", role) for role in ("view", "edit")]
    changed = [*replaced.values(), bound, [service("a"), service("a", clusterIP="None")]]
    old, new = ([{**pair[index], "metadata": names} for pair in changed] for index in (0, 1))
    first = at(place, stateful(replicas=2), claim("small"), kept("ConfigMap", immutable=True, data={"a": "a"}))
    second = at(
        place,
        stateful(replicas=2, volumeClaimTemplates=[claim_template("1Gi")]),
        claim("small", resources={"requests": {"storage": "1Gi"}}),
        kept("ConfigMap", data={"a": "b"}),
    )
    things = [definition(scope, group="again.test") for scope in ("Cluster", "Namespaced")]
    thing = {"apiVersion": "again.test/v1", "kind": "Thing", "metadata": {"name": "one"}}
    stack = make(place, namespace(place), *at(place, *old), *first, things[0], thing)
    pods = cluster.at("pods", "-n", place)["items"]
    found = stack.next(namespace(place), *at(place, *new), *second, things[1], thing)
    assert kinds(found) == {
        "ClusterRoleBinding/again": "replaced",
        "ConfigMap/made-again/kept": "replaced",
        "CustomResourceDefinition/things.again.test": "replaced",
        "IngressClass/again": "replaced",
        "PersistentVolumeClaim/made-again/small": "data",
        "PriorityClass/again": "replaced",
        "RuntimeClass/again": "replaced",
        "Service/made-again/again": "replaced",
        "StatefulSet/made-again/a": "replaced",
        "StorageClass/again": "replaced",
        "Thing/one": "replaced",
    }
    assert stack.up()[0] == {"replace": len(found)}
    now = cluster.at("pods", "-n", place)["items"]
    assert [one["metadata"]["uid"] for one in now] == [one["metadata"]["uid"] for one in pods]
    assert len(now) == 2
    assert cluster.at("things.again.test", "one", "-n", "default")["metadata"]["name"] == "one"
    assert cluster.at("storageclass", "again")["reclaimPolicy"] == "Retain"
    assert cluster.at("clusterrolebinding", "again")["roleRef"]["name"] == "edit"
    assert stack.next(*stack.manifests) == []
    stack.stack.destroy()


def versioned(name: str, **versions: bool) -> Manifest:
    """A definition with these versions, of which one says that it stores."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    spec = {
        "group": "stored.test",
        "scope": "Namespaced",
        "names": {"plural": name, "singular": name, "kind": name.title(), "listKind": f"{name.title()}List"},
        "versions": [
            {"name": version, "served": True, "storage": stores, "schema": schema}
            for version, stores in versions.items()
        ],
    }
    metadata = {"name": f"{name}.stored.test"}
    return {"apiVersion": storing.API_VERSION, "kind": storing.KIND, "metadata": metadata, "spec": spec}


def test_what_is_stored_in_a_version_that_goes_is_rewritten_first(
    cluster: Cluster, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "SETTLE_S", 1.0)
    stack = make("stored", versioned("both", v1beta1=True, v1=False), versioned("alone", v1beta1=True))
    for kind, name in (("Both", "a"), ("Both", "b"), ("Alone", "c")):
        about = {"name": name, "namespace": "default"}
        cluster.apply({"apiVersion": "stored.test/v1beta1", "kind": kind, "metadata": about, "spec": {"told": name}})
    found = stack.next(versioned("both", v1=True), versioned("alone", v1=True))
    assert kinds(found) == {f"{storing.KIND}/{name}.stored.test": "in place" for name in ("both", "alone")}
    assert stack.up()[0] == {"update": 2}
    for name, plural in (("a", "both"), ("b", "both"), ("c", "alone")):
        one = cluster.at(f"{plural}.v1.stored.test", name)
        assert (one["apiVersion"], one["spec"]) == ("stored.test/v1", {"told": name})
        assert cluster.at("crd", f"{plural}.stored.test")["status"]["storedVersions"] == ["v1"]
    assert any("rewrote 2 Boths as v1: none is stored as v1beta1 any more" in line for line in stack.said)
    assert stack.next(*stack.manifests) == []
    stack.stack.destroy()


def test_an_object_whose_definition_somebody_deleted_comes_again_and_goes(cluster: Cluster, make: Make) -> None:
    thing = {"apiVersion": "gone.test/v1", "kind": "Lost", "metadata": {"name": "a", "namespace": "default"}}
    kind = definition(kind="Lost", group="gone.test")
    stack = make("gone", kind, thing)
    for _ in range(2):
        cluster.delete("crd", kind["metadata"]["name"])
        stack.stack.refresh()
        assert stack.next(kind, thing) != []
        assert stack.up()[0] == {"create": 2}
        assert cluster.get("things.gone.test", "a") is not None
    cluster.delete("crd", kind["metadata"]["name"])
    stack.stack.destroy()


def test_a_new_name_comes_before_its_users_and_the_old_one_goes_after(cluster: Cluster, make: Make) -> None:
    def release(suffix: str, place: str) -> list[Manifest]:
        settings = {"name": "settings", "configMap": {"name": f"settings-{suffix}"}}
        return [
            namespace("hashed"),
            config_map("hashed", f"settings-{suffix}", a=suffix),
            deployment("hashed", "reader", volumes=[settings]),
            namespace(place),
            deployment(place, "mover"),
        ]

    stack = make("hashed", *release("gbd8f5ckgk", "old-place"))
    cluster.apply(config_map("old-place", "somebody-s", a="b"))
    found = stack.next(*release("7h2k9mtf4c", "new-place"))
    assert kinds(found) == {
        "Namespace/old-place": "data",
        "ConfigMap/hashed/settings-gbd8f5ckgk": "deleted",
        "Deployment/old-place/mover": "deleted",
        "Deployment/hashed/reader": "restarted",
        "ConfigMap/hashed/settings-7h2k9mtf4c": "created",
        "Deployment/new-place/mover": "created",
        "Namespace/new-place": "created",
    }
    assert str(found[0]) == "Namespace/old-place (1 ConfigMap: 1 in old-place)"
    _, done = stack.up()
    order = [
        done.index(one)
        for one in (
            "create hashed/settings-7h2k9mtf4c",
            "update hashed/reader",
            "delete hashed/settings-gbd8f5ckgk",
        )
    ]
    assert order == sorted(order)
    moved = ("create new-place", "create new-place/mover", "delete old-place/mover", "delete old-place")
    assert [one for one in done if one in moved] == list(moved)
    assert cluster.get("namespace", "old-place") is None
    assert stack.next(*stack.manifests) == []

    # What plain `pulumi up` does: the engine reads the state for the program.
    def plainly(*manifests: Manifest, release: str = "26.03") -> None:
        given = inputs(kubeflowRelease=release)
        source = replace(given.release.source, origin="git")

        def before(graph: Graph) -> Earlier:
            return plain.before(replace(given, release=replace(given.release, source=source, graph=graph)))

        stack.stack.workspace.program = program(platform(*manifests, before=before), stack.kubeconfig)
        assert changes(stack.stack.preview()) == {}

    plainly(*stack.manifests)
    with pytest.raises(automation.CommandError, match=r"dev has 26[.]03, and kubeflowRelease is 1[.]10[.]2, which is"):
        plainly(*stack.manifests, release="1.10.2")
    with pytest.raises(automation.CommandError, match="This would delete Namespace new-place, which may hold data"):
        plainly(*release("7h2k9mtf4c", "third-place"))
    stack.stack.destroy()
