"""What people made goes while its controllers live: found in all versions, left to its owner, named where it sticks."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.people import Answer, Waiting, clear, kinds
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

CRD = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"


def definition(group: str, kind: str, *versions: str) -> dict[str, Any]:
    served = [{"name": name, "served": True} for name in versions] + [{"name": "v0", "served": False}]
    spec = {"group": group, "names": {"kind": kind}, "versions": served}
    inputs = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": kind}}
    return {"type": CRD, "inputs": {**inputs, "spec": spec}}


EXPERIMENTS = definition("kubeflow.org", "Experiment", "v1beta1")
TRIALS = definition("kubeflow.org", "Trial", "v1beta1")
PROFILES = definition("kubeflow.org", "Profile", "v1", "v1beta1")
OURS = {
    "type": "kubernetes:kubeflow.org/v1beta1:Profile",
    "inputs": {"apiVersion": "kubeflow.org/v1beta1", "kind": "Profile", "metadata": {"name": "ours"}},
}
STATE = [EXPERIMENTS, TRIALS, PROFILES, OURS]


class Live:
    """A cluster whose objects go once they were asked to, unless somebody holds them; it notes what it was asked."""

    def __init__(self, **served: str) -> None:
        self.served = {"Experiment": "v1beta1", "Trial": "v1beta1", "Profile": "v1beta1", **served}
        self.objects: dict[str, Manifest] = {}
        self.deleted: list[str] = []
        self.namespaces: list[str] = []
        self.after: dict[str, Callable[[], None]] = {}

    def put(self, kind: str, name: str, *, finalizer: str = "", owner: str = "") -> None:
        metadata: dict[str, Any] = {"name": name, "uid": name, "namespace": "" if kind == "Profile" else "team"}
        if finalizer:
            metadata["finalizers"] = [finalizer]
        if owner:
            metadata["ownerReferences"] = [{"uid": owner, "controller": True}]
        self.objects[name] = {"kind": kind, "metadata": metadata}

    def metadata(self, api_version: str, kind: str) -> list[Manifest]:
        assert api_version != "kubeflow.org/v0", "a version that is not served answers with 404"
        if kind == "Namespace":
            return [{"metadata": {"name": name}} for name in self.namespaces]
        if api_version != f"kubeflow.org/{self.served[kind]}":
            return []
        return [one for one in self.objects.values() if one["kind"] == kind]

    def delete(self, manifest: Manifest) -> None:
        name = manifest["metadata"]["name"]
        self.deleted.append(name)
        if not manifest["metadata"].get("finalizers"):
            self._gone(name)

    def drop_finalizers(self, manifest: Manifest) -> None:
        self._gone(manifest["metadata"]["name"])

    def _gone(self, name: str) -> None:
        del self.objects[name]
        for child in [one for one, it in self.objects.items() if owner_of(it) == name]:
            self._gone(child)
        self.after.get(name, lambda: None)()


def owner_of(manifest: Manifest) -> str:
    (reference,) = manifest["metadata"].get("ownerReferences") or [{"uid": ""}]
    return str(reference["uid"])


def cleared(live: Live, answer: Answer = "stop", **limits: Any) -> tuple[int, list[str], list[str]]:
    """How many went, what was told, and what somebody was asked about."""
    told, asked = list[str](), list[str]()

    def stuck(what: str) -> Answer:
        asked.append(what)
        return answer

    waiting = Waiting(report=told.append, stuck=stuck, **{"stuck_after": 0.01, "poll": 0.002, **limits})
    return clear(live, STATE, waiting), told, asked


def test_kinds_are_those_of_the_state_in_the_versions_that_are_served() -> None:
    assert [(one.kind, one.versions) for one in kinds(STATE)] == [
        ("Experiment", ("v1beta1",)),
        ("Profile", ("v1", "v1beta1")),
        ("Trial", ("v1beta1",)),
    ]


def test_all_that_people_made_goes_profiles_last_and_what_the_stack_made_stays() -> None:
    live = Live()
    for kind, name in (("Profile", "theirs"), ("Profile", "ours"), ("Experiment", "e"), ("Trial", "alone")):
        live.put(kind, name)
    live.put("Trial", "t", owner="e")
    live.put("Trial", "platforms", owner="a-deployment")
    assert cleared(live)[0] == 3
    assert live.deleted == ["e", "alone", "theirs"], "a trial is left to its experiment"
    assert set(live.objects) == {"ours", "platforms"}


def test_nothing_of_anybody_is_asked_for_once() -> None:
    assert cleared(Live()) == (0, [], [])


def test_what_a_controller_makes_again_is_not_waited_for() -> None:
    live = Live()
    live.put("Experiment", "e")
    live.after["e"] = lambda: live.objects.update(
        {"again": {"kind": "Experiment", "metadata": {"name": "e", "uid": "again", "namespace": "team"}}}
    )
    assert cleared(live)[0] == 1
    assert live.deleted == ["e"]


def test_what_holds_on_is_named_and_its_finalizer_given_up_only_when_told() -> None:
    live = Live()
    live.put("Trial", "t", finalizer="clean-metrics-in-db")
    with pytest.raises(UserError, match=r"Trial team/t \(finalizers: clean-metrics-in-db\).*FORCE_FINALIZERS=1"):
        cleared(live)
    assert "t" in live.objects
    count, told, asked = cleared(live, "force")
    assert count == 1
    assert asked == ["Trial team/t (finalizers: clean-metrics-in-db)"]
    assert told[0] == "gave up the finalizers of Trial team/t (finalizers: clean-metrics-in-db)"


def test_a_profile_is_gone_when_its_namespace_is() -> None:
    live = Live()
    live.put("Profile", "theirs")
    live.namespaces = ["theirs", "ours"]
    with pytest.raises(UserError, match="Stopped where Namespace theirs holds on"):
        cleared(live)
    live = Live()
    live.put("Profile", "theirs")
    live.namespaces = ["ours"]
    assert cleared(live)[0] == 1


def test_whoever_waits_on_waits_until_the_end_of_patience() -> None:
    live = Live()
    live.put("Trial", "t", finalizer="clean-metrics-in-db")
    with pytest.raises(UserError, match="After 0 s there still is Trial team/t"):
        cleared(live, "wait", patience=0.05)


def test_asking_many_to_go_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of requests, each judged by webhooks, can take longer than a log may be silent."""
    monkeypatch.setattr("tools.progress._STILL", 0.0)
    live = Live()
    for number in range(3):
        live.put("Experiment", f"e{number}")
    _, told, _ = cleared(live)
    assert told[:3] == [
        f"waiting since 0 s until what people made is asked to go: {count} objects so far" for count in (1, 2, 3)
    ]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["Experiment", "Trial", "Profile"]), st.booleans(), st.integers(-3, 9))),
    st.sampled_from(["v1", "v1beta1"]),
)
def test_variants(drawn: list[tuple[str, bool, int]], served: str) -> None:
    """Whatever is held by controllers that live, whoever owns what, in whatever version: gone, Profiles last."""
    live = Live(Profile=served)
    live.put("Profile", "ours")
    owners: dict[str, str] = {}
    for number, (kind, held, owner) in enumerate(drawn):
        owners[f"o{number}"] = f"o{owner}" if kind != "Profile" and 0 <= owner < number else ""
        live.put(kind, f"o{number}", finalizer="theirs" if held else "", owner=owners[f"o{number}"])
    kind_of = {name: one["kind"] for name, one in live.objects.items()}
    asked = live.delete

    def finished(manifest: Manifest) -> None:
        """A controller takes its finalizer off at once."""
        asked(manifest)
        if manifest["metadata"]["name"] in live.objects:
            live.drop_finalizers(manifest)

    live.delete = finished  # type: ignore[method-assign]
    cleared(live)
    assert set(live.objects) == {"ours"}
    kinds_asked = [kind_of[name] == "Profile" for name in live.deleted]
    assert kinds_asked == sorted(kinds_asked)
    assert set(live.deleted) <= {name for name, owner in owners.items() if not owner}, "the owned are their owner's"
