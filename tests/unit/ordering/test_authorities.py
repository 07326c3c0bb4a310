"""Webhook configurations whose CA somebody fills at run time: they come first, and what they judge waits at a gate."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.synthetic import (
    account,
    binding,
    configuration,
    definition,
    manifest,
    namespace,
    rule,
    service,
    webhook,
    workload,
)
from ordering.graph import Graph, build
from ordering.manifests.objects import Manifest

KINDS = ("Mutating", "Validating")
A, RUNNER = namespace("a"), account("runner", "a")
THING = [definition("example.com", "Thing"), manifest("example.com/v1", "Thing", "one", "a")]


def may(*verbs: str, names: tuple[str, ...] = (), to: Manifest = RUNNER) -> list[Manifest]:
    """What lets an account write into webhook configurations."""
    resources = [f"{kind.lower()}webhookconfigurations" for kind in KINDS]
    allowed = {"apiGroups": ["admissionregistration.k8s.io"], "resources": resources, "verbs": list(verbs)}
    named = {"resourceNames": list(names)} if names else {}
    granted = manifest("rbac.authorization.k8s.io/v1", "ClusterRole", "writes", rules=[allowed | named])
    return [to, granted, binding("writes", granted, to)]


def judged(kind: str, **fields: Any) -> Manifest:
    hook = webhook(f"{kind.lower()}.example.com", ("a", "operator"), [rule("example.com", "things")])
    hook["clientConfig"] |= fields
    return configuration(kind.lower(), hook, kind=kind)


def platform(*more: Manifest) -> list[Manifest]:
    operator = workload("operator", "a", account="runner")
    return [A, *THING, operator, service("operator", "a"), *more]


def gates(graph: Graph) -> set[str]:
    return {node.gate.name for node in graph.nodes if node.gate}


def test_configurations_that_the_backend_fills_come_before_it_and_what_they_judge_after_the_gates() -> None:
    graph = build(platform(*may("get", "patch"), *(judged(kind) for kind in KINDS)))
    assert gates(graph) == {"mutating", "validating"}
    backend, thing = graph.find("Deployment/operator"), graph.find("Thing/one")
    needed = {str(id_) for id_ in graph.needs_of(backend.id)}
    assert {n for n in needed if "Webhook" in n} == {
        "admissionregistration.k8s.io/v1/MutatingWebhookConfiguration//mutating",
        "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration//validating",
    }
    assert {f"{kind}WebhookConfigurationPatch" for kind in KINDS} <= {id_.kind for id_ in thing.needs}


@pytest.mark.parametrize(
    "objects",
    [
        platform(*may("get", "list", "watch"), judged("Mutating")),
        platform(*may("patch", names=("other",)), judged("Mutating")),
        platform(*may("patch", to=account("other", "a")), RUNNER, judged("Mutating")),
        platform(*may("patch"), judged("Mutating", caBundle="LS0tLS1CRUdJTg==")),
    ],
    ids=["may read only", "may write into another", "another account may", "carries its CA"],
)
def test_without_the_sign_the_backend_comes_first(objects: list[Manifest]) -> None:
    graph = build(objects)
    assert gates(graph) == set()
    assert graph.find("Deployment/operator").id in graph.needs_of(
        graph.find("MutatingWebhookConfiguration/mutating").id
    )


def test_what_cert_manager_fills_is_not_the_backends() -> None:
    injected = configuration("mutating", *judged("Mutating")["webhooks"], injected="a/served")
    assert gates(build(platform(*may("patch"), injected))) == set()


@pytest.mark.parametrize(
    "image", ["docker.io/istio/pilot:1.28.0", "gcr.io/knative-releases/knative.dev/serving/cmd/webhook"]
)
def test_controllers_that_watch_for_their_configurations_start_without(image: str) -> None:
    objects = platform(*may("get", "list", "watch", "update", "patch"), judged("Mutating"))
    objects[3]["spec"]["template"]["spec"]["containers"][0]["image"] = image
    assert gates(build(objects)) == set()


def job(name: str, *args: str, account: str = "runner") -> Manifest:
    return {**workload(name, "a", kind="Job", account=account, args=list(args)), "apiVersion": "batch/v1"}


def test_a_job_that_patches_the_ca_comes_between_the_configuration_and_what_it_judges() -> None:
    """As ingress-nginx has it: a Job makes the Secret that the backend mounts, another writes its CA."""
    make = job("make", "create", "--host=operator.a.svc", "--secret-name=cert")
    patch = job("patch", "patch", "--webhook-name=mutating", "--secret-name=cert")
    objects = platform(*may("get", "update", to=RUNNER), judged("Mutating"), make, patch)
    objects[3] = workload("operator", "a", volumes=[{"name": "cert", "secret": {"secretName": "cert"}}])
    graph = build(objects)
    assert gates(graph) == {"mutating"}
    needs = {
        name: {id_.name for id_ in graph.needs_of(graph.find(name).id)} for name in ("Job/patch", "Deployment/operator")
    }
    assert {"mutating", "make"} <= needs["Job/patch"]
    assert "make" in needs["Deployment/operator"]
    assert {"Job/patch", "Deployment/operator"} <= {
        f"{id_.kind}/{id_.name}" for id_ in graph.needs_of(graph.find("Thing/one").id)
    }
    assert graph.unresolved == ()


def test_a_webhook_that_judges_the_pods_of_its_own_job_gets_no_gate() -> None:
    hook = webhook("pods.example.com", ("a", "operator"), [rule("", "pods")])
    assert gates(build(platform(*may("patch"), configuration("mutating", hook), job("patch")))) == set()


@given(
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=2, unique=True),
    st.sampled_from([("patch",), ("update",), ("get", "patch"), ("*",)]),
    st.booleans(),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_variants_keep_the_order(
    kinds: list[str], verbs: tuple[str, ...], named: bool, by_job: bool, chance: Any
) -> None:
    """However it is allowed, and whoever fills it: the configuration, who fills it, the gate, what it judges."""
    names = tuple(kind.lower() for kind in kinds) if named else ()
    account_of = "other" if by_job else "runner"
    filling = [job("patch", account="other")] if by_job else []
    objects = platform(*may(*verbs, names=names, to=account(account_of, "a")), *map(judged, kinds), *filling)
    objects += [RUNNER] if by_job else []
    chance.shuffle(objects)
    graph = build(objects)
    position = {str(node.id): number for number, node in enumerate(graph.nodes)}
    filler = "batch/v1/Job/a/patch" if by_job else "apps/v1/Deployment/a/operator"
    for kind in kinds:
        place = f"admissionregistration.k8s.io/v1/{kind}WebhookConfiguration"
        way = [f"{place}//{kind.lower()}", filler, f"{place}Patch//{kind.lower()}", "example.com/v1/Thing/a/one"]
        assert sorted(way, key=position.__getitem__) == way
        for later, earlier in zip(way[1:], way, strict=False):
            assert graph.names.find(earlier, "") in graph.needs_of(graph.names.find(later, ""))
