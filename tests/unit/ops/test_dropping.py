"""What an `up` with a smaller release takes away in passing, told from the state and the new graph alone."""

from typing import Any

from ops.dropping import dropped, going, sentences
from ops.existing import Place
from ordering.graph import build
from tests.unit.ops.test_registered import OURS, Cluster, configuration, registration

STAYS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "stays", "namespace": "default"}}
CRD = "apiextensions.k8s.io/v1"


def resource(kind: str, name: str, namespace: str = "", version: str = "v1", **more: Any) -> dict[str, Any]:
    type_ = f"kubernetes:{version if '/' in version else f'core/{version}'}:{kind}"
    inputs = {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}
    urn = f"urn:pulumi:dev::kubeflow::kubeflow:infra:Kubeflow${type_}::{namespace}/{name}"
    return {"type": type_, "urn": urn, "inputs": inputs, **more}


SERVICE = resource("Service", OURS[1], OURS[0])
STATE = [resource("ConfigMap", "stays"), SERVICE]
GRAPH = build([STAYS])


def test_what_the_release_has_no_more_goes_and_the_rest_stays() -> None:
    others = resource("Service", "svc", "team")
    others["urn"] = others["urn"].replace("kubeflow:infra:Kubeflow$", "team:Extra$")
    kept = resource("Namespace", "kept")
    state = [*STATE, others, resource("Namespace", "left-in-place", retainOnDelete=True), kept]
    gone = dropped(state, GRAPH, kept={kept["urn"]})
    assert gone == [SERVICE]
    assert going(state, gone).objects == {Place("", "Service", *OURS)}


def test_an_object_in_another_version_goes_nowhere() -> None:
    moved = build([{"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "a", "namespace": "b"}}])
    assert dropped([resource("CronJob", "a", "b", "batch/v1beta1")], moved) == []


def test_a_preview_names_what_goes_at_once_and_later_and_touches_nothing() -> None:
    thing = resource("Thing", "one", "shop", "ours.example/v1")
    cluster = Cluster(configuration("policy", OURS), registration("v1.ours.example", OURS), services=[OURS])
    assert sentences(cluster, going([*STATE, thing], [SERVICE, thing])) == [
        "Deleted with what this deletes: ValidatingWebhookConfiguration policy, made at run time: Service "
        "policy-engine/policy-svc behind it goes.",
        "Deleted with what this deletes: APIService v1.ours.example, made at run time: Service "
        "policy-engine/policy-svc behind it goes.",
    ]
    assert not cluster.deleted


def test_a_configuration_that_the_stack_keeps_is_its_own() -> None:
    held = resource("ValidatingWebhookConfiguration", "policy", version="admissionregistration.k8s.io/v1")
    cluster = Cluster(configuration("policy", OURS))
    assert sentences(cluster, going([*STATE, held], [SERVICE])) == []
