"""Real releases from end to end: everything Available, nothing refused, nothing to change, nothing left.

26.03 has pods that start at once; those of 1.10.2 take 6 to 18 s, as when images are pulled. Kubeflow Pipelines by
itself is without Istio and cert-manager. It and 26.03 are changed in all of their objects by a run that is killed.
"""

from collections.abc import Iterator

import pytest

from localcloud import emulator, plane
from localcloud.aws.record import recorded_kinds
from ops.audit import Report
from tests.local.stack import Checkout, changes, checked_out, now, objects, release, unavailable, world
from tests.local.test_interrupted import cut

ALONE = "pipelines-2.16.0"
RELEASES = {"26.03": "instant", ALONE: "instant", "1.10.2": "realistic"}

RELABELLED = """\
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
labels:
- pairs: {test.dev/relabelled: "yes"}
"""

# istiod writes its root certificate into every namespace, those of others too, and takes it from none.
LEFT_BY_ISTIO = {f"v1/ConfigMap/{name}/istio-ca-root-cert" for name in ("default", "kube-system")}


class Run:
    """One release, brought up."""

    def __init__(self, checkout: Checkout, pods: str) -> None:
        self.checkout, self.pods = checkout, pods
        emulator.start(checkout.root)
        self.before = world(checkout)
        begun = now()
        checkout.environment[plane.PACE] = "0.3"
        self.said = checkout.must("up", "--pods", pods)
        self.asked: Report = checkout.audit(begun)
        self.sent = sum("kubernetes:" in urn and "Patch::" not in urn for urn in checkout.resources())


@pytest.fixture(scope="module", params=RELEASES, ids=[f"{name}, pods {pods}" for name, pods in RELEASES.items()])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    manifests = release(request.param)
    with checked_out(tmp_path_factory.mktemp("release"), manifests) as checkout:
        checkout.configure({"kubeflowRelease": request.param})
        yield Run(checkout, RELEASES[request.param])


def test_every_deployment_is_available(run: Run) -> None:
    assert unavailable(run.checkout.cluster()) == []
    assert "objects in" in run.said


def test_every_object_was_sent_once_and_nothing_was_refused(run: Run) -> None:
    assert [str(one) for one in run.asked.refused] == []
    assert [str(one) for one in run.asked.refused_calls] == []
    assert run.asked.calls > 10 or run.checkout.manifests == release(ALONE), "it has no webhooks of its own"
    # The provider itself is one; the rest was one request each.
    assert run.asked.requests["patch", 201] in {run.sent, run.sent - 1}


def test_a_following_preview_is_empty(run: Run) -> None:
    assert changes(run.checkout.must("preview", "--pods", run.pods)).keys() == {"unchanged"}


def test_backends_have_written_their_own(run: Run) -> None:
    """istiod closes its validation, and Knative asks about one kind a rule: neither is what the release renders."""
    cluster = run.checkout.cluster()
    found = {
        one["metadata"]["name"]: (one["metadata"].get("labels") or {}, one["webhooks"])
        for kind in ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
        for one in (cluster.get(kind) or {"items": []})["items"]
    }
    for name, (labels, hooks) in found.items():
        assert all(hook["clientConfig"].get("caBundle") for hook in hooks), name
        if "istio.io/rev" in labels:
            assert {hook["failurePolicy"] for hook in hooks} == {"Fail"}, name
        if name in ("webhook.serving.knative.dev", "validation.webhook.serving.knative.dev"):
            assert len(hooks[0]["rules"]) == 10, name


def test_a_preview_that_refreshes_is_empty_too(run: Run) -> None:
    mark = emulator.forgotten(run.checkout.root)
    mark.touch()
    try:
        assert changes(run.checkout.must("preview", "--pods", run.pods)).keys() == {"unchanged"}
    finally:
        mark.unlink()


@pytest.mark.parametrize("run", ["26.03", ALONE], indirect=True)
def test_a_change_of_every_object_goes_on_after_a_kill(run: Run) -> None:
    checkout, begun = run.checkout, now()
    before = objects(checkout.cluster())
    component = checkout.root / "relabelled"
    component.mkdir()
    (component / "kustomization.yaml").write_text(RELABELLED)
    checkout.configure({"kubeflowComponents": ["relabelled"]})
    assert cut(checkout, "up", "program", run.sent / 200)
    went_on = changes(checkout.must("up", "--pods", run.pods))
    assert 0 < went_on["update"] < run.sent
    assert went_on.keys() <= {"update", "unchanged"}
    assert [str(one) for one in checkout.audit(begun).refused] == []
    assert changes(checkout.must("preview", "--pods", run.pods)).keys() == {"unchanged"}
    assert unavailable(checkout.cluster()) == []
    assert before <= objects(checkout.cluster())


def test_destroy_leaves_nothing(run: Run) -> None:
    run.checkout.must("destroy")
    cluster = run.checkout.cluster()
    assert {one["metadata"]["name"] for one in cluster.at("namespaces")["items"]} == {
        "default",
        "kube-node-lease",
        "kube-public",
        "kube-system",
    }
    assert world(run.checkout) ^ run.before <= LEFT_BY_ISTIO
    assert run.checkout.resources() == {}
    assert recorded_kinds(emulator.record(run.checkout.root)) == {}
