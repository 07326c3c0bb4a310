"""The steps of `complaints` up to a verdict: what they find, what they refuse, and that they are repeatable."""

from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
import pandas as pd
import pytest
from kfp import dsl

from pipelines.samples import complaints as sample
from pipelines.steps import complaints, reports
from tests.unit.pipelines.bench import Bench, problem


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
    assert "has other columns than" in problem(
        lambda: complaints.ingest.python_func(source=f"{bench.folder}/", dataset=dataset)
    )
    (bench.folder / "empty").mkdir()
    assert "There is no CSV under" in problem(
        lambda: complaints.ingest.python_func(source=f"{bench.folder}/empty/", dataset=dataset)
    )


@pytest.mark.parametrize(
    ("change", "wrong"),
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
def test_a_broken_schema_and_a_drift_end_the_run_with_a_report(change: Any, wrong: str, produced: Bench) -> None:
    table = pd.read_csv(produced.folder / "raw.csv", dtype=str)
    before = produced.in_production()
    _, summary = produced.data(change(table).to_csv(index=False).encode())
    said = produced.problems(summary)
    assert wrong in said
    assert wrong.split(";")[0] in (produced.folder / "validation.html").read_text()
    refused = problem(lambda: complaints.accept.python_func(problems=said))
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


def test_a_report_of_50_mb(tmp_path: Path) -> None:
    rows = [["value"], *(["x" * 1000] for _ in range(50_000))]
    said = problem(lambda: reports.write_report(str(tmp_path / "r.html"), "Statistics", {"": rows}))
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
        assert problem(lambda: complaints.approve.python_func(approval=file, minutes=0.0)) == sentence.format(file=file)
