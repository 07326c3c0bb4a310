"""What is sent with a release besides: what is refused of the setting, where it comes from, how it is ordered."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.synthetic import config_map, definition, manifest, namespace, workload
from infra import inputs
from infra.kubeflow.load import LoadedRelease
from infra.kubeflow.release import resolve_also
from infra.present import nothing
from infra.settings import Also, SettingsError
from ordering.errors import UserError
from ordering.graph import id_of
from ordering.manifests.objects import Manifest
from tests.unit.kubeflow import git_server
from tests.unit.settings_source import settings

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "https://git.example.com/team/registry"


def kustomization(folder: Path, *objects: Manifest) -> Path:
    folder.mkdir(parents=True)
    (folder / "all.yaml").write_text(yaml.safe_dump_all(objects))
    (folder / "kustomization.yaml").write_text("resources: [all.yaml]\n")
    return folder


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ([{"name": "registry"}], "must have the texts name and path, and maybe both repository and commit, and a"),
        ([{"name": "registry", "path": "x", "commit": COMMIT}], "must have the texts name and path"),
        ([{"name": "registry", "path": 1}], "must have the texts name and path"),
        (["registry"], "must have the texts name and path"),
        ([{"name": "My registry", "path": "x"}], "'My registry' is not a name; use at most 40 lower-case letters"),
        ([{"name": "a", "path": "x"}, {"name": "a", "path": "y"}], "names 'a' twice; give each a name of its own."),
        ("registry", "is not a list"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: Any, fault: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(kubeflowAlso=given)
    assert str(caught.value).startswith("kubeflowAlso ")
    assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"namespace": "My_Own"}, "'My_Own' is not a namespace; use lower-case letters, digits and dashes."),
        ({"commit": "main"}, "'main' is not a commit of 40 hexadecimal digits; a branch or a tag can move."),
        ({"repository": "git.example.com/x"}, "is not the address of a Git repository; begin it with https://"),
        ({"repository": "https://me:secret@git.example.com/x"}, "'registry' has a password in its repository's"),
        ({"repository": "https://secret@git.example.com/x"}, "'registry' has a password in its repository's"),
        ({"repository": "ssh://me:secret@git.example.com/x"}, "'registry' has a password in its repository's"),
        ({"path": "/etc"}, "'/etc' is not a folder of the repository; write it from the repository's root."),
        ({"path": "a/../../b"}, "is not a folder of the repository"),
        ({"path": "--upload-pack=x"}, "is not a folder of the repository"),
    ],
)
def test_a_repository_is_pinned_and_its_folder_is_in_it(changes: dict[str, str], fault: str) -> None:
    one = {"name": "registry", "path": "manifests", "repository": REPOSITORY, "commit": COMMIT}
    (also,) = settings(kubeflowAlso=[one]).kubeflow.also
    assert also == Also(name="registry", path="manifests", namespace="", repository=REPOSITORY, commit=COMMIT)
    with pytest.raises(SettingsError) as caught:
        settings(kubeflowAlso=[{**one, **changes}])
    assert fault in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.fixture
def repository(tmp_path: Path) -> Also:
    """A repository with two kustomizations, at a commit."""
    top = tmp_path / "repository"
    kustomization(top / "one", config_map("one", "default"))
    kustomization(top / "two", config_map("two", "default"))
    git = ["git", "-C", str(top), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    return Also(name="registry", path="one", namespace="", repository=top.as_uri(), commit=head)


def test_git_brings_the_folder_once_and_another_folder_of_the_commit_is_another(
    repository: Also, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = resolve_also(repository, root=tmp_path)
    assert (first.origin, "name: one" in (first.path / "resources.yaml").read_text()) == ("git", True)
    assert resolve_also(repository, root=tmp_path).origin == "cache"
    other = Also(name="registry", path="two", namespace="", repository=repository.repository, commit=repository.commit)
    second = resolve_also(other, root=tmp_path)
    assert (second.origin, "name: two" in (second.path / "resources.yaml").read_text()) == ("git", True)
    gone = Also(name="registry", path="one", namespace="", repository="file:///nowhere", commit=COMMIT)
    with pytest.raises(UserError) as caught:
        resolve_also(gone, root=tmp_path, env={**os.environ, **env})
    assert str(caught.value).startswith("registry of kubeflowAlso is not available: tried ")
    assert str(caught.value).endswith("name a folder with its manifests as path, without repository and commit.")


def test_a_private_repository_is_read_as_git_is_let_in_and_nobody_is_asked(repository: Also, tmp_path: Path) -> None:
    """By a credential helper, as GitHub's and GitLab's command lines and their pipelines set one up."""
    known = tmp_path / "known"
    config = tmp_path / "gitconfig"
    env = {
        **os.environ,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "HOME": str(tmp_path),
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    with git_server.serve(tmp_path) as address:
        private = replace(repository, repository=f"{address}/repository/.git")
        config.write_text("")
        with pytest.raises(UserError, match=r"could not read Username .*; give this machine access to the repository"):
            resolve_also(private, root=tmp_path, env=env)
        user, password = git_server.USER, git_server.PASSWORD
        known.write_text(address.replace("//", f"//{user}:{password}@") + "\n")
        config.write_text(f"[credential]\n\thelper = store --file {known}\n")
        assert resolve_also(private, root=tmp_path, env=env).origin == "git"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        resolve_also(Also(name="registry", path="gone", namespace="", repository=None, commit=None), root=tmp_path)
    assert str(caught.value).startswith("kubeflowAlso registry names 'gone', and ")


def loaded(tmp_path: Path, *besides: Manifest, into: str = "") -> LoadedRelease:
    kustomization(
        tmp_path / "platform",
        namespace("kubeflow"),
        definition("example.com", "Thing"),
        workload("operator", "kubeflow"),
    )
    kustomization(tmp_path / "also", *besides)
    given = {"name": "registry", "path": str(tmp_path / "also"), **({"namespace": into} if into else {})}
    stack = settings(kubeflowPath=str(tmp_path / "platform"), kubeflowAlso=[given])
    return inputs.load_release(stack, None, tmp_path, nothing)


def test_it_is_ordered_by_the_graph_of_the_release(tmp_path: Path) -> None:
    thing = manifest("example.com/v1", "Thing", "mine", "registry", spec={})
    found = loaded(tmp_path, namespace("kubeflow"), namespace("registry"), thing)
    there = {id_.title for id_ in map(id_of, found.objects)}
    assert {"Thing registry/mine", "Namespace registry", "Namespace kubeflow"} <= there
    ((mine, needs),) = [(node.id, node.needs) for node in found.graph.nodes if node.id.kind == "Thing"]
    assert mine.title == "Thing registry/mine"
    assert {need.title for need in needs} >= {"CustomResourceDefinition things.example.com", "Namespace registry"}
    (kubeflow,) = [one for one in found.objects if id_of(one).title == "Namespace kubeflow"]
    assert "labels" not in kubeflow["metadata"], "what both have is the release's"


def test_it_goes_where_the_setting_says(tmp_path: Path) -> None:
    found = loaded(tmp_path, config_map("one", "elsewhere"), into="kubeflow")
    assert "ConfigMap kubeflow/one" in {id_of(one).title for one in found.objects}


def test_what_is_in_both_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Deployment kubeflow/operator"):
        loaded(tmp_path, workload("operator", "kubeflow"))


@pytest.mark.parametrize("address", ["ssh://git@git.example.com:2222/team/registry.git", "https://[", REPOSITORY])
def test_whatever_else_is_an_address_is_for_git_to_judge(address: str) -> None:
    one = {"name": "registry", "path": "manifests", "repository": address, "commit": COMMIT}
    (also,) = settings(kubeflowAlso=[one]).kubeflow.also
    assert also.repository == address
