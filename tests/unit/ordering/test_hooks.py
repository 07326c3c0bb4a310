"""Helm hooks in rendered charts: none is sent as if it were an ordinary object."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.synthetic import account, config_map, definition, manifest, namespace, service, workload
from ordering.graph import build
from ordering.manifests.objects import Manifest

A = namespace("a")


def job(name: str, hooks: str, weight: str = "", **labels: str) -> Manifest:
    annotations = {"helm.sh/hook": hooks, **({"helm.sh/hook-weight": weight} if weight else {})}
    pod = {"metadata": {}, "spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b"}]}}
    return manifest("batch/v1", "Job", name, "a", annotations=annotations, labels=labels, spec={"template": pod})


def order(*objects: Manifest) -> list[str]:
    return [node.id.name for node in build([A, *objects]).nodes if node.id.name != "a"]


@pytest.mark.parametrize(
    ("hooks", "words"),
    [
        ("test", "it tests a release that runs"),
        ("test-success, test-failure", "it tests a release that runs"),
        ("pre-delete", "apply it by hand before, or after, a destroy"),
        ("post-delete,pre-rollback", "apply it by hand before, or after, a destroy"),
        ("pre-upgrade", "Helm changes a release"),
    ],
)
def test_a_hook_for_another_moment_is_left_out_and_said(hooks: str, words: str) -> None:
    graph = build([A, job("hook", hooks), workload("app", "a")])
    assert [node.id.kind for node in graph.nodes] == ["Namespace", "Deployment"]
    (warned,) = graph.warnings
    assert warned.message.startswith("Job a/hook is a Helm hook (")
    assert words in warned.message


def test_hooks_around_a_release_come_in_helms_order() -> None:
    found = order(
        workload("app", "a"),
        service("app", "a"),
        job("seed", "post-install", "2"),
        job("check", "post-install,post-upgrade", "1"),
        job("migrate", "pre-install,pre-upgrade", "5"),
        job("prepare", "pre-install", "-5"),
        job("between", "pre-install", "not a number"),
    )
    assert found[:3] == ["prepare", "between", "migrate"]
    assert set(found[3:5]) == {"app"}
    assert found[5:] == ["check", "seed"]


def test_the_release_of_a_hook_is_that_of_its_label() -> None:
    release = {"app.kubernetes.io/instance": "one"}
    mine = workload("mine", "a")
    mine["metadata"]["labels"] = release
    graph = build([A, job("migrate", "pre-install", **release), mine, workload("other", "a")])
    needs = {node.id.name: {need.kind for need in graph.needs_of(node.id)} for node in graph.nodes}
    assert needs["mine"] == {"Namespace", "Job"}
    assert needs["other"] == {"Namespace"}


def test_what_a_hook_itself_needs_comes_before_it_without_a_circle() -> None:
    hook = job("migrate", "pre-install")
    hook["spec"]["template"]["spec"].update(
        serviceAccountName="runner",
        containers=[{"name": "a", "image": "b", "envFrom": [{"configMapRef": {"name": "settings"}}]}],
    )
    found = order(hook, account("runner", "a"), config_map("settings", "a"), workload("app", "a"))
    assert found.index("migrate") == 2
    assert found[3] == "app"


def test_definitions_that_helm_2_made_first_are_ordinary() -> None:
    thing = definition("example.com", "Thing")
    thing["metadata"]["annotations"] = {"helm.sh/hook": "crd-install"}
    graph = build([thing])
    assert [node.id.kind for node in graph.nodes] == ["CustomResourceDefinition"]
    assert graph.warnings == ()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["pre-install", "post-install", "test", "pre-delete"]), st.integers(-9, 9))),
    st.integers(1, 3),
    st.randoms(use_true_random=False),
)
def test_variants(hooks: list[tuple[str, int]], ordinary: int, chance: Any) -> None:
    """Whatever hooks a chart has, however it prints them: by weight before and after it, the rest left out."""
    jobs = [job(f"job-{number}", moment, str(weight)) for number, (moment, weight) in enumerate(hooks)]
    apps = [workload(f"app-{number}", "a") for number in range(ordinary)]
    objects = [*jobs, *apps]
    chance.shuffle(objects)
    found = order(*objects)
    place = {name: found.index(name) for name in found}
    weights = {f"job-{number}": (moment, weight) for number, (moment, weight) in enumerate(hooks)}
    sent = {name for name, (moment, _) in weights.items() if moment.endswith("install")}
    assert set(found) == sent | {f"app-{number}" for number in range(ordinary)}
    for one in sent:
        before = weights[one][0] == "pre-install"
        assert all((place[one] < place[f"app-{number}"]) is before for number in range(ordinary))
        for other in sent:
            if weights[one][0] == weights[other][0] and weights[one][1] < weights[other][1]:
                assert place[one] < place[other]
