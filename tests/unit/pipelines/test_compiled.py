"""The compiled pipelines, as the Pipelines API reads them: steps, order, limits, image, retries, caching."""

from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipelines import needs, package, source
from pipelines.__main__ import main
from pipelines.catalog import PIPELINES
from pipelines.package import steps
from pipelines.sdk import Execution

IMAGE = "registry.example.com/pipeline:abc"
STEPS = {
    "salary": ["load", "split", "train", "evaluate", "predict", "publish"],
    "unzip_csv": ["download", "unzip", "summarise"],
    "sequential": ["draw", "average"],
    "complaints": [
        "ingest",
        "statistics",
        "schema",
        "validate",
        "accept",
        "transform",
        "train",
        "evaluate",
        "show-board",
        "approve",
        "push",
        "serve",
        "probe",
        "register",
    ],
}
# What reads or writes outside of the pipeline: it may fail for no fault of the step's, and may differ every time.
NETWORK = {
    "salary": {"load", "publish"},
    "unzip_csv": {"download"},
    "sequential": set[str](),
    "complaints": {"ingest", "schema", "validate", "evaluate", "push", "register"},
}
# What has an effect outside, or waits for a person, is never taken from the cache either.
FRESH = {"complaints": {"train", "show-board", "approve", "serve", "probe"}}


@pytest.fixture(scope="module", params=sorted(STEPS))
def compiled(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return request.param, _compiled(request.param)


def _compiled(name: str, **given: list[str]) -> dict[str, Any]:
    found = source.find(name)
    assert found.definition
    return needs.apply(found.compile(Execution(image=IMAGE)), given, found.definition.accelerated).pipeline


def _executors(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The container of every step, by the step's name."""
    return {
        name: spec["deploymentSpec"]["executors"][spec["components"][task["componentRef"]["name"]]["executorLabel"]][
            "container"
        ]
        for name, task in _tasks(spec).items()
    }


def _tasks(spec: dict[str, Any]) -> dict[str, Any]:
    """Every step by its name, without groups of them."""
    return {
        name: task
        for name, task in package.tasks(spec)
        if "executorLabel" in spec["components"][task["componentRef"]["name"]]
    }


def test_every_pipeline_is_looked_at() -> None:
    assert set(STEPS) == set(PIPELINES)


def test_steps_and_their_order(compiled: tuple[str, dict[str, Any]]) -> None:
    name, spec = compiled
    assert steps(spec) == STEPS[name]
    if name == "complaints":
        return
    tasks = _tasks(spec)
    for before, after in zip(STEPS[name], STEPS[name][1:], strict=False):
        assert before in tasks[after]["dependentTasks"]


def test_only_a_blessed_model_is_pushed_and_it_is_in_production_after_it_has_answered() -> None:
    spec = _compiled("complaints")
    group = spec["root"]["dag"]["tasks"]["condition-1"]
    assert group["triggerPolicy"]["condition"].endswith("== true")
    assert "evaluate" in group["dependentTasks"]
    assert "accept" in _tasks(spec)["transform"]["dependentTasks"]
    inside = spec["components"][group["componentRef"]["name"]]["dag"]["tasks"]
    assert set(inside) == {"approve", "push", "serve", "probe", "register"}
    for before, after in (("approve", "push"), ("push", "serve"), ("serve", "probe"), ("probe", "register")):
        assert before in inside[after]["dependentTasks"]


def test_the_api_reads_it(compiled: tuple[str, dict[str, Any]]) -> None:
    name, spec = compiled
    read = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    assert read.pipeline_info.name == name.replace("_", "-")
    assert read.schema_version == "2.1.0"


def test_every_step_has_requests_and_limits_and_the_first_do_not_exceed_the_second(
    compiled: tuple[str, dict[str, Any]],
) -> None:
    for container in _executors(compiled[1]).values():
        resources = container["resources"]
        assert 0 < resources["cpuRequest"] <= resources["cpuLimit"] <= 1
        assert 0.1 < resources["memoryRequest"] <= resources["memoryLimit"] <= 1.1
        assert "accelerator" not in resources


def test_every_step_runs_in_the_image_and_installs_nothing(compiled: tuple[str, dict[str, Any]]) -> None:
    for container in _executors(compiled[1]).values():
        assert container["image"] == IMAGE
        assert "pip" not in " ".join(container["command"][:-1] + container["args"])
        assert "ensurepip" not in container["command"][-1]


def test_steps_that_touch_the_network_are_retried_and_never_taken_from_the_cache(
    compiled: tuple[str, dict[str, Any]],
) -> None:
    for name, task in _tasks(compiled[1]).items():
        retry = task.get("retryPolicy")
        assert bool(retry) == (name in NETWORK[compiled[0]]), name
        if retry:
            assert retry["maxRetryCount"] == 3
            assert retry["backoffDuration"] == "10s"
        assert task["cachingOptions"].get("enableCache", False) == (
            name not in NETWORK[compiled[0]] | FRESH.get(compiled[0], set())
        ), name


def test_gpus_go_to_the_step_that_trains() -> None:
    containers = _executors(_compiled("salary", gpus=["2"]))
    given = {name: container["resources"].get("accelerator") for name, container in containers.items()}
    accelerator = given.pop("train")
    assert accelerator["resourceType"] == "nvidia.com/gpu"
    assert accelerator["resourceCount"] == "2"
    assert set(given.values()) == {None}


def test_artifacts_are_typed_where_they_are_passed() -> None:
    components = _compiled("salary")["components"]
    types = {
        f"{name}.{artifact}": about["artifactType"]["schemaTitle"]
        for name, component in components.items()
        for artifact, about in component.get("outputDefinitions", {}).get("artifacts", {}).items()
    }
    assert types == {
        "comp-load.dataset": "system.Dataset",
        "comp-split.train_set": "system.Dataset",
        "comp-split.test_set": "system.Dataset",
        "comp-train.model": "system.Model",
        "comp-evaluate.metrics": "system.Metrics",
    }


def test_complaints_makes_reports_metrics_and_models_that_the_dashboard_shows() -> None:
    components = _compiled("complaints")["components"]
    types = {
        f"{name.removeprefix('comp-')}.{artifact}": about["artifactType"]["schemaTitle"].removeprefix("system.")
        for name, component in components.items()
        for artifact, about in component.get("outputDefinitions", {}).get("artifacts", {}).items()
    }
    assert {name for name, kind in types.items() if kind == "HTML"} == {
        "statistics.report",
        "validate.report",
        "evaluate.report",
    }
    assert types["evaluate.metrics"] == "Metrics"
    assert types["evaluate.confusion"] == "ClassificationMetrics"
    assert {name for name, kind in types.items() if kind == "Model"} == {"train.model", "push.pushed"}


def test_the_compile_command_writes_what_the_dashboard_takes(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "salary.yaml"
    assert main(["compile", "salary", "-o", str(file), "--image", IMAGE]) == 0
    spec = yaml.safe_load(file.read_text())
    assert spec == _compiled("salary")
    assert capsys.readouterr().out == f"{file}: 6 steps\n"


def test_the_list_command_names_pipelines_steps_and_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    for name, names in STEPS.items():
        assert name in out
        assert " > ".join(names) in out
    assert "months=42" in out
