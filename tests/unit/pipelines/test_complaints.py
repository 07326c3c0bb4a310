"""The steps of `complaints` as plain functions: what they find, what they refuse, and that nothing is half done."""

import http.server
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
import pandas as pd
import pytest
from botocore.exceptions import ClientError
from kfp import dsl

from pipelines.samples import complaints as sample
from pipelines.steps import complaints, reports
from tests.unit.pipelines import kubernetes_server
from tests.unit.pipelines.kubernetes_server import Kubernetes

Problem = Callable[[Callable[[], Any]], str]


def _problem(call: Callable[[], Any]) -> str:
    """The one sentence that a step refuses with."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the tests look at the whole sentence)
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


class Bench:
    """A folder in which steps run one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.models = str(folder / "models")

    def artifact(self, kind: Any, name: str) -> Any:
        """An artifact in the folder."""
        return kind(uri=str(self.folder / name), metadata={})

    def data(self, content: bytes) -> tuple[Any, Any]:
        """The dataset and its statistics."""
        (self.folder / "raw.csv").write_bytes(content)
        dataset = self.artifact(dsl.Dataset, "dataset")
        complaints.ingest.python_func(source=str(self.folder / "raw.csv"), dataset=dataset)
        summary = self.artifact(dsl.Artifact, "summary")
        complaints.statistics.python_func(
            dataset=dataset, summary=summary, report=self.artifact(dsl.HTML, "statistics.html")
        )
        return dataset, summary

    def problems(self, summary: Any) -> str:
        """What validation says of statistics."""
        expected = self.artifact(dsl.Artifact, "expected")
        complaints.schema.python_func(summary=summary, models=self.models, expected=expected)
        said: str = complaints.validate.python_func(
            summary=summary,
            expected=expected,
            models=self.models,
            drift_limit=0.2,
            report=self.artifact(dsl.HTML, "validation.html"),
        )
        return said

    def learn(self, dataset: Any, seed: int = 0, epochs: int = 4) -> tuple[Any, Any, Any]:
        """The test set, a model and its logs."""
        train_set, test_set = self.artifact(dsl.Dataset, "train"), self.artifact(dsl.Dataset, "test")
        complaints.transform.python_func(
            dataset=dataset, test_share=0.25, seed=seed, train_set=train_set, test_set=test_set
        )
        model, logs = self.artifact(dsl.Model, "model"), self.artifact(dsl.Artifact, "logs")
        complaints.train.python_func(
            train_set=train_set, epochs=epochs, seed=seed, board=str(self.folder / "board"), model=model, logs=logs
        )
        return test_set, model, logs

    def judge(self, test_set: Any, model: Any) -> tuple[bool, dict[str, float]]:
        """Whether a model is blessed, and its metrics."""
        metrics, confusion = self.artifact(dsl.Metrics, "m"), self.artifact(dsl.ClassificationMetrics, "c")
        blessed = complaints.evaluate.python_func(
            test_set=test_set,
            model=model,
            models=self.models,
            least=0.6,
            metrics=metrics,
            confusion=confusion,
            report=self.artifact(dsl.HTML, "evaluation.html"),
        )
        assert len(confusion.metadata["confusionMatrix"]["rows"]) == 4
        return blessed, dict(metrics.metadata)

    def push(self, model: Any, summary: Any) -> tuple[str, Any]:
        """The place of a new version."""
        pushed = self.artifact(dsl.Model, "pushed")
        expected = self.artifact(dsl.Artifact, "expected")
        uri: str = complaints.push.python_func(
            model=model, summary=summary, expected=expected, models=self.models, pushed=pushed
        )
        return uri, pushed

    def register(self, uri: str, pushed: Any, registry: str = "") -> None:
        """Make a version the one in production."""
        complaints.register.python_func(
            uri=uri, pushed=pushed, models=self.models, registry=registry, name="complaints", probed="x"
        )

    def in_production(self) -> Any:
        """What the pointer says."""
        return json.loads((self.folder / "models" / "production.json").read_text())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A bench on which a model was learned and put into production."""
    bench = Bench(tmp_path_factory.mktemp("learned"))
    dataset, summary = bench.data(sample.content())
    assert bench.problems(summary) == ""
    _, model, _ = bench.learn(dataset)
    uri, pushed = bench.push(model, summary)
    bench.register(uri, pushed)
    return bench


@pytest.fixture
def produced(learned: Bench, bench: Bench) -> Bench:
    """A bench of the test's own with a model in production."""
    shutil.copytree(learned.folder, bench.folder, dirs_exist_ok=True)
    pointer = bench.folder / "models" / "production.json"
    pointer.write_text(pointer.read_text().replace(str(learned.folder), str(bench.folder)))
    return bench


def test_the_sample_is_the_same_every_time() -> None:
    assert sample.content() == sample.content()
    table = pd.read_csv(pd.io.common.BytesIO(sample.content()))
    assert list(table.columns) == ["text", "product", "channel"]
    assert len(table) == 600


def test_a_folder_of_files_is_one_table(bench: Bench) -> None:
    for name, seed in (("a", 1), ("b", 2)):
        (bench.folder / f"{name}.csv").write_bytes(sample.content(rows=5, seed=seed))
    dataset = bench.artifact(dsl.Dataset, "dataset")
    complaints.ingest.python_func(source=f"{bench.folder}/", dataset=dataset)
    assert len(pd.read_csv(dataset.path)) == 10
    assert dataset.metadata["files"] == 2
    (bench.folder / "c.csv").write_text("text,label\na,b\n")
    assert "has other columns than" in _problem(
        lambda: complaints.ingest.python_func(source=f"{bench.folder}/", dataset=dataset)
    )
    (bench.folder / "empty").mkdir()
    assert "There is no CSV under" in _problem(
        lambda: complaints.ingest.python_func(source=f"{bench.folder}/empty/", dataset=dataset)
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda table: table.drop(columns="channel"), "column channel is missing"),
        (lambda table: table.rename(columns={"channel": "way"}), "column channel is missing; column way is new"),
        (lambda table: table.assign(product="card"), "column product has unknown values: card"),
        (
            lambda table: table.assign(channel=table["channel"].where(table.index > 99)),
            "column channel is empty in 17%",
        ),
        (lambda table: table.assign(text="same"), "column text holds category instead of text"),
        (lambda table: table.assign(channel="web"), "column channel drifted: phone by -"),
    ],
)
def test_a_broken_schema_and_a_drift_end_the_run_with_a_report(change: Any, problem: str, produced: Bench) -> None:
    table = pd.read_csv(produced.folder / "raw.csv", dtype=str)
    before = produced.in_production()
    _, summary = produced.data(change(table).to_csv(index=False).encode())
    said = produced.problems(summary)
    assert problem in said
    assert problem.split(";")[0] in (produced.folder / "validation.html").read_text()
    refused = _problem(lambda: complaints.accept.python_func(problems=said))
    assert refused == f"The data is not as expected: {said}; look at the report of `validate`."
    assert produced.in_production() == before


def test_training_is_repeatable_and_tensorboard_reads_its_event_files(bench: Bench) -> None:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    dataset, _ = bench.data(sample.content())
    _, model, logs = bench.learn(dataset, seed=3)
    first = joblib.load(model.path).named_steps["classifier"].coef_
    curves = logs.metadata["curves"]
    assert set(curves) == {"train loss", "validation loss"}
    assert curves["train loss"][-1] < curves["train loss"][0]
    (copied,) = (bench.folder / "board").iterdir()
    read = [
        (event.step, value.tag, round(value.tensor.float_val[0], 5))
        for event in EventFileLoader(str(copied)).Load()
        for value in event.summary.value
    ]
    assert [one for one in read if one[1] == "loss/train"] == [
        (step, "loss/train", pytest.approx(value, abs=1e-5)) for step, value in enumerate(curves["train loss"], 1)
    ]
    _, model, again = bench.learn(dataset, seed=3)
    assert (joblib.load(model.path).named_steps["classifier"].coef_ == first).all()
    assert again.metadata["curves"] == curves


def test_a_model_is_blessed_only_if_it_is_better_than_the_one_in_production(produced: Bench) -> None:
    test_set, model = produced.artifact(dsl.Dataset, "test"), produced.artifact(dsl.Model, "model")
    blessed, metrics = produced.judge(test_set, model)
    assert not blessed
    assert metrics["accuracy"] == metrics["accuracy in production"]
    assert {"macro F1", "accuracy of web", "accuracy of phone", "accuracy of letter"} <= set(metrics)
    assert "Not blessed" in (produced.folder / "evaluation.html").read_text()
    poor = produced.folder / "models" / "0001" / "model.joblib"
    fitted = joblib.load(poor)
    fitted.named_steps["classifier"].coef_ *= -1
    joblib.dump(fitted, poor)
    assert produced.judge(test_set, model)[0]


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
    said = _problem(lambda: produced.push(produced.artifact(dsl.Model, "model"), summary))
    assert "model.joblib' cannot be written" in said
    assert [path.name for path in (produced.folder / "models" / "0002").iterdir() if path.is_file()] == []
    assert produced.in_production()["version"] == 1


def test_a_report_of_50_mb(tmp_path: Path) -> None:
    rows = [["value"], *(["x" * 1000] for _ in range(50_000))]
    said = _problem(lambda: reports.write_report(str(tmp_path / "r.html"), "Statistics", {"": rows}))
    assert said == (
        "The report 'Statistics' has 51 MB, and 10 are shown at most; give the dataset fewer columns or values."
    )
    assert not (tmp_path / "r.html").exists()


def test_what_a_report_shows_is_text(tmp_path: Path) -> None:
    reports.write_report(str(tmp_path / "r.html"), "A & B", {"s": [["<script>alert(1)</script>"]]})
    assert "<script>" not in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("yes\n", None),
        ("no", "{file!r} says 'no', which is not yes; the model is not pushed."),
        (None, "Nobody wrote yes into {file!r} within 0 minutes; the model is not pushed."),
    ],
)
def test_a_persons_word(said: str | None, sentence: str | None, tmp_path: Path) -> None:
    file = str(tmp_path / "approval")
    if said is not None:
        Path(file).write_text(said)
    if sentence is None:
        complaints.approve.python_func(approval=file, minutes=0.0)
    else:
        assert _problem(lambda: complaints.approve.python_func(approval=file, minutes=0.0)) == sentence.format(
            file=file
        )


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
    said = _problem(lambda: _probe("s3://b/models/0002/", served, seconds=0.2))
    assert said == (
        "The probe failed: the model did not answer within 0.2 s; team-ada/complaints serves what it served before."
    )
    assert _served(kubernetes) == "s3://b/models/0001/"


def test_a_service_that_does_not_become_ready(kubernetes: Kubernetes, model_server: Callable[[float], str]) -> None:
    said = _problem(lambda: _serve("s3://b/models/0001/", minutes=0.002))
    assert said == (
        "InferenceService team-ada/complaints was not ready within 0.002 minutes; it serves what it served before."
    )
    assert _served(kubernetes) is None, "there was none before"
    kubernetes.url = model_server(0)
    _serve("s3://b/models/0001/")
    kubernetes.url = None
    _problem(lambda: _serve("s3://b/models/0002/", minutes=0.002))
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
        _problem(lambda: complaints.serve.python_func(uri=uri, service=service, image="i", server="s", minutes=0.0))
        == sentence
    )


def test_a_service_account_that_may_not(kubernetes: Kubernetes) -> None:
    kubernetes.refuses.add("inferenceservices")
    assert _problem(lambda: _serve("s3://b/m/")) == (
        "Kubernetes refuses InferenceService team-ada/complaints (403 Forbidden); grant it to default-editor."
    )


def test_a_tensorboard_for_the_dashboard(kubernetes: Kubernetes, bench: Bench) -> None:
    def make(board: str = "s3://b/logs/", name: str = "team-ada/complaints") -> None:
        logs = bench.artifact(dsl.Artifact, "logs")
        complaints.show_board.python_func(logs=logs, board=board, tensorboard=name)

    make()
    make()
    assert kubernetes.objects["tensorboards/complaints"]["spec"] == {"logspath": "s3://b/logs/"}
    assert _problem(lambda: make(board="")).startswith("tensorboard is 'team-ada/complaints'")


def test_without_a_service_the_server_itself_is_probed_here(produced: Bench) -> None:
    import inspect

    from pipelines.steps.complaints import server

    source = inspect.getsource(server)
    uri = produced.in_production()["uri"]
    said = complaints.probe.python_func(uri=uri, service="", served="", server=source, seconds=20.0)
    assert said == "credit card, mortgage"
    broken = _problem(
        lambda: complaints.probe.python_func(uri=uri, service="", served="", server="exit()", seconds=1.0)
    )
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
    said = _problem(lambda: produced.register(uri, pushed, f"http://127.0.0.1:{server.server_port}"))
    assert said.startswith("Version 2 is in production, and Model Registry at http://127.0.0.1:")
