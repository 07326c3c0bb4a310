"""How much storage a managed database begins with: RDS lets none shrink, nor come back with less than it had.

What is smaller it refuses (RDS API reference, "ModifyDBInstance"), and terraform-provider-aws asks for that after each
restore (internal/service/rds/instance.go).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

GROWS = 5
"""How many times its first storage it may grow to."""

# RDS API reference, "DescribeDBSnapshots": these are found under their type alone.
_TYPES = {"rds:": "automated", "awsbackup:": "awsbackup"}


def first_gib(rds: Any, database: str, snapshot: str | None) -> int:
    """GiB that the database of this name has begun with, or the snapshot makes it begin with; 0 where neither is there.

    What one that lives has grown to by itself does not count, nor the snapshot that it came from. ClientError when AWS
    does not say.
    """
    for one in _there(lambda: rds.describe_db_instances(DBInstanceIdentifier=database)["DBInstances"]):
        allocated = int(one["AllocatedStorage"])
        return min(allocated, -(-int(one.get("MaxAllocatedStorage") or allocated * GROWS) // GROWS))
    return _of_snapshot(rds, snapshot) if snapshot else 0


def _of_snapshot(rds: Any, snapshot: str) -> int:
    name = snapshot.rpartition(":snapshot:")[2]
    more: dict[str, Any] = {}
    if kind := next((kind for start, kind in _TYPES.items() if name.startswith(start)), None):
        more = {"SnapshotType": kind}
    elif name != snapshot:  # an ARN, maybe somebody else's
        more = {"IncludeShared": True, "IncludePublic": True}
    found = _there(lambda: rds.describe_db_snapshots(DBSnapshotIdentifier=snapshot, **more)["DBSnapshots"])
    return max((int(one["AllocatedStorage"]) for one in found), default=0)


def _there(ask: Callable[[], Sequence[Mapping[str, Any]]]) -> Sequence[Mapping[str, Any]]:
    # botocore takes a while to import, and whoever has a client has done so.
    from botocore.exceptions import ClientError

    try:
        return ask()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("DBInstanceNotFound", "DBSnapshotNotFound"):
            return ()
        raise
