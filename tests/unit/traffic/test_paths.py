"""The paths that a platform needs are open under its own NetworkPolicies, and no policy is added for nothing."""

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.synthetic import configuration, manifest, namespace, rule, service, webhook, workload
from infra.kubeflow.s3 import COMPONENT
from infra.kubeflow.slim import slim
from infra.kubeflow.traffic import with_open_paths
from infra.kubeflow.traffic.calls import calls
from infra.kubeflow.traffic.paths import closed, paths
from ordering.graph import id_of
from ordering.graph.index import Platform
from ordering.manifests.objects import Manifest
from ordering.manifests.render import render
from tests.unit.kubeflow.platforms import PLATFORMS, RELEASES, ROOT, written

MAIN = [path for path in RELEASES if path.name == "26.03"]


def shown(objects: list[Manifest]) -> set[tuple[str, str, int]]:
    """The closed paths: who, to which Service, at which port of its pods."""
    return {(path.call.caller.title, path.call.service.title, path.port) for path in closed(objects)}


def added(objects: list[Manifest]) -> list[Manifest]:
    return with_open_paths(objects)[len(objects) :]


# What 26.03's own policies close, were they enforced.
GATEWAYS = ("Deployment istio-system/istio-ingressgateway", "Deployment istio-system/cluster-local-gateway")
CLOSED = {
    ("the API server", "Service kubeflow/llmisvc-webhook-server-service", 9443),
    *(("a load balancer", "Service istio-system/istio-ingressgateway", port) for port in (8080, 8443, 15021)),
    ("pods of profiles", "Service istio-system/cluster-local-gateway", 8080),
    *(("pods of profiles", "Service istio-system/knative-local-gateway", port) for port in (8081, 8444)),
    (GATEWAYS[0], "Service kubeflow/profiles-kfam", 8081),
    *((gateway, "Service knative-serving/activator-service", 8013) for gateway in GATEWAYS),
}


@pytest.mark.parametrize("path", MAIN, ids=lambda path: path.name)
def test_what_the_policies_of_26_03_close_is_known(path: Path) -> None:
    assert shown(slim(render(path))) == CLOSED


@pytest.mark.parametrize("path", PLATFORMS, ids=lambda path: path.name)
def test_every_path_that_a_release_needs_is_open(path: Path) -> None:
    objects = slim(render(path))
    opened = with_open_paths(objects)
    assert opened[: len(objects)] == objects
    assert closed(opened) == []
    assert with_open_paths(opened) == opened


@pytest.mark.parametrize("path", MAIN, ids=lambda path: path.name)
def test_every_path_is_open_with_artifacts_in_s3_too(path: Path, tmp_path: Path) -> None:
    # Without its definitions, which cost kustomize most of its time.
    base = written(tmp_path / "base", [one for one in render(path) if one["kind"] != "CustomResourceDefinition"])
    objects = slim(render(base, components=[ROOT / COMPONENT]))
    assert closed(with_open_paths(objects)) == []
    hook = "Service kubeflow/kubeflow-pipelines-profile-controller"
    assert ("StatefulSet kubeflow/metacontroller", hook) in {
        (one.caller.title, one.service.title) for one in calls(Platform(objects))
    }


@pytest.mark.parametrize("path", PLATFORMS, ids=lambda path: path.name)
def test_the_graph_s_own_callers_are_all_known(path: Path) -> None:
    objects = slim(render(path))
    platform = Platform(objects)
    told = {(one.caller.title, one.service.namespace, one.service.name) for one in calls(platform)}
    backends = {
        (client["service"]["namespace"], client["service"]["name"])
        for one in objects
        for client in clients(one)
        if "service" in client
    }
    wanted = {place for place in backends if platform.find("", "Service", *place)}
    assert {(namespace, name) for who, namespace, name in told if who == "the API server"} == wanted


def clients(one: Manifest) -> Iterator[dict[str, Any]]:
    if one["kind"].endswith("WebhookConfiguration"):
        yield from (hook["clientConfig"] for hook in one.get("webhooks") or ())
    elif one["kind"] == "CustomResourceDefinition":
        yield one["spec"].get("conversion", {}).get("webhook", {}).get("clientConfig", {})
    elif one["kind"] == "APIService":
        yield one["spec"]


def weaker(policy: Manifest) -> Iterator[Manifest]:
    """The policy without one of its rules' peers or ports, each in turn."""
    for index, entry in enumerate(policy["spec"]["ingress"]):
        for field in ("from", "ports"):
            for position in range(len(entry.get(field, ()))):
                less = copy.deepcopy(policy)
                rules = less["spec"]["ingress"]
                del rules[index][field][position]
                # An empty list would allow everybody, or every port.
                if not rules[index][field]:
                    del rules[index]
                yield less


@pytest.mark.parametrize("path", MAIN, ids=lambda path: path.name)
def test_no_policy_and_no_part_of_one_is_more_than_is_needed(path: Path) -> None:
    objects = slim(render(path))
    new = added(objects)
    count = 0
    for index, policy in enumerate(new):
        rest = [*objects, *new[:index], *new[index + 1 :]]
        assert closed(rest), f"{id_of(policy).title} opens nothing"
        for less in weaker(policy):
            count += 1
            assert closed([*rest, less]), f"{id_of(policy).title} is wider than it needs to be"
    assert (len(new), count) == (6, 15)


def test_an_exposed_service_is_open_to_a_load_balancer() -> None:
    for kind in ("LoadBalancer", "NodePort"):
        front = service("front", "here")
        front["spec"]["type"] = kind
        deny = manifest("networking.k8s.io/v1", "NetworkPolicy", "none", "here", spec={"podSelector": {}})
        objects = [namespace("here"), front, workload("front", "here"), deny]
        assert shown(objects) == {("a load balancer", "Service here/front", 443)}
        front["spec"]["type"] = "ClusterIP"
        assert shown(objects) == set()


def test_a_host_that_a_pod_names_is_called_at_its_port_alone() -> None:
    back = service("back", "there")
    back["spec"]["ports"] = [{"port": 80, "targetPort": 8080}, {"port": 9999}]
    deny = manifest("networking.k8s.io/v1", "NetworkPolicy", "none", "there", spec={"podSelector": {}})

    def platform(*args: str) -> list[Manifest]:
        spaces = [namespace("here"), namespace("there")]
        return [*spaces, back, workload("back", "there"), workload("front", "here", args=args), deny]

    caller, target = "Deployment here/front", "Service there/back"
    assert shown(platform("--to=http://back.there.svc:80/x")) == {(caller, target, 8080)}
    assert shown(platform("back.there.svc.cluster.local:9999")) == {(caller, target, 9999)}
    # Which of its ports is meant, nobody knows; the second is not a host of this cluster.
    assert shown(platform("back.there", "back.there.example.com:80")) == set()


SPACES = ("a", "b", "c")


@st.composite
def platforms(draw: st.DrawFn) -> list[Manifest]:
    """Some namespaces with workloads that name each other, webhooks, and policies of any strength."""
    count = draw(st.integers(1, 6))
    objects = [namespace(space) for space in SPACES]
    for index in range(count):
        space = SPACES[draw(st.integers(0, 2))]
        others = draw(st.lists(st.integers(0, count - 1), max_size=2))
        args = [f"w{other}.{space_of}.svc:443" for other in others for space_of in SPACES]
        objects += [workload(f"w{index}", space, args=args), service(f"w{index}", space)]
        if draw(st.booleans()):
            hook = webhook(f"h{index}", (space, f"w{index}"), [rule("", "configmaps")])
            objects.append(configuration(f"h{index}", hook))
    peers = st.sampled_from(
        [{"podSelector": {}}, {"namespaceSelector": {}}, {"namespaceSelector": {"matchLabels": {"x": "y"}}}]
    )
    entries = st.fixed_dictionaries(
        {}, optional={"from": st.lists(peers, min_size=1, max_size=2), "ports": st.just([{"port": 443}])}
    )
    for index in range(draw(st.integers(0, 3))):
        chosen = draw(st.sampled_from([{}, {"matchLabels": {"app": f"w{index}"}}]))
        spec = {"podSelector": chosen, "ingress": draw(st.lists(entries, max_size=2))}
        objects.append(manifest("networking.k8s.io/v1", "NetworkPolicy", f"p{index}", SPACES[index], spec=spec))
    return objects


@settings(max_examples=150, deadline=None)
@given(platforms(), st.randoms(use_true_random=False))
def test_whatever_the_policies_say_all_needed_paths_are_open_and_no_more(
    objects: list[Manifest], chance: random.Random
) -> None:
    new = added(objects)
    assert closed([*objects, *new]) == []
    for index in range(len(new)):
        assert closed([*objects, *new[:index], *new[index + 1 :]])
    shuffled = list(objects)
    chance.shuffle(shuffled)
    assert added(shuffled) == new
    if not [one for one in objects if one["kind"] == "NetworkPolicy"]:
        assert new == []
    assert {id_of(one) for one in new}.isdisjoint(id_of(one) for one in objects)
    assert len(list(paths(Platform(objects)))) >= len(closed(objects))
