"""The pipelines by name: what each does, which steps it has, and what it is compiled to."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import yaml
from kfp import compiler, dsl

from ordering.errors import UserError
from pipelines import sdk
from pipelines.sdk import MEDIUM, Execution, place
from pipelines.spec import Spec
from pipelines.steps import archive, salary, sequence


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A pipeline: its name, one sentence, and how it is made for the image and GPUs that its steps get.

    `inputs` names the parameters that say where to read, each with the sample that is read when nothing is given;
    `results` names those that say where to write, each with the name that a result gets when nothing is given.
    """

    name: str
    summary: str
    build: Callable[[Execution, "Definition"], sdk.Pipeline]
    inputs: Mapping[str, str] = field(default_factory=dict)
    results: Mapping[str, str] = field(default_factory=dict)

    def pipeline(self, execution: Execution) -> sdk.Pipeline:
        """The pipeline as kfp has it, ready to be called or compiled."""
        return self.build(execution, self)


class SalaryOutputs(NamedTuple):
    """What `salary` ends with."""

    dataset: dsl.Dataset
    model: dsl.Model
    metrics: dsl.Metrics
    prediction: float


class SummaryOutputs(NamedTuple):
    """What `unzip_csv` ends with."""

    metrics: dsl.Metrics
    header: str


def build_salary(execution: Execution, definition: Definition) -> sdk.Pipeline:
    """Load, split, train, evaluate, predict; then the model is published, once everything before has worked."""

    @sdk.pipeline(name=definition.name, description=definition.summary)
    def pipeline(
        dataset: str,
        model: str,
        months: float = 42.0,
        feature: str = "management_experience_months",
        target: str = "monthly_salary",
        test_share: float = 0.3,
        seed: int = 0,
    ) -> SalaryOutputs:
        # The content behind a URI may change, so what is read from outside is never taken from the cache.
        loaded = place(
            salary.load(source=dataset, feature=feature, target=target), execution, network=True, cache=False
        )
        parts = place(
            salary.split(dataset=loaded.outputs["dataset"], test_share=test_share, seed=seed), execution, MEDIUM
        )
        trained = place(
            salary.train(train_set=parts.outputs["train_set"], feature=feature, target=target),
            execution,
            MEDIUM,
            accelerated=True,
        )
        evaluated = place(
            salary.evaluate(
                test_set=parts.outputs["test_set"], model=trained.outputs["model"], feature=feature, target=target
            ),
            execution,
            MEDIUM,
        )
        predicted = place(
            salary.predict(model=trained.outputs["model"], feature=feature, value=months), execution, MEDIUM
        ).after(evaluated)
        place(
            salary.publish(model=trained.outputs["model"], destination=model), execution, network=True, cache=False
        ).after(predicted)
        return SalaryOutputs(
            dataset=loaded.outputs["dataset"],
            model=trained.outputs["model"],
            metrics=evaluated.outputs["metrics"],
            prediction=predicted.output,
        )

    return pipeline


def build_unzip_csv(execution: Execution, definition: Definition) -> sdk.Pipeline:
    """Download, unzip, read and summarise."""

    @sdk.pipeline(name=definition.name, description=definition.summary)
    def pipeline(archive_file: str) -> SummaryOutputs:
        fetched = place(archive.download(source=archive_file), execution, network=True, cache=False)
        unzipped = place(archive.unzip(archive=fetched.outputs["archive"]), execution)
        summary = place(archive.summarise(dataset=unzipped.outputs["dataset"]), execution, MEDIUM)
        return SummaryOutputs(metrics=summary.outputs["metrics"], header=summary.outputs["Output"])

    return pipeline


def build_sequential(execution: Execution, definition: Definition) -> sdk.Pipeline:
    """Draw, then average."""

    @sdk.pipeline(name=definition.name, description=definition.summary)
    def pipeline(count: int = 1000, seed: int = 0) -> float:
        drawn = place(sequence.draw(count=count, seed=seed), execution)
        averaged = place(sequence.average(sample=drawn.outputs["sample"]), execution)
        return averaged.output  # type: ignore[no-any-return]

    return pipeline


PIPELINES: Mapping[str, Definition] = {
    definition.name.replace("-", "_"): definition
    for definition in (
        Definition(
            name="salary",
            summary="Learn a salary from months of experience: load, split, train, evaluate, predict, publish.",
            build=build_salary,
            inputs={"dataset": "salaries.csv"},
            results={"model": "salary.joblib"},
        ),
        Definition(
            name="unzip-csv",
            summary="Take a CSV out of a zip in S3, read and summarise it.",
            build=build_unzip_csv,
            inputs={"archive_file": "salaries.zip"},
        ),
        Definition(
            name="sequential",
            summary="Two steps, one after the other: draw numbers, average them.",
            build=build_sequential,
        ),
    )
}


def find(name: str) -> Definition:
    """The pipeline of a name; UserError names the ones that exist."""
    found = PIPELINES.get(name.replace("-", "_"))
    if found is None:
        raise UserError(f"There is no pipeline {name!r}; choose one of {', '.join(PIPELINES)}.")
    return found


def compile_spec(definition: Definition, execution: Execution) -> Spec:
    """The pipeline in the intermediate representation (`pipeline_spec`, schema 2.1.0) that the Pipelines API takes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        compiler.Compiler().compile(definition.pipeline(execution), str(file))
        spec: Spec = yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader)
    return spec
