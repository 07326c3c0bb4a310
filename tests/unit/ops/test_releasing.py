"""What is said and asked before a release changes: of a managed database, and of doctor."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops import releasing
from ops.doctor.finding import Finding
from ops.releasing import managed
from ops.run import Session
from ops.upgrading import Way
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
