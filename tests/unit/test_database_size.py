"""How RDS is asked what a snapshot had; moto knows neither AWS Backup's nor those of others."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.aws.database_size import first_gib

ARN = "arn:aws:rds:us-west-2:123456789012:snapshot:"


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "Describe")


def rds(asked: list[dict[str, Any]], *living: dict[str, Any]) -> Any:
    def instances(**_: Any) -> dict[str, Any]:
        if not living:
            raise refused("DBInstanceNotFound")
        return {"DBInstances": list(living)}

    def snapshots(**given: Any) -> dict[str, Any]:
        asked.append(given)
        return {"DBSnapshots": [{"AllocatedStorage": 60}]}

    return SimpleNamespace(describe_db_instances=instances, describe_db_snapshots=snapshots)


@pytest.mark.parametrize(
    ("snapshot", "more"),
    [
        ("mine", {}),
        ("rds:k-2026-11-01", {"SnapshotType": "automated"}),
        ("awsbackup:job-1", {"SnapshotType": "awsbackup"}),
        (f"{ARN}awsbackup:job-1", {"SnapshotType": "awsbackup"}),
        (f"{ARN}theirs", {"IncludeShared": True, "IncludePublic": True}),
    ],
)
def test_a_snapshot_is_asked_for_as_rds_finds_it(snapshot: str, more: dict[str, Any]) -> None:
    asked: list[dict[str, Any]] = []
    assert first_gib(rds(asked), "k", snapshot) == 60
    assert asked == [{"DBSnapshotIdentifier": snapshot, **more}]


@pytest.mark.parametrize(
    ("allocated", "maximum", "first"),
    [(20, 100, 20), (97, 100, 20), (60, None, 60), (60, 1000, 60), (50000, 65536, 13108)],
)
def test_one_that_lives_stays_as_it_began(allocated: int, maximum: int | None, first: int) -> None:
    more = {"MaxAllocatedStorage": maximum} if maximum else {}
    assert first_gib(rds([], {"AllocatedStorage": allocated, **more}), "k", "mine") == first


def test_what_rds_does_not_say_is_no_answer() -> None:
    def denied(**_: Any) -> Any:
        raise refused("AccessDenied")

    with pytest.raises(ClientError):
        first_gib(SimpleNamespace(describe_db_instances=denied), "k", None)
