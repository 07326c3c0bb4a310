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
    """One recovery point: of which kind and of what it is (`source`, an ARN), and for a volume whose claim's.

    The claim is NAMESPACE/NAME, empty where the tags name none.
    """

    arn: str
    vault: str
    kind: str
    source: str
    claim: str
    made: datetime
    gb: float

    @property
    def id(self) -> str:
        """By what a person names it: the last part of its ARN, `snap-1`, `awsbackup:job-1` or a UUID."""
        resource = self.arn.split(":", 5)[5]
        return resource.partition("/")[2] or resource.partition(":")[2]

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
    found = _volume(client, point.source.rpartition("/")[2])
    return str(found["AvailabilityZone"]) if found else zones[0]


def size_of(client: Client, volume: str) -> int:
    """The size of a volume that is there, in GiB."""
    return int((_volume(client, volume) or {"Size": 0})["Size"])


def _volume(client: Client, id_: str) -> dict[str, Any] | None:
    """A volume as EC2 describes it; as a filter, for one that is gone is an error else."""
    try:
        found = client("ec2").describe_volumes(Filters=[{"Name": "volume-id", "Values": [id_]}])["Volumes"]
    except (ClientError, BotoCoreError) as error:
        raise UserError(f"AWS does not say what the volume {id_} is: {error}") from None
    return found[0] if found else None


def claim(point: Point, volume: str, zone: str, gib: int) -> list[Manifest]:
    """What makes a restored volume a claim beside the old one: `models-restored` for `models`.

    The volume stays where the claim is deleted.
    """
    namespace, _, name = point.claim.partition("/")
    size = f"{gib}Gi"
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
