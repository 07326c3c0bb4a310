"""The settings of the managed database."""

import re

from infra.settings.model import ClusterSettings, DatabaseSettings
from infra.settings.raw import RawSettings

_CLASS = re.compile(r"db\.[a-z][a-z0-9]*\.[a-z0-9]+")
# RDS API reference, "CreateDBSnapshot"; RDS and AWS Backup name theirs with `rds:` and `awsbackup:` in front, and a
# shared one is an ARN.
_SNAPSHOT = re.compile(
    r"((rds|awsbackup):)?[A-Za-z]([A-Za-z0-9]|-(?!-)){0,253}(?<!-)|arn:aws[a-z-]*:rds:[a-z0-9-]+:\d{12}:snapshot:\S+"
)

SMALLEST_GIB, LARGEST_GIB = 20, 65536
"""What RDS for MySQL takes of gp3 (RDS user guide, "Amazon RDS DB instance storage")."""
LONGEST_DAYS = 35


def read_database(raw: RawSettings, cluster: ClusterSettings) -> DatabaseSettings | None:
    """The managed database, or None where the release brings its own."""
    kind = raw.text("database", ("release", "rds"))
    class_ = raw.text("databaseInstanceClass")
    snapshot = raw.text("databaseSnapshot")
    found = DatabaseSettings(
        instance_class=class_,
        storage_gib=raw.integer("databaseStorageGiB", SMALLEST_GIB, LARGEST_GIB),
        multi_az=raw.boolean("databaseMultiAz"),
        backup_days=raw.integer("databaseBackupDays", 0, LONGEST_DAYS),
        snapshot=snapshot or None,
    )
    if raw.sound("databaseInstanceClass") and not _CLASS.fullmatch(class_):
        raw.problem("databaseInstanceClass", f"{class_!r} is not a class of RDS; write one like db.m7g.large.")
    if snapshot and not _SNAPSHOT.fullmatch(snapshot):
        raw.problem("databaseSnapshot", f"{snapshot!r} is not the name of a snapshot of RDS, nor the ARN of one.")
    if kind == "release":
        if snapshot:
            raw.problem("databaseSnapshot", "is for a managed database; set database to rds, or remove it.")
        return None
    if cluster.mode == "existing":
        raw.problem(
            "database", "'rds' needs the VPC of a cluster to create; set it to release, or clusterMode to create."
        )
    return found
