"""What is said and asked before a release changes: of a managed database, and of doctor."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from ops import backup, inventory, releasing, run, summary
from ops.doctor.finding import Finding
from ops.health import Health
from ops.inventory import Inventory
from ops.releasing import Wishes, managed
from ops.run import Session
from ops.upgrading import Way
from ordering.errors import UserError
from tests.unit.inputs import inputs


@pytest.mark.parametrize(
    ("settings", "said", "lacks"),
    [
        ({}, "", ""),
        ({"database": "rds"}, "RDS keeps it as of any second of the last 7 days.", ""),
        ({"database": "rds", "databaseBackupDays": 1}, "the last 1 day.", ""),
        ({"database": "rds", "databaseBackupDays": 0}, "", "the managed database, of which RDS keeps no backups"),
    ],
)
def test_a_managed_database_is_no_part_of_a_backup(settings: dict[str, Any], said: str, lacks: str) -> None:
    heard: list[str] = []
    session = SimpleNamespace(program=SimpleNamespace(given=inputs(**settings)), say=heard.append)
    found = managed(cast("Session", session))
    assert (said in "".join(heard), bool(heard)) == (True, bool(said))
    assert (lacks in "".join(found), bool(found)) == (True, bool(lacks))


def notebooks(*names: str) -> Inventory:
    """People's notebooks."""
    kind = {"apiVersion": "kubeflow.org/v1", "kind": "Notebook"}
    objects = [{**kind, "metadata": {"name": one, "namespace": "alice"}} for one in names]
    return Inventory(objects=objects, kinds=frozenset({("kubeflow.org", "Notebook")}))


class Played:
    """`make upgrade` in a cluster with these notebooks, on a store of backups; the run itself does nothing."""

    def __init__(self, store: backup.Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.live, self.store = notebooks("mine", "yours"), store
        self.wrong: tuple[str, ...] = ()
        session = SimpleNamespace(stack=None, resources=[], timed=nullcontext)
        monkeypatch.setattr(run, "session", lambda *_, **__: nullcontext(session))
        monkeypatch.setattr(releasing, "_answering", nullcontext)
        monkeypatch.setattr(inventory, "look", lambda *_: self.live)
        monkeypatch.setattr(releasing, "_store", lambda *_: store)
        monkeypatch.setattr(releasing, "_prepared", self.prepared)
        monkeypatch.setattr(releasing, "_checked", self.checked)
        monkeypatch.setattr(releasing, "bring_up", self.brought)
        monkeypatch.setattr(summary, "print_up", lambda *_: None)
        for name in ("_check_writable", "_examined", "_images", "_write"):
            monkeypatch.setattr(releasing, name, lambda *_: None)

    def prepared(self, _: Any, way: Way, wishes: Wishes, found: Inventory, *__: Any) -> str:
        if wishes.backup != "no":
            crd: dict[str, Any] = {"kind": "CustomResourceDefinition", "apiVersion": "v1", "metadata": {"name": "n"}}
            crd["spec"] = {"group": "kubeflow.org", "names": {"kind": "Notebook"}}
            name = backup.title("dev", way.old, way.new, datetime.now(UTC))
            backup._put(self.store, f"{name}.objects.json.gz", [json.dumps(backup.listed(found, [crd], [])).encode()])
        return ""

    def brought(self, _: Any, *, agree: Callable[[Any], None], **__: Any) -> Any:
        agree(SimpleNamespace(changes=False))
        return SimpleNamespace(outputs={})

    def checked(self, _: Any, before: Inventory) -> Health:
        gone = tuple(f"{one.name} is gone" for one in sorted(before.places - self.live.places))
        return Health(wrong=gone + self.wrong, went=(), workloads=0, objects=0, webhooks=0, configured=0)

    def run(self, *, begun: bool, wanted: backup.Wanted = "yes") -> None:
        wishes = Wishes(yes=True, lose=[], keep=[], backup=wanted, rehearse=False, pods="instant")
        releasing._go(Way(old="1.10.2", new="26.03", before="1.10.2", begun=begun), "dev", wishes, Console())


def test_what_was_there_before_counts_until_all_works_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = Played(backup.Folder(tmp_path), monkeypatch)
    played.wrong = ("web is not available",)
    with pytest.raises(UserError, match="web is not available"):
        played.run(begun=False)
    played.live, played.wrong = notebooks("yours"), ()
    with pytest.raises(UserError, match="mine is gone"):
        played.run(begun=True)
    played.live = notebooks("mine", "yours")
    played.run(begun=True)
    played.live = notebooks("yours")
    played.run(begun=True)


def test_a_run_without_a_backup_that_goes_on_takes_no_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of a way which was begun, and left for the way back."""
    played = Played(backup.Folder(tmp_path), monkeypatch)
    played.wrong = ("web is not available",)
    for deleted in (False, True):
        played.live = notebooks("yours") if deleted else played.live
        with pytest.raises(UserError, match=r"as it should be: web is not available[.]"):
            played.run(begun=False, wanted="no" if deleted else "yes")
    played.wrong = ()
    played.run(begun=True)


def test_a_store_that_does_not_answer_stops_nobody_who_wants_no_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: Any) -> list[str]:
        raise UserError("The backup cannot be read: BACKUP=no.")

    monkeypatch.setattr(backup.Folder, "names", silent)
    played = Played(backup.Folder(tmp_path), monkeypatch)
    played.run(begun=False, wanted="no")
    with pytest.raises(UserError, match="cannot be read"):
        played.run(begun=False)


@pytest.mark.parametrize(("old", "new"), [("1.10.2", "26.03"), ("26.03", "1.10.2")])
def test_settings_that_cannot_be_written_are_refused_before_anything_is_asked(
    old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "Pulumi.dev.yaml"
    settings.write_text("config: {aws:region: us-west-2}\n")
    monkeypatch.setattr(releasing, "stack_file", lambda _: settings)
    monkeypatch.setattr(releasing, "examine", lambda *_: pytest.fail("doctor was asked"))
    wishes = Wishes(yes=True, lose=[], keep=[], backup="yes", rehearse=False, pods="instant")
    with pytest.raises(UserError, match=r"^Pulumi[.]dev[.]yaml .* nothing was changed"):
        releasing._go(Way(old=old, new=new, before=old, begun=False), "dev", wishes, Console())
    assert settings.read_text() == "config: {aws:region: us-west-2}\n"


@pytest.mark.parametrize(("old", "new"), [("1.10.2", "26.03"), ("26.03", "1.10.2")])
def test_doctor_is_asked_for_the_new_release_with_the_one_before(
    old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would take a rollback for somebody's mistake."""
    asked: list[dict[str, str]] = []

    def examine(_: str, changes: dict[str, str]) -> list[Finding]:
        asked.append(changes)
        return []

    monkeypatch.setattr(releasing, "examine", examine)
    releasing._examined("dev", Way(old=old, new=new, before=old, begun=False), print)
    assert asked == [{"kubeflowRelease": old}, {"kubeflowRelease": new, "kubeflowReleaseBefore": old}]
