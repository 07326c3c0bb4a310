"""Fields that a backend writes over what the program sent: no change in a preview, and no fight after an update.

The played controllers write what the real ones write (localcloud/controllers/play, with the sources); a release's own
are in test_release.py.
"""

from collections.abc import Callable
from typing import Any

import pytest
from pulumi import automation

from tests.local.cluster import Cluster, bundles, deployment, namespace, service, until, writers
from tests.local.kubernetes_stack import Engine, Manifest, changes, platform, program

ISTIO, KNATIVE, JOBSET = "istio-system", "knative-serving", "kubeflow-system"
VALIDATOR, INJECTOR = "istio-validator", "istio-sidecar-injector"
DEFAULTING, CONFIG = "webhook.serving.knative.dev", "config.webhook.serving.knative.dev"
RULE = {"apiGroups": ["fights.test"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["*"]}


def hook(kind: str, name: str, of: str, to: str, webhook: str, **more: Any) -> Manifest:
    """A configuration of one webhook that calls nothing that the test sends."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": name, "labels": {"istio.io/rev": "default"} if of == ISTIO else {}},
        "webhooks": [
            {
                "name": webhook,
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "clientConfig": {"service": {"name": to, "namespace": of}},
                "rules": [RULE],
                **more,
            }
        ],
    }


def mounting(of: str, name: str, secret: str) -> Manifest:
    return deployment(of, name, volumes=[{"name": "cert", "secret": {"secretName": secret}}])


def secret(of: str, name: str) -> Manifest:
    """A Secret that the release renders empty, and its backend fills."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": of}}


def made(version: str) -> list[Manifest]:
    """All of them in one version of their release, which labels say."""
    objects = [
        *(namespace(name) for name in (ISTIO, KNATIVE, JOBSET)),
        service(ISTIO, "istiod"),
        deployment(ISTIO, "istiod"),
        hook("Validating", VALIDATOR, ISTIO, "istiod", "rev.validation.istio.io", failurePolicy="Ignore"),
        hook("Mutating", INJECTOR, ISTIO, "istiod", "namespace.sidecar-injector.istio.io", failurePolicy="Ignore"),
        service(KNATIVE, "webhook"),
        secret(KNATIVE, "webhook-certs"),
        deployment(KNATIVE, "webhook"),
        hook("Mutating", DEFAULTING, KNATIVE, "webhook", DEFAULTING),
        hook("Validating", CONFIG, KNATIVE, "webhook", CONFIG, rules=[]),
        service(JOBSET, "jobset-controller-manager"),
        secret(JOBSET, "jobset-certs"),
        mounting(JOBSET, "jobset-controller-manager", "jobset-certs"),
        hook("Mutating", "jobset", JOBSET, "jobset-controller-manager", "jobset.fights.test"),
    ]
    for one in objects:
        one["metadata"].setdefault("labels", {})["version"] = version
    return objects


class Live:
    """The configurations as the cluster has them."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def webhook(self, name: str) -> Manifest:
        kind = "validating" if name in (VALIDATOR, CONFIG) else "mutating"
        found = self.cluster.at(f"{kind}webhookconfiguration", name, "--show-managed-fields")
        return {"_": found, **found["webhooks"][0]}

    def written(self) -> bool:
        """Whether every backend has written what is its own."""
        return (
            self.webhook(VALIDATOR)["failurePolicy"] == "Fail"
            and len(self.webhook(DEFAULTING)["rules"]) == 10
            and len(self.webhook(CONFIG).get("rules") or []) == 1
            and all(bundles(self.webhook(name)["_"]) for name in (VALIDATOR, INJECTOR, DEFAULTING, CONFIG, "jobset"))
        )


@pytest.fixture(scope="module")
def live(cluster: Cluster) -> Live:
    return Live(cluster)


@pytest.fixture(scope="module")
def stack(engine: Engine, cluster: Cluster, live: Live) -> automation.Stack:
    brought = engine.stack("fights", platform(*made("1")), cluster.plane.kubeconfig.read_text())
    brought.up()
    until(live.written, "the backends write their own")
    return brought


def test_backends_write_what_real_ones_write_under_their_names(stack: automation.Stack, live: Live) -> None:
    assert live.webhook(INJECTOR)["failurePolicy"] == "Ignore", "istiod writes the policy of validating webhooks only"
    assert live.webhook(DEFAULTING)["reinvocationPolicy"] == "IfNeeded"
    assert live.webhook(DEFAULTING)["clientConfig"]["service"]["path"] == "/defaulting"
    (owner,) = live.webhook(CONFIG)["_"]["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("Namespace", KNATIVE, False)
    writer: Callable[[str, str], set[str]] = lambda name, field: writers(live.webhook(name)["_"], field)  # noqa: E731
    assert writer(VALIDATOR, "failurePolicy") == {"pilot-discovery"}
    assert writer(DEFAULTING, "rules") == {"webhook"}
    assert writer("jobset", "caBundle") == {"manager"}
    assert set(live.cluster.at("secret", "jobset-certs", "-n", JOBSET)["data"]) == {
        "tls.crt",
        "tls.key",
        "ca.crt",
        "ca.key",
    }


def test_a_preview_shows_none_of_it_refreshed_or_not(stack: automation.Stack) -> None:
    assert changes(stack.preview()) == {}
    assert changes(stack.refresh()) == {}
    assert changes(stack.preview()) == {}


def test_after_another_version_backends_have_their_own_again(
    stack: automation.Stack, live: Live, cluster: Cluster
) -> None:
    stack.workspace.program = program(platform(*made("2")), cluster.plane.kubeconfig.read_text())
    assert changes(stack.preview()) == {"update": len(made("2"))}
    assert changes(stack.up()) == {"update": len(made("2"))}
    until(live.written, "the backends write their own again")
    assert changes(stack.refresh()).keys() <= {"update"}
    assert changes(stack.preview()) == {}
    assert changes(stack.up()) == {}
    stack.destroy()


def scaled(image: str) -> list[Manifest]:
    """A Deployment that an autoscaler keeps at three pods or more, and one that it does not know."""
    made = [deployment("scaled", name) for name in ("web", "edited")]
    for one in made:
        one["spec"]["template"]["spec"]["containers"][0]["image"] = image
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "scaled"},
        "spec": {"minReplicas": 3, "maxReplicas": 5, "scaleTargetRef": target},
    }
    return [namespace("scaled"), *made, autoscaler]


def test_an_autoscalers_number_stays_and_a_persons_is_taken_back_or_told(engine: Engine, cluster: Cluster) -> None:
    given = cluster.plane.kubeconfig.read_text()

    def replicas(name: str) -> int:
        return int(cluster.at("deployment", name, "-n", "scaled")["spec"]["replicas"])

    def scale() -> None:
        assert cluster.run("scale", "-n", "scaled", "deployment/edited", "--replicas=2").returncode == 0

    stack = engine.stack("scaled", platform(*scaled("one")), given)
    stack.up()
    until(lambda: replicas("web") == 3, "the autoscaler brings it to its minimum")
    scale()
    stack.workspace.program = program(platform(*scaled("two")), given)
    assert changes(stack.up()) == {"update": 2}
    assert (replicas("web"), replicas("edited")) == (3, 1)
    stack.refresh()
    assert changes(stack.preview()) == {}
    scale()
    refusing = engine.stack("scaled", platform(*scaled("three"), forced=False), given, forced=False)
    with pytest.raises(automation.CommandError, match=r'conflict with "kubectl"[^:]*: \.spec\.replicas'):
        refusing.up()
    assert (replicas("web"), replicas("edited")) == (3, 2)
    stack.destroy()
