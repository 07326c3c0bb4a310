"""Real releases from end to end: everything Available, nothing refused, nothing to change, nothing left.

26.03 has pods that start at once; those of 1.10.2 take 6 to 18 s, as when images are pulled. Kubeflow Pipelines by
itself is without Istio and cert-manager. It and 26.03 are changed in all of their objects by a run that is killed. On
the plane of 26.03 no pod starts whose image is not from the account's own registry.
"""

import base64
import json
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import pytest

from localcloud import emulator, plane
from localcloud.aws.record import recorded_kinds
from ops.audit import Report
from tests.local import sealed
from tests.local.cluster import Cluster
from tests.local.stack import Checkout, changes, checked_out, now, objects, release, unavailable, world
from tests.local.test_interrupted import cut
from tests.unit.kubeflow.culling import notebook, program_of_culling

ALONE = "pipelines-2.16.0"
RELEASES = {"26.03": "instant", ALONE: "instant", "1.10.2": "realistic"}

SEALED = "26.03"

CULLING = {"notebooksIdleMinutes": 60, "notebooksGpuIdleMinutes": 30}

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
        if checkout.manifests == release(SEALED):
            sealed.seal(checkout, SEALED)
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
        checkout.configure({"kubeflowRelease": request.param, **(CULLING if request.param == "26.03" else {})})
        yield Run(checkout, RELEASES[request.param])


def server(cluster: Cluster) -> tuple[str, str]:
    """The API server's host and port."""
    at = urlsplit(cluster.plane.server)
    return str(at.hostname), str(at.port)


def as_pod(cluster: Cluster, account: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program of manifests/culling, which finds what a pod with that service account would."""
    host, port = server(cluster)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    token = cluster.run("create", "token", account, "-n", "kubeflow")
    assert token.returncode == 0, token.stderr
    (folder / "token").write_text(token.stdout)
    kubeconfig = json.loads(cluster.run("config", "view", "--raw", "-o", "json").stdout)
    authority = kubeconfig["clusters"][0]["cluster"]
    given = authority.get("certificate-authority-data")
    content = base64.b64decode(given) if given else Path(authority["certificate-authority"]).read_bytes()
    (folder / "ca.crt").write_bytes(content)
    program = program_of_culling()
    monkeypatch.setattr(program, "ACCOUNT", folder)
    return program


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


@pytest.mark.parametrize("run", [SEALED], indirect=True)
def test_no_image_of_what_controllers_start_is_from_elsewhere(run: Run) -> None:
    """That nothing of the release was refused, and all of it is Available, is above."""
    cluster = run.checkout.cluster()
    started = sealed.started(cluster)
    assert {what: len(images) for what, images in started.items()} == {
        "notebooks": 8,
        "steps of pipelines": 3,
        "boards": 2,
        "trials": 13,
        "models": 25,
        "proxies": 1,
        "jobs of trainers": 6,
        "solvers and viewers": 2,
    }
    assert {what: sealed.refused(cluster, images) for what, images in started.items()} == {what: [] for what in started}
    assert sealed.refused(cluster, ["quay.io/argoproj/argoexec:v3.7.3", "mysql:8.4"]) == [
        "quay.io/argoproj/argoexec:v3.7.3",
        "mysql:8.4",
    ]


@pytest.mark.parametrize("run", ["26.03"], indirect=True)
def test_idle_notebooks_with_a_gpu_are_stopped_by_who_may_do_that_alone(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = run.checkout.cluster()
    [configured] = [
        one["data"] for one in cluster.at("configmaps", "-n", "kubeflow")["items"] if "CULL_IDLE_TIME" in one["data"]
    ]
    assert (configured["ENABLE_CULLING"], configured["CULL_IDLE_TIME"]) == ("true", "60")
    job = cluster.at("cronjob", "notebook-culling", "-n", "kubeflow")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert "/ghcr.io/kubeflow/kubeflow/jupyter-web-app:" in job["containers"][0]["image"]
    cluster.apply(
        notebook("long", gpus=1, idle=45), notebook("short", gpus=1, idle=15), notebook("without", gpus=0, idle=45)
    )
    program = as_pod(cluster, job["serviceAccountName"], tmp_path, monkeypatch)
    monkeypatch.setenv("IDLE_MINUTES", job["containers"][0]["env"][0]["value"])
    assert program.main() == 0
    noted = {one["metadata"]["name"]: one["metadata"]["annotations"] for one in cluster.at("notebooks", "-A")["items"]}
    assert [name for name, notes in noted.items() if program.STOPPED in notes] == ["long"]
    with pytest.raises(urllib.error.HTTPError, match="403"):
        program.Api(*server(cluster)).ask("/api/v1/namespaces/kubeflow/secrets")
    cluster.delete("notebooks", "--all", "-n", "kubeflow")


@pytest.mark.parametrize("run", ["26.03", ALONE], indirect=True)
def test_a_change_of_every_object_goes_on_after_a_kill(run: Run) -> None:
    checkout, begun = run.checkout, now()
    before = objects(checkout.cluster())
    component = checkout.root / "relabelled"
    component.mkdir()
    (component / "kustomization.yaml").write_text(RELABELLED)
    checkout.configure({"kubeflowComponents": ["relabelled"]})
    # Some three seconds are enough for all of it on a machine that does nothing else.
    assert cut(checkout, "up", "program", run.sent / 400)
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
