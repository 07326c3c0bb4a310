"""What is said of a managed database before a release changes: RDS keeps it, or nobody does."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops.releasing import managed
from ops.run import Session
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
