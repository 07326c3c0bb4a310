"""The compiled pipelines, as the Pipelines API reads them: steps, order, limits, image, retries, caching."""

from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipelines.__main__ import main
from pipelines.catalog import PIPELINES, compile_spec
from pipelines.sdk import Execution
from pipelines.spec import steps

IMAGE = "registry.example.com/pipeline:abc"
STEPS = {
    "salary": ["load", "split", "train", "evaluate", "predict", "publish"],
    "unzip_csv": ["download", "unzip", "summarise"],
    "sequential": ["draw", "average"],
}
# What reads or writes outside of the pipeline: it may fail for no fault of the step's, and may differ every time.
NETWORK = {"load", "publish", "download"}


@pytest.fixture(scope="module", params=sorted(STEPS))
def compiled(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return request.param, compile_spec(PIPELINES[request.param], Execution(image=IMAGE))


def _executors(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The container of every step, by the step's name."""
    return {
        name: spec["deploymentSpec"]["executors"][spec["components"][task["componentRef"]["name"]]["executorLabel"]][
            "container"
        ]
        for name, task in spec["root"]["dag"]["tasks"].items()
    }


def test_every_pipeline_is_looked_at() -> None:
    assert set(STEPS) == set(PIPELINES)


def test_steps_and_their_order(compiled: tuple[str, dict[str, Any]]) -> None:
    name, spec = compiled
    assert steps(spec) == STEPS[name]
    tasks = spec["root"]["dag"]["tasks"]
    for before, after in zip(STEPS[name], STEPS[name][1:], strict=False):
        assert before in tasks[after]["dependentTasks"]


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
    for name, task in compiled[1]["root"]["dag"]["tasks"].items():
        retry = task.get("retryPolicy")
        assert bool(retry) == (name in NETWORK), name
        if retry:
            assert retry["maxRetryCount"] == 3
            assert retry["backoffDuration"] == "10s"
        assert task["cachingOptions"].get("enableCache", False) == (name not in NETWORK), name


def test_gpus_go_to_the_step_that_trains() -> None:
    containers = _executors(compile_spec(PIPELINES["salary"], Execution(image=IMAGE, gpus=2)))
    given = {name: container["resources"].get("accelerator") for name, container in containers.items()}
    accelerator = given.pop("train")
    assert accelerator["resourceType"] == "nvidia.com/gpu"
    assert accelerator["resourceCount"] == "2"
    assert set(given.values()) == {None}


def test_artifacts_are_typed_where_they_are_passed() -> None:
    components = compile_spec(PIPELINES["salary"], Execution(image=IMAGE))["components"]
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


def test_the_compile_command_writes_what_the_dashboard_takes(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "salary.yaml"
    assert main(["compile", "salary", "-o", str(file), "--image", IMAGE]) == 0
    spec = yaml.safe_load(file.read_text())
    assert spec == compile_spec(PIPELINES["salary"], Execution(image=IMAGE))
    assert capsys.readouterr().out == f"{file}: 6 steps\n"


def test_the_list_command_names_pipelines_steps_and_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    for name, names in STEPS.items():
        assert name in out
        assert " > ".join(names) in out
    assert "months=42" in out
