"""What a run would make and is there already: found by what the state does not have, told with whose it is."""

from typing import Any

import pytest

from infra.kubeflow.install import resource_name, token
from ops import adopting, clashing
from ops.cluster import RefusedError
from ops.existing import Existing, held, look, made_by, missing, refuse, seen
from ops.steps import Op, Step
from ordering.errors import UserError
from ordering.graph import Graph, build, id_of
from ordering.manifests.objects import Manifest


def config(name: str = "settings", namespace: str = "apps") -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}


SPACE: Manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}}
ACCOUNT: Manifest = {**config("default"), "kind": "ServiceAccount"}
GRAPH = build([SPACE, config(), ACCOUNT])


def _kind(manifest: Manifest) -> tuple[str, str]:
    return manifest["apiVersion"], manifest["kind"]


class Live:
    """A cluster of these objects, which counts what it is asked."""

    def __init__(self, *objects: Manifest) -> None:
        self.objects, self.asked, self.released = objects, [], []  # type: ignore[var-annotated]
        self.refuses, self.loses = "", False

    def metadata(self, api_version: str, kind: str) -> list[Manifest]:
        self.asked.append(kind)
        return [one for one in self.objects if (one["apiVersion"], one["kind"]) == (api_version, kind)]

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        identity = (api_version, kind, name)
        return next((one for one in self.objects if (*_kind(one), one["metadata"]["name"]) == identity), None)

    def dry_run(self, manifest: Manifest) -> None:
        if self.refuses:
            raise UserError(self.refuses)

    def release(self, manifest: Manifest, manager: str) -> bool:
        self.released.append((manifest["metadata"]["name"], manager))
        return self.loses and manager == adopting.KUBECTL[0]


def state(*manifests: Manifest, kind: str = "kubernetes:core/v1:ConfigMap") -> list[dict[str, Any]]:
    return [{"type": kind, "inputs": one} for one in manifests]


def test_what_the_state_has_and_what_every_cluster_has_is_not_looked_for() -> None:
    assert [id_.name for id_ in missing(GRAPH, frozenset())] == ["apps", "settings"]
    assert [id_.name for id_ in missing(GRAPH, held(state(config())))] == ["apps"]
    read = {**config(), "metadata": {**config()["metadata"], "namespace": "default"}}
    unplaced = {**config(), "metadata": {"name": config()["metadata"]["name"]}}
    assert missing(build([unplaced]), held(state(read))) == [], "the plugin writes the namespace into the state"
    patched = held(state(config(), kind="kubernetes:core/v1:ConfigMapPatch"))
    assert [id_.name for id_ in missing(GRAPH, patched)] == ["apps", "settings"], "a patch holds nothing"


def owned(manifest: Manifest, **managers: int) -> Manifest:
    fields = [{"manager": name, "fieldsV1": {"f" * size: {}}} for name, size in managers.items()]
    status = {"manager": "status", "subresource": "status", "fieldsV1": {"f" * 999: {}}}
    return {**manifest, "metadata": {**manifest["metadata"], "managedFields": [*fields, status]}}


def test_each_is_told_with_who_wrote_most_of_it_and_one_question_a_kind() -> None:
    wanted = [id_of(config(name)) for name in ("a", "b", "c")]
    live = Live(owned(config("a"), kubectl=9, helm=90), config("c"), config("b", "elsewhere"))
    found = look(wanted, live)
    assert [str(one) for one in found] == ["ConfigMap apps/a (helm)", "ConfigMap apps/c (of nobody known)"]
    assert live.asked == ["ConfigMap"]


def test_an_object_without_a_namespace_is_looked_for_in_default() -> None:
    bare: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    assert look([id_of(bare)], Live(config("a", "default")))
    assert not look([id_of(bare)], Live(config("a", "apps")))
    assert look([id_of(SPACE)], Live(SPACE)), "and one of the whole cluster is in no namespace"


def step(manifest: Manifest, change: Op, graph: Graph = GRAPH) -> Step:
    node = graph.node(id_of(manifest))
    urn = f"urn:pulumi:dev::kubeflow::a${token(node)}::{resource_name(node.id)}"
    return Step(urn=urn, type=token(node), change=change, old=manifest if change == "delete" else {})


def test_of_a_preview_those_count_that_it_makes() -> None:
    steps = [step(SPACE, "same"), step(config(), "create"), step(ACCOUNT, "create")]
    assert [str(id_) for id_ in made_by(GRAPH, steps)] == ["v1/ConfigMap/apps/settings"]
    older = {**config(), "apiVersion": "v0"}
    gone = Step(urn="urn:pulumi:dev::k::kubernetes:core/v0:ConfigMap::x", type="kubernetes:core/v0:ConfigMap",
                change="delete", old=older)  # fmt: skip
    assert made_by(GRAPH, [*steps, gone]) == [], "what goes under another version is the stack's own"


def test_the_refusal_names_five_and_says_what_to_do() -> None:
    refuse([], "dev")
    found = [Existing(id=id_of(config(name)), owner="helm", going=False) for name in "abcdefg"]
    with pytest.raises(UserError) as refused:
        refuse(found, "dev")
    assert "there are 7 objects already that dev would make: ConfigMap apps/a (helm)" in str(refused.value)
    assert "and 2 more" in str(refused.value)
    assert "`make adopt STACK=dev`" in str(refused.value)


def there(*, going: bool = False) -> list[Existing]:
    return [Existing(id=id_of(config()), owner="kubectl", going=going)]


def test_what_goes_or_what_the_server_refuses_is_not_taken_over() -> None:
    live = Live()
    adopting.check(there(), GRAPH, live)
    with pytest.raises(UserError, match="ConfigMap apps/settings is being deleted"):
        adopting.check(there(going=True), GRAPH, live)
    live.refuses = "The cluster refuses: field is immutable"
    with pytest.raises(UserError, match=r"Nothing was taken over.*\n  ConfigMap apps/settings: .*immutable"):
        adopting.check(there(), GRAPH, live)


def test_kubectl_is_released_from_all_that_was_taken_over() -> None:
    live, told = Live(), list[str]()
    assert adopting.release(there(), GRAPH, live, told.append) == []
    assert {manager for _, manager in live.released} == set(adopting.KUBECTL)
    assert told == ["Took over 1 object that was there."]
    live.loses = True
    assert adopting.release(there(), GRAPH, live, told.append) == [id_of(config())], "it is not as the engine saw it"


def test_kubectl_is_released_from_what_a_run_that_was_cut_short_took_over_too() -> None:
    """That is in the state by then, so the next run does not find it as somebody else's."""
    kubectl = {"kubectl-client-side-apply": 90}
    graph = build([config(name, "default") for name in "abc"])
    live = Live(owned(config("a", "default"), **kubectl), owned(config("b", "default"), **kubectl), owned(config("c")))
    again = look(missing(graph, held(state(config("a", "default")))), live)
    assert [one.id.name for one in again] == ["b"]
    assert [one.id.name for one in adopting.taken(again, graph, live)] == ["b", "a"]
    scaled = {"manager": "kubectl", "subresource": "scale", "fieldsV1": {}}
    live.objects[0]["metadata"]["managedFields"] = [scaled]
    assert adopting.taken([], graph, Live(live.objects[0])) == []


def priority(name: str, value: int) -> Manifest:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": name},
        "value": value,
    }


def clashing_in(*live: Manifest, known: list[Manifest] | None = None, own: str = "") -> list[str]:
    wanted = build([priority("theirs", 1), priority("system-node-critical", 2), config()])
    nodes = clashing.others(wanted, held(state(*known or (), kind="kubernetes:scheduling.k8s.io/v1:PriorityClass")))
    return list(map(str, clashing.look(nodes, Live(*live), lambda one: one["metadata"]["name"] == own)))


def test_what_nobody_can_change_is_told_of_what_the_stack_has_not_made() -> None:
    theirs = priority("theirs", 9)
    (told,) = clashing_in(theirs)
    assert told == (
        "value of PriorityClass theirs, which never changes, is 9 in the cluster and 1 in the manifests; delete that "
        "object, leave it out of what you install, or give it the cluster's value"
    )
    assert clashing_in(priority("theirs", 1)) == clashing_in() == [], "as it is wanted, or not there"
    assert clashing_in(theirs, known=[theirs]) == [], "the stack's own is made again"
    assert clashing_in(theirs, own="theirs") == [], "so is what a run without the state takes for its own"
    going = {**theirs, "metadata": {**theirs["metadata"], "deletionTimestamp": "now"}}
    assert clashing_in(going) == [], "which is told as such"


def test_what_a_cluster_makes_by_itself_clashes_for_ever() -> None:
    critical = priority("system-node-critical", 3)
    for known, own in (([], ""), ([critical], critical["metadata"]["name"])):
        (told,) = clashing_in(critical, known=known, own=own)
        assert told.endswith(
            "; every cluster makes that object: leave it out of what you install, or give it the same value"
        )


def test_clashes_are_refused_all_at_once() -> None:
    clashing.refuse([])
    nodes = clashing.others(build([priority(f"p{number}", 1) for number in range(12)]), ())
    found = clashing.look(nodes, Live(*(priority(f"p{number}", 2) for number in range(12))))
    with pytest.raises(UserError, match=r"nothing was changed:\n  value of PriorityClass p0,") as refused:
        clashing.refuse(found)
    assert "… and 2 more" in str(refused.value)


def test_what_whoever_asks_may_not_read_is_not_judged() -> None:
    class Shut(Live):
        def metadata(self, api_version: str, kind: str) -> list[Manifest]:
            if kind == "ConfigMap":
                raise RefusedError("The cluster refuses: Forbidden")
            return super().metadata(api_version, kind)

    nodes = clashing.others(build([config("a"), priority("p", 1)]), ())
    (told,) = clashing.look(nodes, Shut(priority("p", 2)))
    assert told.clash.object == "PriorityClass p"


def test_a_kind_that_may_not_be_read_is_told_and_the_others_are_looked_at() -> None:
    class Viewed(Live):
        def metadata(self, api_version: str, kind: str) -> list[Manifest]:
            if kind == "Namespace":
                raise RefusedError("The cluster refuses: namespaces is forbidden")
            return super().metadata(api_version, kind)

    wanted = missing(GRAPH, frozenset())
    found, unread = seen(wanted, Viewed(SPACE, config()))
    assert [one.id.name for one in found] == ["settings"]
    assert unread == ["Namespace: The cluster refuses: namespaces is forbidden"]
    with pytest.raises(RefusedError):
        look(wanted, Viewed(SPACE, config()))
