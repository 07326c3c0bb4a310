"""The stack `kind` by a `kind` that says what kind v0.31.0 does."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ops import kind
from ops.doctor.examine import check_kind
from ops.project import read_section, settings_path
from ordering.errors import UserError

DAEMON = (
    'ERROR: failed to list clusters: command "docker ps -a" failed with error: exit status 1\\n\\n'
    "Command Output: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
)


class Fake:
    """A `kind` on PATH, with what it answers by its first two words."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers: dict[str, tuple[int, str, str]] = {"version": (0, "kind v0.31.0 go1.25.5 linux/amd64\n", "")}
        self.write()

    def answer(self, command: str, code: int = 0, out: str = "", err: str = "") -> None:
        self.answers[command] = (code, out, err)
        self.write()

    def write(self) -> None:
        cases = "\n".join(
            f"'{command}') printf '{out}'; printf '{err}' >&2; exit {code};;"
            for command, (code, out, err) in self.answers.items()
        )
        script = (
            f'#!/bin/sh\necho "$*" >> {self.folder}/calls\ncat > {self.folder}/given\n'
            f'case "$1${{2:+ $2}}" in\n{cases}\nesac\n'
        )
        (self.folder / "kind").write_text(script)
        (self.folder / "kind").chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    made = Fake(tmp_path)
    made.answer("get clusters", out="other\\n")
    made.answer("create cluster")
    made.answer("delete cluster")
    return made


def test_a_cluster_is_made_once_at_the_pinned_version(fake: Fake) -> None:
    said: list[str] = []
    kind.ensure(said.append)
    assert fake.calls[-1] == "create cluster --name kubeflow --config - --wait 5m"
    config: Any = yaml.safe_load((fake.folder / "given").read_text())
    assert config["nodes"] == [{"role": "control-plane", "image": kind.IMAGE}]
    assert "@sha256:" in kind.IMAGE
    assert said == ["Making the kind cluster kubeflow with kindest/node:v1.35.0, which takes a few minutes."]
    fake.answer("get clusters", out="kubeflow\\nother\\n")
    kind.ensure(said.append)
    assert fake.calls[-1] == "get clusters"


def test_a_look_at_what_is_not_there_says_how_to_make_it(fake: Fake) -> None:
    assert kind.is_gone()
    with pytest.raises(UserError, match=r"There is no kind cluster kubeflow yet; `make up STACK=kind` makes it\."):
        kind.check()


def test_the_cluster_is_deleted_by_its_name(fake: Fake) -> None:
    kind.delete(lambda _: None)
    assert fake.calls[-1] == "delete cluster --name kubeflow"


def test_doctor_says_that_the_cluster_is_yet_to_come(fake: Fake) -> None:
    (found,) = check_kind()
    assert (found.state, found.advice) == ("ok", "the first `up` makes it")
    fake.answer("get clusters", out="kubeflow\\n")
    (found,) = check_kind()
    assert (found.state, found.advice) == ("ok", "")


def test_without_docker_it_says_so_in_one_sentence(fake: Fake) -> None:
    fake.answer("get clusters", 1, err=DAEMON)
    with pytest.raises(UserError, match=r"^Docker does not run, so kind cannot \(ERROR: .*\); start it, and run"):
        kind.ensure(lambda _: None)


def test_what_kind_says_is_passed_on_without_its_progress(fake: Fake) -> None:
    fake.answer("create cluster", 1, err="Creating cluster ...\\nERROR: failed to create cluster: no space\\n")
    with pytest.raises(UserError, match=r"^`kind create cluster` failed: ERROR: failed to create cluster: no space; "):
        kind.ensure(lambda _: None)


@pytest.mark.parametrize(("out", "told"), [("kind v0.30.0 go1.24\\n", "kind v0.30.0 go1.24"), ("", "unknown version")])
def test_an_older_kind_is_refused(fake: Fake, out: str, told: str) -> None:
    fake.answer("version", out=out)
    with pytest.raises(UserError, match=rf"is .*{told}; install kind 0\.31 or newer"):
        kind.ensure(lambda _: None)


def test_without_kind_it_says_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"^kind is not on PATH; install kind 0\.31 or newer"):
        kind.ensure(lambda _: None)


def test_the_stack_s_settings_name_the_context_that_kind_writes() -> None:
    assert read_section(settings_path(kind.STACK)) == {
        "kubeflow:cloud": "none",
        "kubeflow:clusterMode": "existing",
        "kubeflow:clusterContext": f"kind-{kind.CLUSTER}",
    }
