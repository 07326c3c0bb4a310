"""Digests and copies by the real crane, between registries of its own on this machine; and how it signs in."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import tools
from infra.kubeflow.sealed import Seal, use_seal
from ops.crane import Crane, configuration, crane
from ops.mirror import lock
from ordering.errors import UserError
from tests.unit.kubeflow.test_images import config

REPOSITORY = "team/a"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry on loopback with an image `team/a:v1`."""
    program, folder = str(tools.ensure("crane")["crane"]), tmp_path_factory.mktemp("registry")
    layer = folder / "layer.tar"
    subprocess.run(["tar", "cf", layer, "-T", "/dev/null"], check=True)
    command = [program, "registry", "serve", "--address", "127.0.0.1:0"]
    serving = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert serving.stderr
        host = f"127.0.0.1:{serving.stderr.readline().split()[-1]}"
        append = [program, "append", "--new_layer", str(layer), "--new_tag", f"{host}/{REPOSITORY}:v1"]
        made = subprocess.run(append, capture_output=True, timeout=30)
        assert made.returncode == 0, made.stderr
        yield host
    finally:
        serving.terminate()
        serving.communicate()


@pytest.fixture
def registries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crane]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with crane() as given:
        yield given


def test_an_image_is_copied_and_has_the_digest_of_its_source(registry: str, registries: Crane) -> None:
    source = f"{registry}/{REPOSITORY}"
    digest = registries.digest(f"{source}:v1")
    registries.copy(f"{source}@{digest}", f"{registry}/kubeflow-dev/copy:v1")
    assert registries.digest(f"{registry}/kubeflow-dev/copy:v1") == digest


def test_a_lock_has_what_the_registry_says_and_a_seal_names_it_so(registry: str, registries: Crane) -> None:
    image, said = f"{registry}/{REPOSITORY}:v1", list[str]()
    found = lock(
        registries, [image], {image: "sha256:" + "0" * 64, "quay.io/of/another:1": "sha256:" + "1" * 64}, said.append
    )
    assert found["quay.io/of/another:1"] == "sha256:" + "1" * 64
    assert said == [f"{image} is {found[image]}, and was sha256:{'0' * 64}"]
    seal = Seal(host=registry, prefix="kubeflow-dev", digests=found)
    [named] = use_seal([config(image=image.replace("127.0.0.1", "localhost"))], seal)
    assert named["data"]["image"].startswith(f"{registry}/kubeflow-dev/localhost_")


def test_what_a_registry_does_not_have_or_nobody_serves_is_one_sentence(registry: str, registries: Crane) -> None:
    with pytest.raises(UserError) as caught:
        lock(registries, [f"{registry}/{REPOSITORY}:v2", "127.0.0.1:1/x:v1"], {}, print)
    first, *lines = str(caught.value).splitlines()
    assert first == "The lock stays as it was, for 2 images have no digest:"
    assert lines[0].startswith("  - 127.0.0.1:1 does not say which digest 127.0.0.1:1/x:v1 has: ")
    assert "MANIFEST_UNKNOWN" in lines[1]
    with pytest.raises(
        UserError, match=r"^\S+/team/a:v3 is not copied to \S+: .*MANIFEST_UNKNOWN.*; sign in there with"
    ):
        registries.copy(f"{registry}/{REPOSITORY}:v3", f"{registry}/copy:v3")


def test_a_token_is_added_to_where_somebody_is_signed_in_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    theirs = json.dumps({"auths": {"quay.io": {"auth": "dTpw"}}})
    (tmp_path / "config.json").write_text(theirs)
    with crane({"ecr.test": "QVdTOng="}) as given:
        written = given._folder / "config.json"
        assert json.loads(written.read_text())["auths"] == {
            "quay.io": {"auth": "dTpw"},
            "ecr.test": {"auth": "QVdTOng="},
        }
        assert written.stat().st_mode & 0o077 == 0
    assert not written.exists()
    assert (tmp_path / "config.json").read_text() == theirs


def test_a_store_of_credentials_is_asked_for_the_others_alone() -> None:
    before = {"auths": {"quay.io": {}, "ecr.test": {}}, "credsStore": "desktop", "credHelpers": {"gcr.io": "gcloud"}}
    assert configuration(before, {"ecr.test": "t"}) == {
        "auths": {"quay.io": {}, "ecr.test": {"auth": "t"}},
        "credHelpers": {"quay.io": "desktop", "https://index.docker.io/v1/": "desktop", "gcr.io": "gcloud"},
    }


def test_a_configuration_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config\.json cannot be read"), crane():
        pass
