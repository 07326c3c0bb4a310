"""Fields that an autoscaler owns are not sent, and are left alone."""

from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.synthetic import definition, manifest, namespace, workload
from infra.kubeflow.install import KubeflowArgs, install
from infra.kubeflow.scaled import scaled, without
from ordering.graph import build
from ordering.manifests.objects import Manifest
from tests.unit.mocks import Resource, record

A = namespace("a")


def autoscaler(api: str, of: str, /, **target: Any) -> Manifest:
    return manifest(api, of, "scaler", "a", spec={"scaleTargetRef": target, "minReplicas": 3, "maxReplicas": 5})


WEB = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
HPA = autoscaler("autoscaling/v2", "HorizontalPodAutoscaler", **WEB)
ROLLS = "argoproj.io/v1alpha1"
ROLLOUT = manifest(ROLLS, "Rollout", "web", "a", spec={"replicas": 2, "paused": False})
POOL = definition("pools.example", "Pool")
POOL["spec"]["versions"][0]["subresources"] = {"scale": {"specReplicasPath": ".spec.size.wanted"}}
SCALERS = {
    "HorizontalPodAutoscaler": (HPA, workload("web", "a", replicas=1)),
    "a StatefulSet": (
        autoscaler("autoscaling/v1", "HorizontalPodAutoscaler", **{**WEB, "kind": "StatefulSet"}),
        workload("web", "a", kind="StatefulSet", replicas=1),
    ),
    "KEDA": (autoscaler("keda.sh/v1alpha1", "ScaledObject", name="web"), workload("web", "a", replicas=1)),
    "KEDA over HTTP": (
        autoscaler("http.keda.sh/v1alpha1", "HTTPScaledObject", **WEB),
        workload("web", "a", replicas=1),
    ),
    "Knative": (
        autoscaler("autoscaling.internal.knative.dev/v1alpha1", "PodAutoscaler", **WEB),
        workload("web", "a", replicas=1),
    ),
    "a custom resource": (
        autoscaler("autoscaling/v2", "HorizontalPodAutoscaler", **WEB | {"apiVersion": ROLLS, "kind": "Rollout"}),
        ROLLOUT,
    ),
}


def sent(*objects: Manifest, forced: bool = True) -> list[Resource]:
    """What the engine gets of objects."""

    def program() -> None:
        provider = pulumi.ProviderResource("kubernetes", "p", {})
        args = KubeflowArgs(graph=build(objects), replacements={}, provider=provider, needs=[], forced=forced)
        install("kubeflow", args)

    return record(program).resources


@pytest.mark.parametrize("name", sorted(SCALERS))
def test_what_an_autoscaler_says_is_not_sent_and_left_alone(name: str) -> None:
    scaler, target = SCALERS[name]
    (made,) = [one for one in sent(A, scaler, target) if one.type.endswith(f":{target['kind']}")]
    assert "replicas" not in made.inputs["spec"]
    assert made.ignore_changes == ("spec.replicas",)
    assert set(made.inputs["spec"]) == set(target["spec"]) - {"replicas"}, "all else is ours"


def test_a_kind_that_says_where_its_replicas_are() -> None:
    pool = manifest("pools.example/v1", "Pool", "web", "a", spec={"size": {"wanted": 2, "most": 9}, "replicas": 1})
    of = autoscaler(
        "autoscaling/v2", "HorizontalPodAutoscaler", **WEB | {"apiVersion": "pools.example/v1", "kind": "Pool"}
    )
    (made,) = [one for one in sent(A, POOL, of, pool) if one.type.endswith(":Pool")]
    assert (made.inputs["spec"], made.ignore_changes) == ({"size": {"most": 9}, "replicas": 1}, ("spec.size.wanted",))


@pytest.mark.parametrize(
    "scaler",
    [
        None,
        autoscaler("autoscaling/v2", "HorizontalPodAutoscaler", **{**WEB, "name": "other"}),
        autoscaler("autoscaling/v2", "HorizontalPodAutoscaler", **{**WEB, "kind": "StatefulSet"}),
        {**HPA, "metadata": {"name": "scaler", "namespace": "b"}},
        manifest("autoscaling.k8s.io/v1", "VerticalPodAutoscaler", "scaler", "a", spec={"targetRef": WEB}),
    ],
    ids=["none", "of another", "of another kind", "elsewhere", "that sizes pods"],
)
def test_replicas_that_no_autoscaler_has_are_ours(scaler: Manifest | None) -> None:
    objects = [A, namespace("b"), workload("web", "a", replicas=2), *([scaler] if scaler else [])]
    (made,) = [one for one in sent(*objects) if one.type.endswith(":Deployment")]
    assert (made.inputs["spec"]["replicas"], made.ignore_changes) == (2, ())


def test_none_at_all_is_said_once_and_then_left_alone() -> None:
    """A HorizontalPodAutoscaler does nothing until somebody scales up from 0."""
    (made,) = [one for one in sent(A, HPA, workload("web", "a", replicas=0)) if one.type.endswith(":Deployment")]
    assert (made.inputs["spec"]["replicas"], made.ignore_changes) == (0, ("spec.replicas",))


def test_where_conflicts_are_an_error_what_a_backend_takes_over_is_none() -> None:
    hook = {"name": "rev.validation.istio.io", "failurePolicy": "Ignore", "clientConfig": {"url": "https://istiod"}}
    istio = manifest(
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "istio-validator",
        labels={"istio.io/rev": "default"},
        webhooks=[hook],
    )
    force = "pulumi.com/patchForce"
    objects = [A, HPA, workload("web", "a", replicas=1), istio]

    def forcing(*, forced: bool) -> list[str]:
        found = [one for one in sent(*objects, forced=forced) if "metadata" in one.inputs]
        return [one.name for one in found if force in (one.inputs["metadata"].get("annotations") or {})]

    assert (forcing(forced=True), forcing(forced=False)) == ([], ["istio-validator"])


@given(
    st.sampled_from(sorted(SCALERS)),
    st.one_of(st.none(), st.integers(0, 9)),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_variants(name: str, replicas: int | None, there: bool, chance: Any) -> None:
    """Whatever is rendered, in whatever order: out with an autoscaler, unless it is 0; ours without one."""
    scaler, target = SCALERS[name]
    spec = {key: value for key, value in target["spec"].items() if key != "replicas"}
    rendered = {**target, "spec": spec if replicas is None else {**spec, "replicas": replicas}}
    objects = [A, rendered, workload("beside", "a", replicas=2), *([scaler] if there else [])]
    chance.shuffle(objects)
    graph = build(objects)
    found = {id_.name: path for id_, path in scaled(graph).items()}
    assert found == ({"web": "spec.replicas"} if there else {})
    for path in found.values():
        kept = without(rendered, path)["spec"]
        assert kept == ({**spec, "replicas": 0} if replicas == 0 else spec)
