"""The steps of `complaints` as plain functions, one after the other in a folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from pipelines.steps import complaints


def problem(call: Callable[[], Any]) -> str:
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
