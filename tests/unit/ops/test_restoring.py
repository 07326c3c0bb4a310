"""What is listed of the backups, and what becomes of one; the whole of it runs in tests/local/test_kept.py."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.aws import kept
from ops import restoring
from ops.commands import restore
from ops.leftovers import Owner, Place, stored
from ops.restoring import Point
from ordering.errors import UserError
from tests.unit.settings_source import settings

NAMES = kept.Names(project="kubeflow", stack="dev", region="us-west-2", repository=None)
NOW = datetime(2026, 11, 27, 5, tzinfo=UTC)
SNAPSHOT = "arn:aws:ec2:us-west-2::snapshot/snap-1"
VOLUME = Point(
    arn=SNAPSHOT, vault="kubeflow-dev-backups", kind="EBS", source="arn:aws:ec2:us-west-2:1:volume/vol-1",
    claim="team/models", made=NOW, gb=10 * 2**30 / 10**9,
)  # fmt: skip
ROLE = "arn:aws:iam::1:role/kubeflow-dev-backup"


class Aws:
    """AWS with recovery points, one claim's snapshot, and restore jobs that end as they are told to."""

    def __init__(self, points: list[dict[str, Any]], ends: str = "COMPLETED") -> None:
        self.points, self.ends, self.started = points, ends, dict[str, Any]()

    def __call__(self, service: str) -> Any:
        return self

    def get_paginator(self, operation: str) -> Any:
        pages: dict[str, dict[str, Any]] = {
            "list_backup_vaults": {
                "BackupVaultList": [{"BackupVaultName": "kubeflow-dev-backups", "BackupVaultArn": "v"}]
            },
            "list_recovery_points_by_backup_vault": {"RecoveryPoints": self.points},
            "describe_snapshots": {
                "Snapshots": [
                    {
                        "SnapshotId": "snap-1",
                        "Tags": [
                            {"Key": "kubernetes.io/created-for/pvc/name", "Value": "models"},
                            {"Key": "kubernetes.io/created-for/pvc/namespace", "Value": "team"},
                        ],
                    }
                ]
            },
        }
        return type("Pages", (), {"paginate": lambda _, **__: [pages[operation]]})()

    def list_tags(self, **_: Any) -> Any:
        return {"Tags": {"pulumi:project": "kubeflow", "pulumi:stack": "dev"}}

    def describe_volumes(self, **asked: Any) -> Any:
        there = [{"AvailabilityZone": "us-west-2a", "Size": 10}]
        return {"Volumes": there if asked["Filters"][0]["Values"] == ["vol-2"] else []}

    def start_restore_job(self, **asked: Any) -> Any:
        self.started = asked
        return {"RestoreJobId": "1"}

    def describe_restore_job(self, **_: Any) -> Any:
        return {
            "Status": self.ends,
            "CreatedResourceArn": "arn:aws:ec2:us-west-2:1:volume/vol-2",
            "StatusMessage": "no",
        }


def point(arn: str, kind: str, hours: int, status: str = "COMPLETED") -> dict[str, Any]:
    about = {"RecoveryPointArn": arn, "ResourceType": kind, "ResourceArn": "a", "Status": status}
    return {**about, "BackupVaultName": "v", "CreationDate": NOW + timedelta(hours=hours), "BackupSizeInBytes": 10**9}


def test_whole_backups_are_listed_newest_first_and_a_volume_by_its_claim() -> None:
    aws = Aws([point(SNAPSHOT, "EBS", 0), point("db", "RDS", 1), point("old", "EFS", 2, "EXPIRED")])
    assert [one.what for one in restoring.points(aws, NAMES)] == ["database", "volume of claim team/models"]
    assert restoring.points(aws, kept.Names(project="x", stack="y", region="us-west-2", repository=None)) == []


def test_a_volume_comes_back_with_the_tags_that_let_the_driver_have_it(capsys: pytest.CaptureFixture[str]) -> None:
    aws = Aws([])
    restore.bring_back(aws, settings(), VOLUME, ROLE)
    assert aws.started["CopySourceTagsToRestoredResource"] is True
    assert aws.started["Metadata"]["availabilityZone"] == "us-west-2a"
    text = capsys.readouterr().out
    assert "volumeHandle: vol-2" in text
    assert "storage: 10Gi" in text
    volume, claim = restoring.claim(VOLUME, "vol-2", "us-west-2a", 10)
    assert (claim["metadata"]["namespace"], claim["metadata"]["name"]) == ("team", "models-restored")
    assert claim["spec"]["volumeName"] == volume["metadata"]["name"]
    assert volume["spec"]["capacity"]["storage"] == "10Gi"
    assert volume["spec"]["claimRef"]["name"] == "models-restored"


def test_a_database_is_no_job_but_a_setting(capsys: pytest.CaptureFixture[str]) -> None:
    aws = Aws([])
    arn = "arn:aws:rds:us-west-2:1:snapshot:awsbackup:job-1"
    restore.bring_back(aws, settings(), Point(**{**vars(VOLUME), "kind": "RDS", "arn": arn}), ROLE)
    assert "set `databaseSnapshot` to awsbackup:job-1 in" in capsys.readouterr().err
    assert aws.started == {}


def test_what_aws_does_not_restore_is_one_sentence() -> None:
    with pytest.raises(UserError, match="AWS did not restore volume of claim team/models: no"):
        restoring.restore(Aws([], "FAILED"), VOLUME, role=ROLE, metadata={})


def test_a_vault_that_a_destroy_kept_is_listed_with_its_price() -> None:
    owner = Owner(project="kubeflow", stack="dev", cluster="kubeflow-dev", region="us-west-2")
    aws = Aws([point(SNAPSHOT, "EBS", 0), point("db", "RDS", 1)])
    [found] = stored.backups(aws, Place(owner, frozenset()))
    assert (found.id, found.kept) == ("kubeflow-dev-backups", True)
    assert found.what == "kept on purpose, 2 recovery points of 2.0 GB"
    assert float(found.monthly) == pytest.approx(0.10)


def test_without_its_role_nothing_is_restored() -> None:
    with pytest.raises(UserError, match="dev has no role that restores; set backupDays, and run"):
        restore.role_of("dev", [])
