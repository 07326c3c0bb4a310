"""What daily backups hold of a stack, and how one of them comes back: beside what is there, never over it."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.aws import kept
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

Client = Callable[[str], Any]

PATIENCE_S = 3600.0
"""Seconds that a restore may take here; AWS goes on with it for as long as it takes."""
_POLL_S = 1.0

_CLAIM = "kubernetes.io/created-for/pvc/"
_GB = 10**9


@dataclass(frozen=True, kw_only=True)
class Point:
    """One recovery point: its ARN, which says which, of what it is, and for a volume whose claim's (NAMESPACE/NAME)."""

    arn: str
    vault: str
    kind: str
    source: str
    claim: str
    made: datetime
    gb: float

    @property
    def what(self) -> str:
        """In words, such as `volume of claim kubeflow/models`."""
        names = {"EBS": "volume", "EFS": "files", "RDS": "database"}
        return names.get(self.kind, self.kind) + (f" of claim {self.claim}" if self.claim else "")


def points(client: Client, stack: kept.Names) -> list[Point]:
    """The whole recovery points of a stack's vault, newest first; UserError where AWS refuses to tell."""
    try:
        if kept.vault(client, stack) is None:
            return []
        asked = client("backup").get_paginator("list_recovery_points_by_backup_vault")
        pages = asked.paginate(BackupVaultName=kept.vault_name(stack.prefix))
        found = [one for page in pages for one in page["RecoveryPoints"] if one["Status"] == "COMPLETED"]
        claims = _claims(client, [one["RecoveryPointArn"] for one in found if one["ResourceType"] == "EBS"])
    except (ClientError, BotoCoreError) as error:
        raise UserError(f"AWS does not say what is backed up: {error}") from None
    listed = [
        Point(
            arn=one["RecoveryPointArn"],
            vault=one["BackupVaultName"],
            kind=one["ResourceType"],
            source=one["ResourceArn"],
            claim=claims.get(one["RecoveryPointArn"], ""),
            made=one["CreationDate"],
            gb=one.get("BackupSizeInBytes", 0) / _GB,
        )
        for one in found
    ]
    return sorted(listed, key=lambda one: one.made, reverse=True)


def _claims(client: Client, snapshots: Iterable[str]) -> dict[str, str]:
    """Whose claim's each snapshot is, by its ARN: the tags of a volume go with it into its snapshots."""
    by_id = {arn.rpartition("/")[2]: arn for arn in snapshots}
    found = {}
    if by_id:
        pages = client("ec2").get_paginator("describe_snapshots").paginate(SnapshotIds=sorted(by_id))
        for one in (snapshot for page in pages for snapshot in page["Snapshots"]):
            tags = {tag["Key"]: tag["Value"] for tag in one.get("Tags", ())}
            if name := tags.get(f"{_CLAIM}name"):
                found[by_id[one["SnapshotId"]]] = f"{tags.get(f'{_CLAIM}namespace', '')}/{name}"
    return found


def restore(client: Client, point: Point, *, role: str, metadata: Mapping[str, str]) -> str:
    """The ARN of what a recovery point became, made as it was but for `metadata`.

    UserError where AWS refuses, or takes too long.
    """
    backup = client("backup")
    try:
        about = {"BackupVaultName": point.vault, "RecoveryPointArn": point.arn}
        before = backup.get_recovery_point_restore_metadata(**about)["RestoreMetadata"] if point.kind == "EFS" else {}
        job = backup.start_restore_job(
            RecoveryPointArn=point.arn,
            IamRoleArn=role,
            ResourceType=point.kind,
            Metadata={**before, **metadata},
            # Without the driver's own tag its role may not attach the volume (AmazonEBSCSIDriverPolicyV2).
            CopySourceTagsToRestoredResource=point.kind == "EBS",
        )["RestoreJobId"]
        end = time.monotonic() + PATIENCE_S
        while True:
            found = backup.describe_restore_job(RestoreJobId=job)
            if found["Status"] == "COMPLETED":
                return str(found["CreatedResourceArn"])
            if found["Status"] in ("ABORTED", "FAILED"):
                raise UserError(f"AWS did not restore {point.what}: {found.get('StatusMessage') or found['Status']}")
            if time.monotonic() > end:
                raise UserError(f"AWS still restores {point.what}; look at restore job {job} in AWS Backup.")
            time.sleep(_POLL_S)
    except (ClientError, BotoCoreError) as error:
        raise UserError(f"AWS does not restore {point.what}: {error}") from None


def zone_of(client: Client, point: Point, zones: tuple[str, ...]) -> str:
    """Where the volume comes back: in the zone of the old one, which its pod may be bound to, else in the first."""
    wanted = [{"Name": "volume-id", "Values": [point.source.rpartition("/")[2]]}]
    try:
        found = client("ec2").describe_volumes(Filters=wanted)["Volumes"]
    except (ClientError, BotoCoreError) as error:
        raise UserError(f"AWS does not say where the volume was: {error}") from None
    return str(found[0]["AvailabilityZone"]) if found else zones[0]


def claim(point: Point, volume: str, zone: str) -> list[Manifest]:
    """What makes a restored volume a claim beside the old one: `models-restored` for `models`.

    The volume stays where the claim is deleted.
    """
    namespace, _, name = point.claim.partition("/")
    size = f"{max(1, round(point.gb * _GB / 2**30))}Gi"
    common = {"accessModes": ["ReadWriteOnce"], "storageClassName": "gp3"}
    name = f"{name or volume}-restored"
    term = {"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}]}
    about = {"name": name, "namespace": namespace or "default"}
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"restored-{volume}"},
            "spec": {
                **common,
                "capacity": {"storage": size},
                "persistentVolumeReclaimPolicy": "Retain",
                "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": volume, "fsType": "ext4"},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
                "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **about},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": about,
            "spec": {**common, "resources": {"requests": {"storage": size}}, "volumeName": f"restored-{volume}"},
        },
    ]
