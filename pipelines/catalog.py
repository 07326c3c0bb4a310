"""The pipelines by name: what each does, which steps it has, and what it is compiled to."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from kfp import dsl

from ordering.errors import UserError
from pipelines import sdk
from pipelines.sdk import MEDIUM, Execution, place
from pipelines.steps import archive, complaints, salary, sequence
from pipelines.steps.complaints import server


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A pipeline: its name, one sentence, and how it is made for the image that its steps run in.

    `inputs` names the parameters that say where to read, each with the sample that is read when nothing is given;
    `results` names those that say where to write, each with the name that a result gets when nothing is given;
    `accelerated` names the steps that can use GPUs.
    """

    name: str
    summary: str
    build: Callable[[Execution, "Definition"], sdk.Pipeline]
    inputs: Mapping[str, str] = field(default_factory=dict)
    results: Mapping[str, str] = field(default_factory=dict)
    accelerated: tuple[str, ...] = ()

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


def build_complaints(execution: Execution, definition: Definition) -> sdk.Pipeline:
    """Ingest, look at the data and accept it, learn, judge; a blessed model is pushed, served, probed, registered."""
    source = inspect.getsource(server)

    @sdk.pipeline(name=definition.name, description=definition.summary)
    def pipeline(
        data: str,
        models: str,
        drift_limit: float = 0.2,
        test_share: float = 0.25,
        epochs: int = 12,
        seed: int = 0,
        least: float = 0.6,
        board: str = "",
        tensorboard: str = "",
        approval: str = "",
        approval_minutes: float = 60.0,
        service: str = "",
        service_minutes: float = 10.0,
        probe_seconds: float = 30.0,
        registry: str = "",
    ) -> None:
        raw = place(complaints.ingest(source=data), execution, MEDIUM, network=True, cache=False).outputs["dataset"]
        summary = place(complaints.statistics(dataset=raw), execution, MEDIUM).outputs["summary"]
        expected = place(
            complaints.schema(summary=summary, models=models), execution, network=True, cache=False
        ).outputs["expected"]
        checked = place(
            complaints.validate(summary=summary, expected=expected, models=models, drift_limit=drift_limit),
            execution,
            network=True,
            cache=False,
        )
        accepted = place(complaints.accept(problems=checked.outputs["Output"]), execution)
        parts = place(complaints.transform(dataset=raw, test_share=test_share, seed=seed), execution, MEDIUM).after(
            accepted
        )
        trained = place(
            complaints.train(train_set=parts.outputs["train_set"], epochs=epochs, seed=seed, board=board),
            execution,
            MEDIUM,
            cache=False,
        )
        place(
            complaints.show_board(logs=trained.outputs["logs"], board=board, tensorboard=tensorboard),
            execution,
            cache=False,
        )
        judged = place(
            complaints.evaluate(
                test_set=parts.outputs["test_set"], model=trained.outputs["model"], models=models, least=least
            ),
            execution,
            MEDIUM,
            network=True,
            cache=False,
        )
        with dsl.If(judged.outputs["Output"] == True, "blessed"):  # noqa: E712 (kfp makes a condition of it)
            approved = place(complaints.approve(approval=approval, minutes=approval_minutes), execution, cache=False)
            pushed = place(
                complaints.push(model=trained.outputs["model"], summary=summary, expected=expected, models=models),
                execution,
                network=True,
                cache=False,
            ).after(approved)
            uri = pushed.outputs["Output"]
            served = place(
                complaints.serve(
                    uri=uri, service=service, image=execution.image, server=source, minutes=service_minutes
                ),
                execution,
                cache=False,
            )
            probed = place(
                complaints.probe(uri=uri, service=service, served=served.output, server=source, seconds=probe_seconds),
                execution,
                MEDIUM,
                cache=False,
            )
            place(
                complaints.register(
                    uri=uri,
                    pushed=pushed.outputs["pushed"],
                    models=models,
                    registry=registry,
                    name=definition.name,
                    probed=probed.output,
                ),
                execution,
                network=True,
                cache=False,
            )

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
            accelerated=("train",),
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
        Definition(
            name="complaints",
            summary="Learn what complaints are about: validate, train, evaluate; push, serve and probe what is better.",
            build=build_complaints,
            inputs={"data": "complaints.csv"},
            results={"models": "complaints"},
        ),
    )
}


def find(name: str) -> Definition:
    """The pipeline of a name; UserError names the ones that exist."""
    found = PIPELINES.get(name.replace("-", "_"))
    if found is None:
        raise UserError(
            f"There is no pipeline {name!r}; choose one of {', '.join(PIPELINES)}, a compiled file, or MODULE:FUNCTION."
        )
    return found
