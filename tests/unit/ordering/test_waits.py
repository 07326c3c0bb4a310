"""What each object waits for before anything that needs it goes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.synthetic import (
    cert_manager,
    certificate,
    config_map,
    configuration,
    definition,
    issuer,
    manifest,
    namespace,
    rule,
    service,
    volume,
    webhook,
    workload,
)
from ordering.graph import DEFAULT, SKIP, Wait, build
from ordering.manifests.objects import Manifest

A = namespace("a")
OPERATOR = [A, workload("operator", "a"), service("operator", "a")]
PODS = [rule("", "pods")]


def wait(objects: list[Manifest], text: str) -> Wait:
    return build(objects).find(text).wait


def test_a_definition_is_established() -> None:
    found = wait([definition("example.com", "Thing")], "CustomResourceDefinition/things.example.com")
    assert found.annotations == {"pulumi.com/waitFor": "condition=Established"}


def test_issuers_and_certificates_are_ready_where_something_needs_them() -> None:
    """Whoever issues may be outside of the cluster: an ACME issuer without a way to it is never Ready."""
    objects = [*cert_manager(), A, issuer("own", "a"), certificate("served", "a", "own")]
    user = workload("app", "a", volumes=[volume("Secret", "served")])
    for text in ("Issuer/own", "Certificate/served"):
        assert wait([*objects, user], text).annotations == {"pulumi.com/waitFor": "condition=Ready"}
    assert wait(objects, "Certificate/served") == DEFAULT
    assert wait([*cert_manager(), A, issuer("own", "a")], "Issuer/own") == DEFAULT


def test_services_are_not_waited_for_and_workloads_as_the_provider_does() -> None:
    assert wait(OPERATOR, "Service/operator") == SKIP
    assert SKIP.annotations == {"pulumi.com/skipAwait": "true"}
    assert wait(OPERATOR, "Deployment/operator") == DEFAULT
    assert DEFAULT.annotations == {}


CLAIM = manifest("v1", "PersistentVolumeClaim", "data", "a", spec={})


def test_a_claim_is_not_waited_for_where_pods_are() -> None:
    user = workload("app", "a", volumes=[volume("PersistentVolumeClaim", "data")])
    assert wait([A, CLAIM, user], "PersistentVolumeClaim/data") == SKIP


def ingress(**spec: Any) -> Manifest:
    return manifest("networking.k8s.io/v1", "Ingress", "web", "a", spec=spec)


def once(**spec: Any) -> Manifest:
    pod = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "a"}]}}
    return manifest("batch/v1", "Job", "once", "a", spec={"template": pod, **spec})


# What may wait for ever, and the sentence that says what is missing where it is needed.
MAY_STALL = {
    "an Ingress of a class that nothing brings": (
        ingress(ingressClassName="alb"),
        "Ingress a/web is waited for, since others need it: it gets an address only from a controller of class alb, "
        "which no manifest brings",
    ),
    "an Ingress of the default class": (
        ingress(),
        "Ingress a/web is waited for, since others need it: it gets an address only from a controller of its class, "
        "which no manifest brings",
    ),
    "a Job that is suspended": (
        once(suspend=True),
        "Job a/once is waited for, since others need it: it is suspended, and completes only once somebody sets "
        "spec.suspend to false",
    ),
    "a Deployment that is paused": (
        workload("held", "a", paused=True),
        "Deployment a/held is waited for, since others need it: it is paused, and rolls out only once somebody sets "
        "spec.paused to false",
    ),
    "a claim that no pod mounts": (CLAIM, ""),
}


@pytest.mark.parametrize("name", sorted(MAY_STALL))
def test_what_may_wait_for_ever_is_waited_for_only_where_something_needs_it(name: str) -> None:
    stalling, message = MAY_STALL[name]
    kind, text = stalling["kind"], f"{stalling['kind']}/{stalling['metadata']['name']}"
    alone = build([A, stalling])
    assert alone.find(text).wait == SKIP
    assert alone.warnings == ()
    group = stalling["apiVersion"].rpartition("/")[0]
    needs = {"config.kubernetes.io/depends-on": f"{group}/namespaces/a/{kind}/{stalling['metadata']['name']}"}
    needed = build([A, stalling, workload("app", "a", annotations=needs)])
    assert needed.find(text).wait == DEFAULT
    assert [warned.message for warned in needed.warnings] == ([message] if message else [])


def test_what_runs_is_waited_for_whether_something_needs_it_or_not() -> None:
    for running in (once(), once(suspend=False), workload("held", "a", paused=False)):
        graph = build([A, running])
        assert graph.find(f"{running['kind']}/{running['metadata']['name']}").wait == DEFAULT


def test_an_ingress_whose_class_is_there_lacks_nothing() -> None:
    class_ = manifest("networking.k8s.io/v1", "IngressClass", "nginx", spec={"controller": "k8s.io/ingress-nginx"})
    needs = {"config.kubernetes.io/depends-on": "networking.k8s.io/namespaces/a/Ingress/web"}
    objects = [A, class_, ingress(ingressClassName="nginx")]
    assert wait(objects, "Ingress/web") == SKIP
    graph = build([*objects, workload("app", "a", annotations=needs)])
    assert (graph.find("Ingress/web").wait, graph.warnings) == (DEFAULT, ())


def test_a_wait_that_a_person_wrote_is_kept() -> None:
    own = ingress(ingressClassName="alb")
    own["metadata"]["annotations"] = {"pulumi.com/waitFor": "jsonpath={.status.loadBalancer}"}
    assert wait([A, own], "Ingress/web") == DEFAULT


@given(
    st.sampled_from(sorted(MAY_STALL)),
    st.integers(0, 3),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_needless_waits_stay_out_of_any_platform(name: str, others: int, declared: bool, chance: Any) -> None:
    """Whatever is beside it, and in whatever order it is read: waited for if, and only if, something needs it."""
    stalling, _ = MAY_STALL[name]
    kind, called = stalling["kind"], stalling["metadata"]["name"]
    reference = f"{stalling['apiVersion'].rpartition('/')[0]}/namespaces/a/{kind}/{called}"
    asks = {"config.kubernetes.io/depends-on": reference} if declared else {}
    beside = [workload(f"app-{i}", "a", annotations=asks if i == 0 else None) for i in range(others)]
    objects = [A, stalling, service("web", "a"), *beside]
    chance.shuffle(objects)
    graph = build(objects)
    waited = declared and others > 0
    assert (graph.find(f"{kind}/{called}").wait == SKIP) is not waited
    assert all(graph.find(f"Deployment/app-{i}").wait == DEFAULT for i in range(others))


def test_every_bundle_of_an_injected_configuration() -> None:
    hooks = [webhook(f"hook-{i}", ("a", "operator"), PODS) for i in range(2)]
    found = wait([*OPERATOR, configuration("own", *hooks, injected="a/served")], "MutatingWebhookConfiguration/own")
    assert json.loads(found.annotations["pulumi.com/waitFor"]) == [
        "jsonpath={.webhooks[0].clientConfig.caBundle}",
        "jsonpath={.webhooks[1].clientConfig.caBundle}",
    ]


def test_a_rendered_bundle_needs_no_wait_and_a_placeholder_does() -> None:
    def bundled(bundle: Any) -> Wait:
        hook = webhook("hook", ("a", "operator"), PODS)
        hook["clientConfig"]["caBundle"] = bundle
        return wait([*OPERATOR, configuration("own", hook, injected="a/served")], "MutatingWebhookConfiguration/own")

    assert bundled("LS0tLS1CRUdJTg==") == DEFAULT
    for empty in ("", "Cg==", "Cgo=", None):
        assert bundled(empty).expressions == ("jsonpath={.webhooks[0].clientConfig.caBundle}",)


def test_a_backend_that_fills_its_own_is_waited_for_where_something_needs_it() -> None:
    own = configuration("own", webhook("hook", ("a", "operator"), PODS))
    assert wait([*OPERATOR, own, namespace("b")], "MutatingWebhookConfiguration/own") == DEFAULT
    needed = [*OPERATOR, own, namespace("b"), workload("app", "b")]
    assert wait(needed, "MutatingWebhookConfiguration/own").expressions


def test_rules_that_come_at_run_time_come_without_a_wait() -> None:
    late = configuration("late", webhook("hook", ("a", "operator"), []), injected="a/served")
    assert wait([*OPERATOR, late], "MutatingWebhookConfiguration/late") == DEFAULT


def test_an_aggregated_api_is_available() -> None:
    def api(**spec: Any) -> list[Manifest]:
        return [*OPERATOR, manifest("apiregistration.k8s.io/v1", "APIService", "v1.example.com", spec=spec)]

    served = {"group": "example.com", "version": "v1", "service": {"name": "operator", "namespace": "a"}}
    assert wait(api(**served), "APIService/v1.example.com").expressions == ("condition=Available",)
    assert wait(api(group="example.com", version="v1"), "APIService/v1.example.com") == DEFAULT


def test_a_profile_is_waited_for_where_its_namespace_is_used() -> None:
    profile = [definition("kubeflow.org", "Profile", scope="Cluster"), manifest("kubeflow.org/v1", "Profile", "person")]
    assert wait(profile, "Profile/person") == DEFAULT
    used = wait([*profile, config_map("welcome", "person")], "Profile/person")
    assert used.expressions == ("jsonpath={.metadata.finalizers[0]}=profile-finalizer",)


def test_a_gate_is_a_patch_that_holds_the_wait_and_nothing_else() -> None:
    hook = webhook("hook", ("a", "operator"), [rule("example.com", "things")])
    operator = workload("operator", "a", args=["--webhook-configuration=own"])
    thing = [definition("example.com", "Thing"), manifest("example.com/v1", "Thing", "t", "a")]
    graph = build([A, operator, service("operator", "a"), configuration("own", hook), *thing])
    (gate,) = [node for node in graph.nodes if node.gate]
    assert gate.id.kind == "MutatingWebhookConfigurationPatch"
    assert gate.gate == graph.find("MutatingWebhookConfiguration/own").id
    assert gate.manifest == {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {
            "name": "own",
            "annotations": {
                # The second one is true only of an object that has been patched.
                "pulumi.com/waitFor": json.dumps(
                    [
                        "jsonpath={.webhooks[0].clientConfig.caBundle}",
                        "jsonpath={.metadata.annotations['pulumi.com/patchForce']}=true",
                    ]
                ),
                "pulumi.com/patchForce": "true",
            },
        },
    }
    assert graph.find("MutatingWebhookConfiguration/own").wait == DEFAULT
    assert {need.title for need in graph.needs_of(gate.id)} >= {
        "Deployment a/operator",
        "MutatingWebhookConfiguration own",
    }
    assert gate.id in graph.find("Thing/t").needs
