"""What `make destroy` says before it asks for the stack's name, and which answers it takes."""

from collections.abc import Mapping

import pytest
from click.testing import CliRunner

from ops import teardown
from ops.commands import destroy
from ordering.errors import UserError


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings that the command reads."""
    config = {"kubeflow:protect": "false", "kubeflow:clusterMode": "create"}
    monkeypatch.setattr(teardown, "read_config", lambda stack: (config, frozenset()))
    monkeypatch.setattr("ops.run.session", lambda *args, **kwargs: pytest.fail("nothing may be started"))
    return config


def test_a_protected_stack_is_refused_in_one_sentence_whoever_says_yes(settings: dict[str, str]) -> None:
    settings["kubeflow:protect"] = "true"
    done = CliRunner().invoke(destroy.command, ["--stack", "prod", "--yes"])
    assert isinstance(done.exception, UserError)
    assert "The stack prod is protected: nothing was destroyed" in str(done.exception)


def test_a_cluster_is_forgotten_only_by_the_stacks_name(settings: dict[str, str]) -> None:
    done = CliRunner().invoke(destroy.command, ["--stack", "prod", "--yes", "--forget", "1"])
    assert str(done.exception).startswith("FORGET is '1', not prod: nothing was destroyed")


@pytest.mark.parametrize(("answer", "words"), [("dev\n", "'dev' is not prod"), ("\n", "'' is not prod"), ("", "YES=1")])
def test_any_answer_but_the_stacks_name_destroys_nothing(settings: dict[str, str], answer: str, words: str) -> None:
    for arguments in (["--stack", "prod"], ["--stack", "prod", "--yes=no"]):
        done = CliRunner().invoke(destroy.command, arguments, input=answer)
        assert isinstance(done.exception, UserError)
        assert words in str(done.exception)
        assert "nothing was destroyed" in str(done.exception)


@pytest.mark.parametrize(("fate", "goes"), [("keep", "stay in AWS"), ("empty", "the repository with all images")])
def test_the_question_says_what_becomes_of_the_bucket(settings: dict[str, str], fate: str, goes: str) -> None:
    settings["kubeflow:storageOnDestroy"] = fate
    assert goes in CliRunner().invoke(destroy.command, ["--stack", "prod"]).stderr


@pytest.mark.parametrize(("mode", "goes"), [("create", "its cluster"), ("existing", "its part of the cluster")])
def test_the_question_says_what_goes(settings: dict[str, str], mode: str, goes: str) -> None:
    settings["kubeflow:clusterMode"] = mode
    done = CliRunner().invoke(destroy.command, ["--stack", "prod"])
    assert f"This takes down all of prod: {goes}, and" in done.stderr
    assert done.stdout == ""


def test_the_question_names_a_user_pool_and_no_other_login(settings: dict[str, str]) -> None:
    assert "user pool" not in CliRunner().invoke(destroy.command, ["--stack", "prod"]).stderr
    settings["kubeflow:login"] = "cognito"
    done = CliRunner().invoke(destroy.command, ["--stack", "prod"])
    assert "The user pool goes with the people in it." in done.stderr


def test_the_right_answer_a_yes_and_the_local_stack_go_on() -> None:
    destroy.confirm("local", yes=False)
    destroy.confirm("prod", yes=True)


def question(monkeypatch: pytest.MonkeyPatch, given: Mapping[str, str]) -> str:
    """What is said before a destroy of a stack with these settings."""
    monkeypatch.setattr(teardown, "configured", lambda stack, key: given.get(key, ""))
    asked: list[str] = []
    monkeypatch.setattr("ops.ask.for_name", lambda *said, **named: asked.extend(map(str, (*said, *named.values()))))
    destroy.confirm("prod", yes=False)
    return " ".join(asked)


@pytest.mark.parametrize(
    ("on_destroy", "told"),
    [
        ("keep", "So does a last snapshot of the managed database."),
        ("empty", "The managed database goes with every snapshot that an earlier destroy kept."),
    ],
)
def test_the_question_says_what_becomes_of_a_managed_database(
    monkeypatch: pytest.MonkeyPatch, on_destroy: str, told: str
) -> None:
    given = {"clusterMode": "create", "database": "rds", "storageOnDestroy": on_destroy, "login": "release"}
    assert told in question(monkeypatch, given)
    assert "managed database" not in question(monkeypatch, {**given, "database": "release"})


@pytest.mark.parametrize(
    ("on_destroy", "told"), [("keep", "The backups stay until each is old."), ("empty", "So do all backups.")]
)
def test_the_question_says_what_becomes_of_backups(monkeypatch: pytest.MonkeyPatch, on_destroy: str, told: str) -> None:
    given = {"clusterMode": "create", "backupDays": "7", "storageOnDestroy": on_destroy, "login": "release"}
    assert told in question(monkeypatch, given)
    assert "backups" not in question(monkeypatch, {**given, "backupDays": "0"})
