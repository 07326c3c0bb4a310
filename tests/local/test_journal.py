"""State in files: the copy that a preview works on, and what is done where the files are damaged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
from click.testing import CliRunner, Result

from ops.backend import Backend
from ops.commands import recover as recover_command
from ordering.errors import UserError
from state import serving

CHECKPOINT: dict[str, Any] = {
    "version": 3,
    "checkpoint": {"stack": "organization/kubeflow/local", "latest": {"manifest": {}}},
}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The file of a stack's state."""
    file = tmp_path / ".pulumi" / "stacks" / "kubeflow" / "local.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(CHECKPOINT))
    return file


def test_what_happens_to_the_copy_does_not_happen_to_the_state(state: Path, tmp_path: Path) -> None:
    before = state.read_bytes()
    with serving.copied(tmp_path, "kubeflow", "local") as served:
        copy = Path(urlparse(served.environment["PULUMI_BACKEND_URL"]).path)
        copied = copy / state.relative_to(tmp_path)
        assert json.loads(copied.read_text())["checkpoint"]["stack"] == "organization/kubeflow/local"
        copied.write_text("")
    assert state.read_bytes() == before
    assert not copy.exists()


def test_damaged_state_is_named(state: Path, tmp_path: Path) -> None:
    state.write_text('{"version": 3, "checkpoint": {"st')
    refused = r"local\.json cannot be read .*`make recover STACK=local`"
    with pytest.raises(UserError, match=refused), serving.copied(tmp_path, "kubeflow", "local"):
        pass
    with pytest.raises(UserError, match=refused):
        serving.check(tmp_path, "kubeflow", "local")


def test_damaged_state_of_another_stack_is_left_out(
    state: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    state.with_name("dev.json").write_text("")
    with serving.copied(tmp_path, "kubeflow", "local") as served:
        copy = Path(urlparse(served.environment["PULUMI_BACKEND_URL"]).path)
        assert [one.name for one in (copy / state.relative_to(tmp_path)).parent.iterdir()] == ["local.json"]
    assert "Not looked at: " in (said := capfd.readouterr().err)
    assert "`make recover STACK=dev`" in said


def test_a_stack_that_was_never_made_is_in_order(tmp_path: Path) -> None:
    serving.check(tmp_path, "kubeflow", "local")


@pytest.fixture
def recover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Result]:
    """`python -m ops recover` on the state of the fixture of that name."""
    found = Backend(environment={}, note="State is here.", folder=tmp_path)
    monkeypatch.setattr(recover_command, "backend", lambda stack: found)
    return lambda: CliRunner().invoke(recover_command.command, [])


def test_state_in_order_is_left_alone(state: Path, recover: Callable[[], Result]) -> None:
    before = state.read_bytes()
    assert recover().output == "The state of local is in order: nothing was changed.\n"
    assert state.read_bytes() == before


def test_damaged_state_is_brought_back_from_its_copy(state: Path, recover: Callable[[], Result]) -> None:
    good = state.read_text()
    state.with_suffix(".backup").write_text(good)
    state.write_text(good[:40])
    output = recover().output
    (aside,) = state.parent.glob("local.json.set-aside-*")
    assert aside.read_text() == good[:40]
    assert f"Kept as it was: {aside}." in output
    assert "now local.backup as it was last good, with 0 steps" in output
    assert json.loads(state.read_text())["checkpoint"]["stack"] == CHECKPOINT["checkpoint"]["stack"]
    assert recover().output == "The state of local is in order: nothing was changed.\n"


def test_where_nothing_is_good_the_files_stay(state: Path, recover: Callable[[], Result]) -> None:
    state.write_text("")
    result = recover()
    assert isinstance(result.exception, UserError)
    assert "bring" in str(result.exception)
    assert [one.name for one in state.parent.iterdir() if one.suffix != ".lock"] == ["local.json"]
