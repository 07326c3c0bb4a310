"""What is said and asked before a release changes: of a managed database, and of doctor."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from ops import releasing
from ops.doctor.finding import Finding
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
