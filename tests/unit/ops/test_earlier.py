"""What an earlier run has left: versions that are still stored are rewritten before they go."""

import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest

from ops import storing
from ops.earlier import Before, before
from ordering.errors import UserError
from ordering.graph import build
from ordering.graph.ids import id_of
from ordering.manifests.objects import Manifest

NAME = "jobs.example.com"


def versioned(*versions: str, storage: str, fields: Manifest | None = None) -> Manifest:
    schema = {one: {"openAPIV3Schema": {"properties": (fields or {}).get(one, {})}} for one in versions}
    told = [{"name": one, "served": True, "storage": one == storage, "schema": schema[one]} for one in versions]
    names = {"plural": "jobs", "kind": "Job"}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": told}
    return {"apiVersion": storing.API_VERSION, "kind": storing.KIND, "metadata": {"name": NAME}, "spec": spec}


def state(*manifests: Manifest, **more: Any) -> list[dict[str, Any]]:
    return [
        {"type": f"kubernetes:{one['apiVersion']}:{one['kind']}", "urn": "u", "inputs": one, **more}
        for one in manifests
    ]


class Api:
    """A cluster with one definition, which says what it stores, and objects that remember in which version they are."""

    def __init__(self, definition: Manifest, stored: Sequence[str], *objects: str, refuses: str = "") -> None:
        self.definition = {**definition, "metadata": {"name": NAME, "resourceVersion": "7"}}
        self.definition["status"] = {"storedVersions": list(stored)}
        self.objects = dict.fromkeys(objects, stored[0])
        self.refuses, self.did = refuses, list[str]()

    @property
    def storage(self) -> str:
        return next(str(one["name"]) for one in self.definition["spec"]["versions"] if one["storage"])

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        assert (api_version, kind, namespace, name) == (storing.API_VERSION, storing.KIND, "", NAME)
        return self.definition

    def metadata(self, api_version: str, kind: str, namespace: str = "") -> list[Manifest]:
        served = {f"example.com/{one['name']}" for one in self.definition["spec"]["versions"]}
        return [{"metadata": {"name": one}} for one in self.objects] if api_version in served else []

    def touch(self, manifest: Manifest) -> None:
        name = manifest["metadata"]["name"]
        if name == self.refuses:
            raise UserError(f"{name} is refused")
        self.objects[name] = self.storage

    def patch(self, manifest: Manifest, change: Manifest | Sequence[Manifest], *, status: bool = False) -> None:
        if status:
            assert isinstance(change, dict)
            wanted = change["status"]["storedVersions"]
            assert set(self.objects.values()) <= set(wanted), "the status may forget no version that is stored"
            self.definition["status"] = {"storedVersions": wanted}
            self.did.append("pruned")
            return
        assert not isinstance(change, dict)
        test, replace = change
        assert (test["op"], test["value"]) == ("test", "7")
        self.definition["spec"] = {**self.definition["spec"], "versions": replace["value"]}
        self.did.append(f"stores {self.storage}")


def see_to(left: Before, api: Api, report: Callable[[str], None]) -> None:
    for migration in left.migrations:
        storing.migrate(migration, api, report)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "SETTLE_S", 0.0)


@pytest.mark.parametrize("live", [("v1beta1", "v1"), ("v1beta1",)])
def test_objects_are_rewritten_before_their_version_goes(live: tuple[str, ...]) -> None:
    old, new = versioned(*live, storage="v1beta1"), versioned("v1", storage="v1")
    api = Api(old, ["v1beta1"], "x", "y")
    left = before(build([new]), state(old), lambda: nullcontext(api))
    (migration,) = left.migrations
    assert left.earlier.migrating == [id_of(new)]
    assert str(migration) == (
        "jobs.example.com drops v1beta1, in which Jobs may be stored: `make up` first rewrites 2 objects as v1."
    )
    said: list[str] = []
    see_to(left, api, said.append)
    assert (api.objects, api.did) == ({"x": "v1", "y": "v1"}, ["stores v1", "pruned"])
    assert said == ["rewrote 2 Jobs as v1: none is stored as v1beta1 any more"]
    names = [one["name"] for one in api.definition["spec"]["versions"]]
    assert names == ["v1", "v1beta1"], "until the engine updates it, both are served"
    assert before(build([new]), state(old), lambda: nullcontext(api)).migrations == [], "done is done"


def test_an_object_that_cannot_be_stored_again_stops_it_with_all_versions_served() -> None:
    old, new = versioned("v1beta1", storage="v1beta1"), versioned("v1", storage="v1")
    api = Api(old, ["v1beta1"], "x", "y", refuses="y")
    left = before(build([new]), state(old), lambda: nullcontext(api))
    with pytest.raises(UserError, match="y is refused"):
        see_to(left, api, lambda _: None)
    assert api.definition["status"] == {"storedVersions": ["v1beta1"]}
    api.refuses = ""
    see_to(before(build([new]), state(old), lambda: nullcontext(api)), api, lambda _: None)
    assert api.objects == {"x": "v1", "y": "v1"}, "the same command goes on"


@pytest.mark.parametrize(
    ("stored", "wanted"), [("v2", "v1"), ("v1", "v1beta1"), ("v1beta1", "v1alpha2"), ("v2beta1", "v2alpha1")]
)
def test_a_release_older_than_what_is_stored_is_refused_where_fields_would_go(stored: str, wanted: str) -> None:
    """The API server would prune them without a word."""
    deep: Manifest = {"spec": {"properties": {"items": {"items": {"properties": {"new": {"type": "string"}}}}}}}
    shallow: Manifest = {"spec": {"properties": {"items": {"items": {"properties": {}}}}}}
    new = versioned(wanted, storage=wanted, fields={wanted: shallow})
    old = versioned(stored, wanted, storage=stored, fields={wanted: shallow, stored: deep})
    told = (
        f"jobs.example.com has 2 objects, which may be stored as {stored}, and the release knows nothing newer than "
        f"{wanted}: they would lose the fields that only {stored} has. Nothing was changed"
    )
    with pytest.raises(UserError, match=re.escape(told)):
        before(build([new]), state(old), lambda: nullcontext(Api(old, [stored], "x", "y")))
    for objects, same in ((), old), (("x",), versioned(stored, wanted, storage=stored, fields={wanted: deep})):
        api = Api(same, [stored], *objects)
        see_to(before(build([new]), state(same), partial(nullcontext, api)), api, lambda _: None)
        assert api.definition["status"] == {"storedVersions": [wanted]}


def test_what_drops_no_version_asks_nobody() -> None:
    old, new = versioned("v1", storage="v1"), versioned("v1", "v2", storage="v2")
    left = before(build([new]), state(old), lambda: pytest.fail("nobody has to be asked"))
    assert (left.migrations, list(left.sent)) == ([], [id_of(new)])


def test_what_waits_to_be_deleted_is_not_what_was_sent() -> None:
    definition = versioned("v1", storage="v1")
    assert before(build([definition]), state(definition), lambda: nullcontext()).sent
    assert before(build([definition]), state(definition, delete=True), lambda: nullcontext()).sent == {}
