"""What each object waits for before anything that needs it goes."""

import json
from typing import Any

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


def test_issuers_and_certificates_are_ready() -> None:
    objects = [*cert_manager(), A, issuer("own", "a"), certificate("served", "a", "own")]
    for text in ("Issuer/own", "Certificate/served"):
        assert wait(objects, text).annotations == {"pulumi.com/waitFor": "condition=Ready"}


def test_services_are_not_waited_for_and_workloads_as_the_provider_does() -> None:
    assert wait(OPERATOR, "Service/operator") == SKIP
    assert SKIP.annotations == {"pulumi.com/skipAwait": "true"}
    assert wait(OPERATOR, "Deployment/operator") == DEFAULT
    assert DEFAULT.annotations == {}


def test_a_claim_is_not_waited_for_where_pods_are() -> None:
    claim = manifest("v1", "PersistentVolumeClaim", "data", "a", spec={})
    user = workload("app", "a", volumes=[volume("PersistentVolumeClaim", "data")])
    assert wait([A, claim, user], "PersistentVolumeClaim/data") == SKIP
    assert wait([A, claim], "PersistentVolumeClaim/data") == DEFAULT


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
