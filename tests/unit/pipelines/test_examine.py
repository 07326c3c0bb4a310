"""Runs compared and traced, from a Kubeflow and from this machine."""

import html
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipelines import comparison, history, lineage, plot
from pipelines.__main__ import main
from pipelines.record import Artifact, Execution, Record, confusion, curves, metrics
from tests.unit import browser
from tests.unit.pipelines.kubeflow_server import Kubeflow

IMAGE = ["--image", "registry.example.com/pipeline:1"]
At = Callable[..., int]
CONFUSION = {
    "annotationSpecs": [{"displayName": "card"}, {"displayName": "loan"}],
    "rows": [{"row": [8, 1]}, {"row": [2, 9]}],
}


def record(name: str, scores: dict[str, float], **parameters: Any) -> Record:
    """A run of two steps: one makes a dataset of a file, the other learns from it."""
    made = {
        "data": Artifact(id="data", name="load.dataset", kind="system.Dataset", uri="s3://b/data"),
        "model": Artifact(id="model", name="train.model", kind="system.Model", uri="s3://b/model", metadata={"f": 1}),
        "scores": Artifact(id="scores", name="scores", kind="system.Metrics", uri="s3://b/scores", metadata=scores),
        "logs": Artifact(id="logs", name="logs", kind="system.Artifact", uri="", metadata={"curves": {"loss": [3, 2]}}),
        "table": Artifact(
            id="table",
            name="table",
            kind="system.ClassificationMetrics",
            uri="",
            metadata={"confusionMatrix": CONFUSION},
        ),
        "other": Artifact(id="other", name="other", kind="system.HTML", uri="s3://b/</script>.html"),
    }
    load = Execution(
        id="1",
        step="load",
        state="succeeded",
        seconds=2.0,
        inputs={"source": "s3://b/raw.csv"},
        writes={"d": ("data",)},
    )
    train = Execution(
        id="2",
        step="train",
        state="succeeded",
        seconds=61.5,
        inputs={"seed": 7.0},
        outputs={"rows": 12.0},
        reads={"dataset": ("data",)},
        writes={"model": ("model",), "scores": ("scores",), "logs": ("logs",), "table": ("table",)},
    )
    report = Execution(id="3", step="report", state="failed", reads={"dataset": ("data",)}, writes={"r": ("other",)})
    began = datetime(2026, 11, 2, 9, tzinfo=UTC)
    return Record(
        id=name,
        name=name,
        pipeline="p",
        state="succeeded",
        parameters=parameters,
        executions=(load, train, report),
        artifacts=made,
        started=began,
        ended=began + timedelta(seconds=90),
    )


def test_what_a_run_measured() -> None:
    found = record("a", {"R2": 0.5, "note": "text", "good": True})  # type: ignore[dict-item]
    assert metrics(found) == {"R2": 0.5}
    assert curves(found) == {"loss": [3, 2]}
    assert confusion(found) == (["card", "loan"], [[8, 1], [2, 9]])


def test_rows_hold_a_value_for_each_run_and_notes_name_what_is_missing() -> None:
    compared = comparison.compare([record("a", {"R2": 0.5, "MAE": 3.0}, seed=1), record("b", {"R2": 0.75}, seed=2)])
    assert compared.sections["parameters"] == {"seed": (1, 2)}
    assert compared.sections["metrics"] == {"R2": (0.5, 0.75), "MAE": (3.0, None)}
    assert compared.sections["seconds"]["train"] == (61.5, 61.5)
    assert compared.sections["seconds"]["in all"] == (90.0, 90.0)
    assert compared.notes == ("Metric 'MAE' is missing in b.",)
    assert json.loads(comparison.as_json(compared))["metrics"]["R2"] == [0.5, 0.75]


def test_the_picture_shows_metrics_curves_and_confusion(tmp_path: Path) -> None:
    plot.compare([record("a", {"R2": 0.5}), record("b", {"R2": 0.75})], tmp_path / "c.png")
    with Image.open(tmp_path / "c.png") as image:
        assert image.format == "PNG"
        assert image.size == (1890, 1020)  # metric, curves and two matrices, in rows of three
        colours = image.convert("RGB").getcolors(1 << 20)
    assert colours
    found = {colour for count, colour in colours if count > 500}
    assert {(31, 119, 180), (255, 127, 14)} <= found, "both runs' colours"


def _runs(at: At, kubeflow: Kubeflow, capsys: Any) -> None:
    for count, score in ((3, 0.5), (5, 0.75)):
        kubeflow.api.metrics = {"R2": score}
        assert at("run", "salary", *IMAGE, "--param", f"months={count}", *_FILES) == 0
    capsys.readouterr()


_FILES = ["--param", "dataset=s3://b/raw.csv", "--param", "model=s3://b/m.joblib"]


def test_runs_of_a_kubeflow_side_by_side(at: At, kubeflow: Kubeflow, capsys: Any, tmp_path: Path) -> None:
    _runs(at, kubeflow, capsys)
    assert at("compare", "run-1", "run-2", "--picture", str(tmp_path / "c.png")) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[:2] == [["A", "run-1"], ["B", "run-2"]]
    assert ["months", "3", "5"] in lines
    assert ["R2", "0.5", "0.75"] in lines
    assert ["seed", "0", "0"] in lines, "a parameter that nobody gave has its default"
    assert ["evaluate", "2.50", "2.50"] in lines
    assert (tmp_path / "c.png").exists()
    assert at("compare", "run-1", "run-2", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["runs"] == ["run-1", "run-2"]


def test_the_lineage_of_a_run_and_of_an_artifact(at: At, kubeflow: Kubeflow, capsys: Any) -> None:
    _runs(at, kubeflow, capsys)
    assert at("lineage", "run-1") == 0
    out = capsys.readouterr().out
    assert "train  succeeded  2.5 s" in out
    assert "  makes  model (Model) s3://bucket/run-1/train/model" in out
    model = next(one.id for one in kubeflow.api.artifacts if one.uri.endswith("run-2/train/model"))
    assert at("lineage", str(model), "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["step"] for one in found["executions"]] == ["load", "split", "train"], "no step after it, no other run"
    assert {one["uri"].rpartition("/")[2] for one in found["artifacts"].values()} == {
        "dataset",
        "train_set",
        "test_set",
        "model",
    }


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["compare", "run-1"], "Name two to 10 runs to compare, each once."),
        (["compare", "run-1", "run-1"], "Name two to 10 runs to compare, each once."),
        (["compare", "run-1", "run-9"], "There is no run 'run-9' at {url}."),
        (["lineage", "run-9"], "There is no run 'run-9' at {url}."),
        (["lineage", "999"], "There is no artifact 999 at {url}."),
        (
            ["compare", "run-1", "run-2", "--picture", "/nowhere/c.png"],
            "'/nowhere/c.png' cannot be written: No such file or directory.",
        ),
    ],
)
def test_what_cannot_be_looked_at(words: list[str], sentence: str, at: At, kubeflow: Kubeflow, capsys: Any) -> None:
    for _ in range(2):
        assert at("run", "sequential", *IMAGE) == 0
    capsys.readouterr()
    assert at(*words) == 1
    assert capsys.readouterr().err == f"error: {sentence.format(url=kubeflow.url)}\n"


def test_a_kubeflow_without_a_metadata_store(at: At, kubeflow: Kubeflow, capsys: Any) -> None:
    assert at("run", "sequential", *IMAGE) == 0
    kubeflow.metadata_is_there = False
    capsys.readouterr()
    assert at("lineage", "run-1") == 1
    assert "has no metadata store (404 at /ml_metadata.MetadataStoreService)" in capsys.readouterr().err


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with two runs on it."""
    monkeypatch.setenv("KUBEFLOW_LOCAL_ROOT", str(tmp_path))
    for name, score in (("p-1", 0.5), ("p-2", 0.75)):
        folder = tmp_path / ".local" / "pipelines" / name
        folder.mkdir(parents=True)
        history.write(record(name, {"R2": score}), folder)
    return tmp_path


def test_runs_on_this_machine(here: Path, capsys: Any) -> None:
    (here / ".local/pipelines/p-3").mkdir()
    (here / ".local/pipelines/p-3/run.json").write_text("{half")
    assert main(["runs", "--local"]) == 0
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()} == {"p-1", "p-2"}
    assert main(["compare", "p-1", "p-2", "--local"]) == 0
    assert ["R2", "0.5", "0.75"] in [line.split() for line in capsys.readouterr().out.splitlines()]
    assert main(["lineage", "train.model", "--local"]) == 0
    out = capsys.readouterr().out
    assert "source = s3://b/raw.csv" in out
    assert "report" not in out
    assert main(["lineage", "p-9", "--local"]) == 1
    assert "There is no run or artifact 'p-9'" in capsys.readouterr().err
    assert main(["compare", "p-1", "p-3", "--local"]) == 1
    assert "The record of run 'p-3'" in capsys.readouterr().err


def test_the_page_in_a_browser(tmp_path: Path) -> None:
    script = """
      const seen = {}, node = (id) => document.querySelector(`[data-id="${id}"]`);
      seen.nodes = document.querySelectorAll(".node").length;
      seen.lines = document.querySelectorAll("svg path").length;
      seen.left = ["es3", "ls3://b/raw.csv", "e1", "adata", "e2", "amodel"].map((id) => node(id)?.offsetLeft ?? -1);
      node("amodel").click();
      seen.marked = [...document.querySelectorAll(".node.marked")].map((e) => e.dataset.id);
      seen.markedLines = document.querySelectorAll("path.marked").length;
      seen.detail = document.getElementById("detail").textContent;
      node("e2").click();
      seen.step = document.getElementById("detail").textContent;
      seen.parameters = document.getElementById("parameters").textContent;
      seen.fetched = performance.getEntriesByType("resource").length;
      document.body.dataset.report = "REPORT" + JSON.stringify(seen) + "END";
    """
    content = lineage.page(lineage.of_run(record("<run> & more", {"R2": 0.5}, seed=7)))
    file = tmp_path / "page.html"
    file.write_text(content.replace("</body>", f"<script>{{ {script} }}</script></body>"))
    dom = browser.document(file.as_uri(), tmp_path / "profile")
    found = re.search(r"REPORT(.*?)END", dom, re.DOTALL)
    assert found, "the page's script never ended"
    seen = json.loads(html.unescape(found[1]))
    assert seen["nodes"] == 3 + 6 + 1
    assert seen["lines"] == 9
    absent, *left = seen["left"]
    assert absent == -1
    assert left == sorted(left)
    assert len(set(left)) == len(left), "the raw data, steps and artifacts stand from left to right"
    assert set(seen["marked"]) == {"ls3://b/raw.csv", "e1", "adata", "e2", "amodel"}
    assert seen["markedLines"] == 4
    assert "s3://b/model" in seen["detail"]
    assert "parameter seed" in seen["step"]
    assert seen["parameters"] == "seed = 7"
    assert seen["fetched"] == 0
