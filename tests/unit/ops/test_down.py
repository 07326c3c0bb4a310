"""`down`: what it refuses it leaves alone, and damaged files do not stop it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from localcloud import laptop
from ops.commands.down import command
from ordering.errors import UserError
from tests.unit.test_claim import holder

BESIDE = ("local.json.bak", "local.journal", "local.backup", "local.lock")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KUBEFLOW_LOCAL_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def stacks(root: Path) -> Path:
    """The folder of the stacks' states, with one of another stack and one that was set aside."""
    folder = root / ".local" / "state" / ".pulumi" / "stacks" / "kubeflow"
    folder.mkdir(parents=True)
    for name in ("local.json", *BESIDE, "local.json.set-aside-20261101T000000.000Z", "dev.json", "dev.journal"):
        (folder / name).write_text("{ damaged")
    return folder


def down() -> Result:
    return CliRunner().invoke(command, [])


def refused(why: str) -> None:
    result = down()
    assert isinstance(result.exception, UserError), result.output
    assert why in str(result.exception)


def test_damaged_state_is_forgotten_and_nobody_elses(stacks: Path) -> None:
    history = stacks.parents[1] / "history" / "kubeflow" / "local"
    history.mkdir(parents=True)
    assert down().exit_code == 0
    assert sorted(one.name for one in stacks.iterdir()) == [
        "dev.journal",
        "dev.json",
        "local.json.set-aside-20261101T000000.000Z",
    ]
    assert not history.exists()


def test_damaged_files_of_the_laptop_are_forgotten(root: Path) -> None:
    for name in ("plane/plane.json", "emulator/emulator.json", "emulator/process.json"):
        path = root / ".local" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"ports": []}))
    assert down().exit_code == 0
    assert not (root / ".local" / "plane").exists()


def test_a_checkout_without_anything_is_down_already(root: Path) -> None:
    assert down().exit_code == 0


def test_a_run_at_work_keeps_its_laptop(root: Path, stacks: Path) -> None:
    with holder(laptop.in_use(root), shared=True):
        refused("A run is at work on the local stack, and nothing was stopped")
    assert (stacks / "local.journal").exists()


def test_an_engine_that_outlives_its_run_keeps_its_state(
    root: Path, stacks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("state.serving._ENDS_S", 0.2)
    with holder(stacks / "local.lock"):
        refused("Another run holds stack 'local'")
    assert (stacks / "local.journal").exists()


def test_a_lock_of_ours_whose_run_was_killed_goes_with_the_state(root: Path, stacks: Path) -> None:
    locks = stacks.parents[1] / "locks" / "organization" / "kubeflow" / "local"
    locks.mkdir(parents=True)
    (locks / "make.json").write_text("{}")
    assert down().exit_code == 0
    assert not locks.exists()


def test_plain_pulumi_keeps_its_state(root: Path, stacks: Path) -> None:
    lock = stacks.parents[1] / "locks" / "organization" / "kubeflow" / "local" / "4f7a.json"
    lock.parent.mkdir(parents=True)
    lock.write_text("{}")
    refused("type `pulumi cancel --stack local`")
    assert (stacks / "local.json").exists()
