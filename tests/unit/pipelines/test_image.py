"""The steps' image: pinned, without root, tagged by its content; and what stands in the way of building it."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from pipelines import image
from pipelines.__main__ import main
from pipelines.stack import Context
from tests.unit.pipelines import moto_server

DOCKERFILE = (image.CONTEXT / "Dockerfile").read_text()
REQUIREMENTS = (image.CONTEXT / "requirements.txt").read_text()


def test_the_base_and_every_package_are_pinned() -> None:
    assert re.search(r"^FROM python:3\.11\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    entries = [entry for entry in re.split(r"\n(?=\S)", REQUIREMENTS) if entry.strip()]
    for entry in entries:
        assert re.match(r"[\w.-]+==[\w.]+", entry)
        assert "--hash=sha256:" in entry
    names = {entry.split("==")[0] for entry in entries}
    assert {"boto3", "kfp", "numpy", "pandas", "scikit-learn", "joblib", "botocore"} <= names


def test_nothing_runs_as_root() -> None:
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)[-1] == "1000:1000"
    assert "--require-hashes" in DOCKERFILE


def test_the_image_has_the_versions_that_the_project_is_locked_to() -> None:
    """A step that runs here and the same step on a cluster use the same libraries."""
    assert image.requirements(image.LOCK.read_text()) == REQUIREMENTS


def test_the_tag_changes_with_the_content_and_with_nothing_else(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(image.CONTEXT, copy)
    assert image.tag(copy) == image.tag()
    assert re.fullmatch(r"[0-9a-f]{12}", image.tag())
    with (copy / "Dockerfile").open("a") as file:
        file.write("# more\n")
    assert image.tag(copy) != image.tag()


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A repository in moto's ECR, over HTTP; gives its address."""
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(variable, raising=False)
    with moto_server.serve() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        made = _ecr().create_repository(repositoryName="kubeflow/pipeline")
        yield made["repository"]["repositoryUri"]


def _ecr() -> Any:
    return boto3.client("ecr", region_name="us-west-2")


def _context(repository: str) -> Context:
    return Context(outputs=lambda stack: {"repository_url": repository}, environment=lambda stack: {})


def _program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_where_nothing_can_build_one_sentence_says_so(
    registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _program(tmp_path, "docker", '[ "$1" = buildx ] || exit 1')
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["image", "--stack", "dev"], _context(registry)) == 1
    assert capsys.readouterr().err == (
        "error: Nothing here can build an image (`docker info` fails; there is no podman); "
        "start Docker with buildx, or install podman.\n"
    )


@pytest.mark.parametrize("builder", ["docker", "podman"])
def test_a_builder_is_signed_in_and_told_to_build_and_push(
    builder: str, registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What stands for the builder notes what it was called with; that it builds is not shown here."""
    _program(tmp_path, builder, f'echo "$@" >> {tmp_path}/calls; [ "$1" != login ] || cat > {tmp_path}/password')
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert main(["image", "--stack", "dev"], _context(registry)) == 0
    calls = (tmp_path / "calls").read_text()
    name = f"{registry}:{image.tag()}"
    assert f"login --username AWS --password-stdin {registry.split('/')[0]}\n" in calls
    assert (tmp_path / "password").read_text() == "123456789012-auth-token"
    assert re.search(rf"build --platform linux/amd64 --tag {name} .*{image.CONTEXT}\n", calls)
    assert ("--push" in calls) if builder == "docker" else calls.endswith(f"push {name}\n")
    assert capsys.readouterr().out.splitlines()[-1] == name


def test_an_image_that_is_there_is_not_built_again(
    registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _ecr().put_image(
        repositoryName="kubeflow/pipeline",
        imageManifest='{"schemaVersion": 2}',
        imageManifestMediaType="application/vnd.oci.image.manifest.v1+json",
        imageTag=image.tag(),
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["image", "--stack", "dev"], _context(registry)) == 0
    assert "is there already" in capsys.readouterr().out


def test_a_repository_that_is_not_in_ecr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["image", "--stack", "dev"], _context("docker.io/ada/pipeline")) == 1
    assert capsys.readouterr().err == (
        "error: Repository 'docker.io/ada/pipeline' is not in ECR; its name must be ACCOUNT.dkr.ecr.REGION…/NAME.\n"
    )


def test_a_repository_that_is_gone(registry: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["image", "--stack", "dev"], _context(f"{registry}-gone")) == 1
    assert "cannot be used" in capsys.readouterr().err


@pytest.mark.parametrize("full", ["ghcr.io/me/steps:1", "localhost:5000/steps@sha256:0", "steps:1"])
def test_an_image_of_another_registry_is_taken_as_it_is(full: str) -> None:
    assert image.reference(full) == full
    assert image.reference("localhost:5000/steps") == f"localhost:5000/steps:{image.tag()}"
