"""Anyone's pipeline: a compiled file, of whichever SDK, or a function in a module."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ordering.errors import UserError
from pipelines import package, source
from pipelines.__main__ import main
from pipelines.sdk import Execution
from tests.unit.pipelines.kubeflow_server import API, DROP_AFTER, Kubeflow

IMAGE = ["--image", "registry.example.com/pipeline:1"]
MODULE = """
from kfp import dsl

@dsl.component(base_image="python:3.11", install_kfp_package=False)
def double(number: int) -> int:
    return 2 * number

@dsl.pipeline
def twice(number: int = 4, names: list = ["a"], loud: bool = False) -> int:
    return double(number=double(number=number).output).output

def plain(number: int = 1):
    double(number=number)

@dsl.pipeline
def learn(rate: float = 1e-05, more: dict = {"r": 1e-07}, commit: str = "1e-05", month: str = "08", said: str = "😀"):
    double(number=1)

broken = 7
"""
# What the parameters of `learn` are by default.
LEARN = {"rate": 1e-05, "more": {"r": 1e-07}, "commit": "1e-05", "month": "08", "said": "😀"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module of pipelines in it, in which the command is typed."""
    (tmp_path / "theirs.py").write_text(MODULE)
    (tmp_path / "raises.py").write_text("import nothing_such\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("KUBEFLOW_LOCAL_ROOT", str(tmp_path))
    return tmp_path


def _compiled(here: Path, name: str = "theirs:twice") -> Path:
    file = here / "theirs.yaml"
    file.write_text(source.find(name).compile(Execution(image="")).yaml())
    return file


def test_a_function_in_a_module_runs_here(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "theirs:twice", "--local", "--param", "number=5"]) == 0
    out = capsys.readouterr().out
    assert "double-2 " in out
    assert dict(line.split(maxsplit=1) for line in out.splitlines() if line.strip())["result"] == "20"


def test_a_plain_function_is_a_pipeline_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "theirs:plain"]) == 0
    assert capsys.readouterr().out == "plain.yaml: 1 steps\n"


def test_a_compiled_file_runs_at_a_kubeflow_in_its_own_image(
    here: Path, at: Callable[..., int], kubeflow: Kubeflow
) -> None:
    assert at("run", str(_compiled(here)), "--param", 'names=["x", "y"]', "--param", "loud=true") == 0
    (run,) = kubeflow.api.runs.values()
    assert run["runtime_config"]["parameters"] == {"names": ["x", "y"], "loud": True}
    containers = [one["container"] for one in run["pipeline_spec"]["deploymentSpec"]["executors"].values()]
    assert {one["image"] for one in containers} == {"python:3.11"}


def test_a_job_of_tfx_is_a_pipeline_with_defaults(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """KubeflowV2DagRunner writes the specification into a job, beside values for its parameters."""
    spec = yaml.safe_load(_compiled(here).read_text())
    spec["sdkVersion"] = "tfx-1.16.0"
    spec["root"]["inputDefinitions"]["parameters"]["number"] = {"parameterType": "NUMBER_INTEGER"}
    file = here / "job.json"
    file.write_text(json.dumps({"pipelineSpec": spec, "runtimeConfig": {"parameterValues": {"number": 6}}}))
    assert main(["run", str(file), "--local"]) == 0
    assert "24" in capsys.readouterr().out


def _broken(here: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    spec = yaml.safe_load(_compiled(here).read_text())
    change(spec)
    file = here / "broken.yaml"
    file.write_text(yaml.safe_dump(spec))
    return file


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda spec: spec.update(schemaVersion="2.2.0"), "has schema version 2.2.0, and Pipelines takes 2.1.0 only"),
        (lambda spec: spec.update(schemaVersion="2.0.0"), "has schema version 2.0.0, and Pipelines takes 2.1.0 only"),
        (lambda spec: spec.pop("root"), "holds no pipeline"),
        (lambda spec: spec.update(steps=[1]), "is no pipeline that can be read"),
    ],
)
def test_a_file_that_cannot_run_is_one_sentence(
    change: Any, words: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(_broken(here, change)), "--local"]) == 1
    err = capsys.readouterr().err
    assert words in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (
            "old.yaml",
            "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec: {}\n",
            "'old.yaml' is a Workflow of Argo, as SDK 1 compiles it; compile it with kfp 2.",
        ),
        ("gone.yaml", None, "'gone.yaml' cannot be read: No such file or directory."),
        ("empty.yaml", "", "'empty.yaml' holds no pipeline; name a file that kfp or another SDK has compiled."),
        ("no.yaml", "a: [", "'no.yaml' is not YAML: while parsing"),
        ("theirs:nothing", None, "'theirs:nothing': module 'theirs' has no 'nothing'."),
        ("theirs:broken", None, "'theirs:broken' is no function; name one that @dsl.pipeline decorates."),
        ("nowhere:f", None, "'nowhere:f': module 'nowhere' cannot be imported (ModuleNotFoundError"),
        ("raises:f", None, "'raises:f': module 'raises' cannot be imported (ModuleNotFoundError"),
    ],
)
def test_what_is_no_pipeline_is_one_sentence(
    name: str, content: str | None, sentence: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (here / name).write_text(content)
    assert main(["compile", name]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"error: {sentence}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("param", "words"),
    [
        ("names=a", "it must be a list in JSON, such as [1, 2]."),
        ("names={}", "it must be a list in JSON, such as [1, 2]."),
        ("loud=perhaps", "it must be true or false."),
        ("number=1.5", "it must be a whole number."),
        ("volume=1", "has no parameter 'volume'; it has loud, names, number."),
    ],
)
def test_parameters_are_checked_against_the_specification(
    param: str, words: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(_compiled(here)), "--local", "--param", param]) == 1
    assert words in capsys.readouterr().err


def test_a_parameter_that_is_missing(here: Path, at: Callable[..., int], kubeflow: Kubeflow, capsys: Any) -> None:
    def without_default(spec: dict[str, Any]) -> None:
        spec["root"]["inputDefinitions"]["parameters"]["number"] = {"parameterType": "NUMBER_INTEGER"}

    assert at("run", str(_broken(here, without_default))) == 1
    assert capsys.readouterr().err == "error: Pipeline 'twice' needs --param number=….\n"
    assert kubeflow.api.runs == {}


def test_upload_makes_a_pipeline_and_its_versions(at: Callable[..., int], kubeflow: Kubeflow, capsys: Any) -> None:
    assert at("upload", "sequential", *IMAGE, "--version", "one") == 0
    assert (
        "/_/pipeline/?ns=team-ada#/pipelines/details/pipeline-1/version/pipeline-version-1" in capsys.readouterr().out
    )
    assert at("upload", "sequential", *IMAGE, "--version", "two", "--memory", "2Gi", "--volume", "data:/data") == 0
    assert [one["name"] for one in kubeflow.api.pipelines.values()] == ["sequential"]
    assert [one["name"] for one in kubeflow.api.versions.values()] == ["one", "two"]
    assert "platform_spec" in kubeflow.api.versions["pipeline-version-2"]["pipeline_spec"]


def test_a_version_that_exists_is_refused(at: Callable[..., int], kubeflow: Kubeflow, capsys: Any) -> None:
    assert at("upload", "sequential", *IMAGE, "--version", "one") == 0
    assert at("upload", "sequential", *IMAGE, "--version", "one") == 1
    assert capsys.readouterr().err == (
        "error: Pipeline 'sequential' has a version 'one'; name another one with --version.\n"
    )
    assert len(kubeflow.api.versions) == 1


def test_an_upload_of_ours_needs_an_image(at: Callable[..., int], kubeflow: Kubeflow, capsys: Any) -> None:
    assert at("upload", "sequential") == 1
    assert "which image the steps run in" in capsys.readouterr().err
    assert kubeflow.requests == []


def test_an_upload_that_was_not_answered_is_made_once(at: Callable[..., int], kubeflow: Kubeflow) -> None:
    kubeflow.fault("POST", f"{API}/pipelines", DROP_AFTER)
    kubeflow.fault("POST", f"{API}/pipelines/upload_version", DROP_AFTER)
    assert at("upload", "sequential", *IMAGE, "--version", "one") == 0
    assert len(kubeflow.api.pipelines) == len(kubeflow.api.versions) == 1


def test_a_number_without_a_dot_is_one_and_a_text_of_digits_is_none(here: Path) -> None:
    """JSON, and YAML 1.2, have 1e-05 for a number, where PyYAML's YAML 1.1 has a text."""
    made = source.find("theirs:learn").compile(Execution(image=""))
    assert package.defaults(made.pipeline) == LEARN
    (here / "learn.json").write_text(json.dumps(made.pipeline))
    assert package.defaults(source.find("learn.json").compile(Execution(image="")).pipeline) == LEARN
    text = made.yaml()
    assert package.defaults(package.load(text, "written").pipeline) == LEARN
    for quoted in ("'1e-05'", "'08'"):  # else Pipelines takes them for numbers
        assert f"defaultValue: {quoted}" in text
    assert "defaultValue: 1.0e-05" in text
    other = package.load(text.replace("1.0e-05", "1e-05").replace("1.0e-07", "1E-7"), "another SDK's").pipeline
    assert package.defaults(other) == LEARN


def test_a_compiled_file_is_read_as_it_was_written(here: Path) -> None:
    file = _compiled(here)
    assert package.load(file.read_text(), "x").yaml() == file.read_text()
    with pytest.raises(UserError):
        package.load("[]", "x")
