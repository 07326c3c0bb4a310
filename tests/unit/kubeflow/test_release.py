"""Manifests are found where a person put them, else at the pinned commit, else the run says what it uses instead."""

import os
import subprocess
from pathlib import Path

import pytest

from infra.kubeflow import release as releases
from infra.kubeflow.release import RELEASES, Pin, Release, resolve, resolve_monitoring
from ordering.errors import UserError
from ordering.manifests.render import render

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\n"


def folder(at: Path, name: str = "one") -> Path:
    at.mkdir(parents=True)
    (at / "kustomization.yaml").write_text("resources: [a.yaml]\n")
    (at / "a.yaml").write_text(CONFIG.replace("NAME", name))
    return at


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a sample, and no repository within reach."""
    monkeypatch.setattr(releases, "REPOSITORY", (tmp_path / "nowhere").as_uri())
    folder(tmp_path / "main" / "manifests" / "sample", "sample")
    return tmp_path / "main"


@pytest.fixture
def env(tmp_path: Path, kustomize: str) -> dict[str, str]:
    shell = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    return {**shell, "XDG_CACHE_HOME": str(tmp_path / "cache"), "KUSTOMIZE": kustomize}


def found(
    root: Path, env: dict[str, str], *, sample: bool = False, path: str | None = None, release: str = "26.03"
) -> Release:
    return resolve(release=release, path=path, sample=sample, root=root, env=env)


def names(release: Release, env: dict[str, str]) -> list[str]:
    return [manifest["metadata"]["name"] for manifest in render(release.path, env=env)]


@pytest.fixture
def repository(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository laid out as upstream's, whose last but one commit is pinned as 26.03."""
    top = tmp_path / "upstream"
    folder(top / "common", "pinned")
    (top / "example").mkdir()
    (top / "example" / "kustomization.yaml").write_text("namePrefix: kubeflow-\nresources: [../common]\n")
    git = ["git", "-C", str(top), "-c", "user.name=test", "-c", "user.email=test@example.com"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    for text in ("pinned", "newer"):
        (top / "common" / "a.yaml").write_text(CONFIG.replace("NAME", text))
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", text], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD~1"], check=True, capture_output=True, text=True).stdout.strip()
    monkeypatch.setattr(releases, "REPOSITORY", top.as_uri())
    monkeypatch.setitem(RELEASES, "26.03", Pin("26.03", commit))
    return top


def test_the_environment_goes_before_the_setting_and_both_before_everything_else(
    root: Path, env: dict[str, str]
) -> None:
    folder(root.parent / "shared" / "kubeflow" / "26.03", "shared")
    folder(root / "mine", "mine")
    folder(root / "other", "other")
    by_setting = found(root, env, path="mine")
    assert (by_setting.name, by_setting.origin, names(by_setting, env)) == ("mine", "folder", ["mine"])
    assert "kubeflowPath" in by_setting.note
    by_environment = found(root, {**env, "KUBEFLOW_MANIFESTS": str(root / "other")}, path="mine")
    assert names(by_environment, env) == ["other"]
    assert "KUBEFLOW_MANIFESTS" in by_environment.note


def test_a_release_beside_the_checkout_is_found(root: Path, env: dict[str, str]) -> None:
    folder(root.parent / "shared" / "kubeflow" / "26.03", "shared")
    shared = found(root, env)
    assert (shared.name, shared.origin, names(shared, env)) == ("26.03", "shared", ["shared"])


def test_git_brings_the_pinned_commit_once_and_the_cache_answers_after(
    root: Path, env: dict[str, str], repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = found(root, env)
    assert (first.origin, names(first, env)) == ("git", ["kubeflow-pinned"])
    monkeypatch.setattr(releases, "REPOSITORY", "file:///nowhere")
    again = found(root, env)
    assert (again.origin, again.path, again.digest) == ("cache", first.path, first.digest)
    assert [entry.name for entry in first.path.parent.iterdir()] == [first.path.name], "something was left behind"


def test_a_release_of_several_folders_comes_as_one_from_its_own_repository(
    root: Path, env: dict[str, str], repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(repository / "definitions", "defined")
    commit = _commit(repository)
    monkeypatch.setattr(releases, "REPOSITORY", "file:///nowhere")
    pin = Pin("2.16.0", commit, repository.as_uri(), ("definitions", "example"))
    monkeypatch.setitem(RELEASES, "pipelines-2.16.0", pin)
    first = found(root, env, release="pipelines-2.16.0")
    assert sorted(names(first, env)) == ["defined", "kubeflow-newer"]
    assert first.note.startswith(f"Kubeflow Pipelines 2.16.0 from {repository.as_uri()} (commit ")


def test_kube_prometheus_is_found_like_a_release(
    root: Path, env: dict[str, str], repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(repository / "root", "monitoring")
    pin = Pin("v9", _commit(repository), repository.as_uri(), ("root",))
    monkeypatch.setattr(releases, "KUBE_PROMETHEUS", pin)
    # What a person says of the release says nothing of this.
    env["KUBEFLOW_MANIFESTS"] = str(folder(root / "theirs"))
    first = resolve_monitoring(path=None, root=root, env=env)
    assert (first.origin, names(first, env)) == ("git", ["monitoring"])
    monkeypatch.setattr(releases, "KUBE_PROMETHEUS", Pin("v9", pin.commit, "file:///nowhere", ("root",)))
    assert resolve_monitoring(path=None, root=root, env=env).origin == "cache"
    folder(root.parent / "shared" / "kubeflow" / "kube-prometheus-v9", "shared")
    assert names(resolve_monitoring(path=None, root=root, env=env), env) == ["shared"]
    folder(root / "mine", "mine")
    assert names(resolve_monitoring(path="mine", root=root, env=env), env) == ["mine"]


def test_kube_prometheus_that_is_nowhere_says_what_was_tried(
    root: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError) as caught:
        resolve_monitoring(path="none", root=root, env=env)
    assert str(caught.value).startswith(f"monitoringPath names 'none', and {root / 'none'} does not exist:")
    monkeypatch.setattr(releases, "KUBE_PROMETHEUS", Pin("v9", "0" * 40, "file:///nowhere", (".",)))
    with pytest.raises(UserError) as caught:
        resolve_monitoring(path=None, root=root, env=env)
    said = str(caught.value)
    assert said.startswith("kube-prometheus v9 is not available: tried monitoringPath (not set), ")
    assert said.endswith(
        "name a folder with manifests in monitoringPath, or give this machine access to the repository."
    )


def test_a_release_with_remote_bases_comes_from_git_alone(
    root: Path, env: dict[str, str], repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Upstream's real address, and a base at another: a mirror that a person's own Git settings name serves both."""
    base = folder(tmp_path / "base" / "deploy", "remote").parent
    _commit(base, "tag", "v1.0.0")
    (repository / "example" / "kustomization.yaml").write_text(
        "resources: [../common, 'https://github.com/example/bases//deploy?ref=v1.0.0']\n"
    )
    commit = _commit(repository)
    for mirrored, name in ((repository, "kubeflow/manifests"), (base, "example/bases"), (base, "example/bases.git")):
        subprocess.run(
            ["git", "clone", "--quiet", "--bare", str(mirrored), str(tmp_path / "mirror" / name)], check=True
        )
    settings = tmp_path / "gitconfig"
    settings.write_text(f'[url "{(tmp_path / "mirror").as_uri()}/"]\n\tinsteadOf = https://github.com/\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setattr(releases, "REPOSITORY", "https://github.com/kubeflow/manifests")
    monkeypatch.setitem(RELEASES, "26.03", Pin("26.03", commit))
    first = found(root, {**env, "GIT_CONFIG_GLOBAL": str(settings)})
    assert (first.origin, sorted(names(first, env))) == ("git", ["newer", "remote"])
    # The cache holds the bases too: nothing is fetched again.
    monkeypatch.delenv("GIT_CONFIG_GLOBAL")
    again = found(root, env)
    assert (again.origin, sorted(names(again, env))) == ("cache", ["newer", "remote"])


def test_a_remote_base_that_wants_a_password_is_an_error_and_no_prompt(
    root: Path, env: dict[str, str], repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "git"
    asked.write_text(
        '#!/bin/sh\n[ "$1" = fetch ] || exec /usr/bin/git "$@"\n'
        'echo "fatal: prompts: ${GIT_TERMINAL_PROMPT:-yes}" >&2\nexit 128\n'
    )
    asked.chmod(0o755)
    (repository / "example" / "kustomization.yaml").write_text(
        "resources: ['https://github.com/example/bases//deploy?ref=v1.0.0']\n"
    )
    commit = _commit(repository)
    monkeypatch.setitem(RELEASES, "26.03", Pin("26.03", commit))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(UserError, match="prompts: 0"):
        found(root, env)


def _commit(top: Path, *then: str) -> str:
    """Commits all that is in a folder, runs another command of Git, and gives the commit."""
    git = ["git", "-C", str(top), "-c", "user.name=test", "-c", "user.email=test@example.com"]
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "more"], list(then)):
        if arguments:
            subprocess.run([*git, *arguments], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def test_a_commit_that_the_repository_lacks_is_refused(
    root: Path, env: dict[str, str], repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RELEASES, "26.03", Pin("26.03", "0" * 39 + "1"))
    with pytest.raises(UserError, match="git fetch"):
        found(root, env)


def test_an_answer_with_another_commit_is_refused(
    root: Path, env: dict[str, str], repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A branch's name stands for what a server could answer with: it resolves, but not to what was pinned.
    monkeypatch.setitem(RELEASES, "26.03", Pin("26.03", "HEAD"))
    with pytest.raises(UserError, match="pinned as HEAD"):
        found(root, env)


def test_out_of_reach_the_local_stack_gets_the_sample_and_says_so(root: Path, env: dict[str, str]) -> None:
    sample = found(root, env, sample=True)
    assert (sample.name, sample.origin, names(sample, env)) == ("sample", "sample", ["sample"])
    assert "is not available" in sample.note
    assert "but no Kubeflow" in sample.note


def test_out_of_reach_any_other_stack_fails_with_what_was_tried(root: Path, env: dict[str, str]) -> None:
    with pytest.raises(UserError) as caught:
        found(root, env)
    message = str(caught.value)
    for tried in (
        "KUBEFLOW_MANIFESTS",
        "kubeflowPath",
        "shared/kubeflow/26.03",
        "releases/26.03-d68ebc7fab36",
        "nowhere",
    ):
        assert tried in message


def test_without_a_tool_to_render_nothing_is_fetched(root: Path, env: dict[str, str], repository: Path) -> None:
    with pytest.raises(UserError, match="install kustomize"):
        found(root, {**env, "PATH": "", "KUSTOMIZE": ""})


def test_a_typing_error_never_ends_in_the_sample(root: Path, env: dict[str, str]) -> None:
    with pytest.raises(UserError, match=r"'26\.3'.*choose 26\.03, 1\.10\.2 or pipelines-2\.16\.0"):
        found(root, env, sample=True, release="26.3")
    with pytest.raises(UserError, match="kubeflowPath names 'gone'"):
        found(root, env, sample=True, path="gone")
    with pytest.raises(UserError, match="KUBEFLOW_MANIFESTS names '/gone'"):
        found(root, {**env, "KUBEFLOW_MANIFESTS": "/gone"}, sample=True)


def test_the_digest_follows_the_content(root: Path, env: dict[str, str]) -> None:
    mine = folder(root / "mine")
    before = found(root, env, path="mine").digest
    assert found(root, env, path="mine").digest == before
    (mine / "a.yaml").write_text(CONFIG.replace("NAME", "two"))
    assert found(root, env, path="mine").digest != before
