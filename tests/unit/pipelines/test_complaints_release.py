"""The steps of `complaints` that release a model: nothing is half done, and what is served stays until that answers."""

import http.server
import inspect
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from kfp import dsl

from pipelines.steps import complaints, reports
from pipelines.steps.complaints import server as model_server_source
from tests.unit.pipelines import kubernetes_server
from tests.unit.pipelines.bench import Bench, problem
from tests.unit.pipelines.kubernetes_server import Kubernetes


def test_the_first_run_on_a_bucket_where_a_read_of_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 answers 403 to a read of what is not there unless the role may list; a runner may not, then."""

    class Bucket:
        def get_object(self, **about: str) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")

        def list_objects_v2(self, **about: Any) -> Any:
            assert about["Prefix"] == "private/ada/models/production.json"
            return {}

    monkeypatch.setattr("pipelines.steps.shared.s3_client", Bucket)
    assert reports.in_production("s3://b/private/ada/models") == {}


def test_a_push_that_fails_half_way_leaves_nothing(produced: Bench) -> None:
    summary = produced.artifact(dsl.Artifact, "summary")
    (produced.folder / "models" / "0002" / "model.joblib").mkdir(parents=True)
    said = problem(lambda: produced.push(produced.artifact(dsl.Model, "model"), summary))
    assert "model.joblib' cannot be written" in said
    assert [path.name for path in (produced.folder / "models" / "0002").iterdir() if path.is_file()] == []
    assert produced.in_production()["version"] == 1


# A server that answers as the model's does, or after a while.
@pytest.fixture
def model_server() -> Iterator[Callable[[float], str]]:
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(seconds: float) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

            def do_POST(self) -> None:
                time.sleep(seconds)
                body = b'{"predictions": ["credit card", "mortgage"]}'
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def kubernetes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kubernetes]:
    with kubernetes_server.serve(tmp_path) as (state, kubeconfig):
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))
        yield state


def _serve(uri: str, minutes: float = 0.05) -> str:
    said: str = complaints.serve.python_func(
        uri=uri, service="team-ada/complaints", image="i:1", server="source", minutes=minutes
    )
    return said


def _probe(uri: str, served: str, seconds: float = 5.0) -> str:
    said: str = complaints.probe.python_func(
        uri=uri, service="team-ada/complaints", served=served, server="source", seconds=seconds
    )
    return said


def _served(kubernetes: Kubernetes) -> str | None:
    found = kubernetes.objects.get("inferenceservices/complaints")
    return found["spec"]["predictor"]["containers"][0]["env"][0]["value"] if found else None


def test_a_version_is_served_from_s3_as_the_service_account(
    kubernetes: Kubernetes, model_server: Callable[[float], str]
) -> None:
    kubernetes.url = model_server(0)
    served = _serve("s3://b/models/0001/")
    assert _served(kubernetes) == "s3://b/models/0001/"
    predictor = kubernetes.objects["inferenceservices/complaints"]["spec"]["predictor"]
    assert predictor["serviceAccountName"] == "default-editor"
    assert _probe("s3://b/models/0001/", served) == "credit card, mortgage"


def test_a_probe_that_times_out_leaves_the_old_model_served(
    kubernetes: Kubernetes, model_server: Callable[[float], str]
) -> None:
    kubernetes.url = model_server(0)
    _serve("s3://b/models/0001/")
    kubernetes.url = model_server(1.0)
    served = _serve("s3://b/models/0002/")
    assert _served(kubernetes) == "s3://b/models/0002/"
    said = problem(lambda: _probe("s3://b/models/0002/", served, seconds=0.2))
    assert said == (
        "The probe failed: the model did not answer within 0.2 s; team-ada/complaints serves what it served before."
    )
    assert _served(kubernetes) == "s3://b/models/0001/"


def test_a_service_that_does_not_become_ready(kubernetes: Kubernetes, model_server: Callable[[float], str]) -> None:
    said = problem(lambda: _serve("s3://b/models/0001/", minutes=0.002))
    assert said == (
        "InferenceService team-ada/complaints was not ready within 0.002 minutes; it serves what it served before."
    )
    assert _served(kubernetes) is None, "there was none before"
    kubernetes.url = model_server(0)
    _serve("s3://b/models/0001/")
    kubernetes.url = None
    problem(lambda: _serve("s3://b/models/0002/", minutes=0.002))
    assert _served(kubernetes) == "s3://b/models/0001/"


@pytest.mark.parametrize(
    ("uri", "service", "sentence"),
    [
        ("/tmp/m/", "a/b", "KServe cannot fetch '/tmp/m/'; give an s3:// prefix as `models`."),
        ("s3://b/m/", "b", "service is 'b'; write it as NAMESPACE/NAME."),
    ],
)
def test_what_cannot_be_served(uri: str, service: str, sentence: str) -> None:
    assert (
        problem(lambda: complaints.serve.python_func(uri=uri, service=service, image="i", server="s", minutes=0.0))
        == sentence
    )


def test_a_service_account_that_may_not(kubernetes: Kubernetes) -> None:
    kubernetes.refuses.add("inferenceservices")
    assert problem(lambda: _serve("s3://b/m/")) == (
        "Kubernetes refuses InferenceService team-ada/complaints (403 Forbidden); grant it to default-editor."
    )


def test_a_tensorboard_for_the_dashboard(kubernetes: Kubernetes, bench: Bench) -> None:
    def make(board: str = "s3://b/logs/", name: str = "team-ada/complaints") -> None:
        logs = bench.artifact(dsl.Artifact, "logs")
        complaints.show_board.python_func(logs=logs, board=board, tensorboard=name)

    make()
    make()
    assert kubernetes.objects["tensorboards/complaints"]["spec"] == {"logspath": "s3://b/logs/"}
    assert problem(lambda: make(board="")).startswith("tensorboard is 'team-ada/complaints'")


def test_without_a_service_the_server_itself_is_probed_here(produced: Bench) -> None:
    source = inspect.getsource(model_server_source)
    uri = produced.in_production()["uri"]
    said = complaints.probe.python_func(uri=uri, service="", served="", server=source, seconds=20.0)
    assert said == "credit card, mortgage"
    broken = problem(lambda: complaints.probe.python_func(uri=uri, service="", served="", server="exit()", seconds=1.0))
    assert broken == f"The probe failed: the server of {uri} does not start; production keeps its model."


def test_a_version_is_registered_once_it_is_in_production(produced: Bench) -> None:
    asked: list[tuple[str, str]] = []

    class Registry(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

        def take(self) -> None:
            asked.append((self.command, self.path.removeprefix("/api/model_registry/v1alpha3/")))
            body = b'{"id": "7"}'
            self.send_response(404 if self.command == "GET" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = take  # noqa: N815

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    uri, pushed = produced.push(produced.artifact(dsl.Model, "model"), produced.artifact(dsl.Artifact, "summary"))
    try:
        produced.register(uri, pushed, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
    assert asked == [
        ("GET", "registered_model?name=complaints"),
        ("POST", "registered_models"),
        ("POST", "model_versions"),
        ("POST", "model_versions/7/artifacts"),
    ]
    assert produced.in_production()["version"] == 2
    said = problem(lambda: produced.register(uri, pushed, f"http://127.0.0.1:{server.server_port}"))
    assert said.startswith("Version 2 is in production, and Model Registry at http://127.0.0.1:")
