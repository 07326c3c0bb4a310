"""AWS Backup: jobs take their time, leave recovery points that can be restored, and hold their vault.

Source: AWS Backup API reference, "StartBackupJob", "StartRestoreJob", "DeleteBackupVault", "DeleteBackupPlan", and the
words of its refusals as issue 37774 of terraform-provider-aws has them. MiniStack keeps no recovery points, and deletes
any vault. No plan runs by itself here: somebody starts its job.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region, new_uuid
from ministack.services import backup, ec2, efs, iam, rds

from localcloud.emulator.conduct import phases
from localcloud.emulator.conduct.before import Before, Request
from localcloud.emulator.conduct.phases import Answer

Record = dict[str, Any]

_points: Any = AccountRegionScopedDict()
_restores: Any = AccountRegionScopedDict()


class Backup(Before):
    """Before MiniStack's handler of AWS Backup."""

    async def answer(self, asked: Request) -> Answer:
        match asked.method, unquote(asked.path).strip("/").split("/"):
            case "PUT", ["backup-jobs"]:
                return await self._begins(asked)
            case "PUT", ["restore-jobs"]:
                return self._restores(asked.json)
            case "GET", ["restore-jobs", id_] if id_ in _restores:
                return _ok(_restores[id_])
            case "GET", ["backup-vaults", name, "recovery-points"] if name in backup._vaults:
                return _ok({"RecoveryPoints": _of(name)})
            case _, ["backup-vaults", _, "recovery-points", *rest] if rest:
                return self._point(asked.method, "/".join(rest))
            case "DELETE", ["backup-vaults", name] if _of(name):
                return _refused("Backup vault cannot be deleted because it contains recovery points.")
            case "DELETE", ["backup", "plans", id_] if _selections(id_):
                return _refused("Related backup plan selections must be deleted prior to backup plan deletion.")
        return await self.served(asked)

    async def _begins(self, request: Request) -> Answer:
        asked = request.json
        source = asked["ResourceArn"]
        if _size(source) is None:
            return backup._err("ResourceNotFoundException", f"{source} is not there.", 400)  # type: ignore[no-any-return]
        if _role(asked) not in iam._roles:
            return _no_role(asked)
        answer = await self.served(request)
        if answer[0] != 200:
            return answer
        id_ = str(json.loads(answer[2])["BackupJobId"])
        job, vault = backup._jobs[id_], backup._vaults[asked["BackupVaultName"]]
        job.pop("RecoveryPointArn")
        job |= {"State": "RUNNING", "PercentDone": "0.0"}
        # MiniStack counts it already.
        vault["NumberOfRecoveryPoints"] -= 1

        def done() -> None:
            point = _made(id_, source, vault, asked)
            job.update(State="COMPLETED", PercentDone="100.0", RecoveryPointArn=point["RecoveryPointArn"])
            job.update(BackupSizeInBytes=point["BackupSizeInBytes"], ResourceType=point["ResourceType"])

        self._phases.begin(id_, "RUNNING", phases.BACKUP, done)
        return _ok({"BackupJobId": id_, "CreationDate": job["CreationDate"], "IsParent": False})

    def _point(self, method: str, rest: str) -> Answer:
        arn = rest.removesuffix("/restore-metadata")
        if arn not in _points:
            told = f"Cannot find Recovery Point with id {arn}."
            return backup._err("ResourceNotFoundException", told, 400)  # type: ignore[no-any-return]
        point = _points[arn]
        if method == "GET" and arn != rest:
            return _ok({"RecoveryPointArn": arn, "RestoreMetadata": _metadata(point)})
        if method == "DELETE":
            point["Status"] = "DELETING"
            self._phases.begin(arn, "DELETING", phases.BACKUP_END, lambda: _forget(arn))
            return backup._no_content()  # type: ignore[no-any-return]
        return _ok(point)

    def _restores(self, asked: Mapping[str, Any]) -> Answer:
        arn, wanted = asked["RecoveryPointArn"], asked["Metadata"]
        point = _points.get(arn)
        if point is None or point["Status"] != "COMPLETED":
            told = f"Cannot find Recovery Point with id {arn}."
            return backup._err("ResourceNotFoundException", told, 400)  # type: ignore[no-any-return]
        if _role(asked) not in iam._roles:
            return _no_role(asked)
        if point["ResourceType"] == "RDS":
            told = "Not emulated: a database is restored as another instance."
            return backup._err("InvalidParameterValueException", told, 400)  # type: ignore[no-any-return]
        system = wanted.get("file-system-id", "")
        if point["ResourceType"] == "EFS" and system not in efs._file_systems:
            told = f"File system {system} does not exist."
            return backup._err("InvalidParameterValueException", told, 400)  # type: ignore[no-any-return]
        id_ = new_uuid()
        job = {
            "RestoreJobId": id_, "RecoveryPointArn": arn, "Status": "RUNNING", "PercentDone": "0.0",
            "ResourceType": point["ResourceType"], "IamRoleArn": asked["IamRoleArn"], "CreationDate": _now(),
        }  # fmt: skip
        _restores[id_] = job

        def done() -> None:
            tagged = bool(asked.get("CopySourceTagsToRestoredResource"))
            files = _arn_of_files(system)
            made = _volume(point, wanted, tagged=tagged) if point["ResourceType"] == "EBS" else files
            job.update(Status="COMPLETED", PercentDone="100.0", CreatedResourceArn=made)

        self._phases.begin(id_, "RUNNING", phases.BACKUP, done)
        return _ok({"RestoreJobId": id_})


def _made(job: str, source: str, vault: Record, asked: Mapping[str, Any]) -> Record:
    """The recovery point that a job leaves: a snapshot, but of files, which AWS Backup keeps itself."""
    kind = source.split(":")[2]
    if kind == "ec2":
        volume = _name(source)
        told = ec2._create_snapshot({"VolumeId": [volume], "Description": ["This snapshot is created by AWS Backup."]})
        id_ = told[2].decode().split("<snapshotId>")[1].split("<")[0]
        ec2._tags[id_] = list(ec2._tags.get(volume, ()))
        arn, type_ = f"arn:aws:ec2:{get_region()}::snapshot/{id_}", "EBS"
    elif kind == "rds":
        name = f"awsbackup:job-{job}"
        snapshot = rds._create_snapshot_internal(name, rds._instances[_name(source)])
        snapshot["SnapshotType"] = "awsbackup"
        arn, type_ = snapshot["DBSnapshotArn"], "RDS"
    else:
        arn, type_ = f"arn:aws:backup:{get_region()}:{get_account_id()}:recovery-point:{job}", "EFS"
    point = {
        "RecoveryPointArn": arn,
        "BackupVaultName": vault["BackupVaultName"],
        "BackupVaultArn": vault["BackupVaultArn"],
        "ResourceArn": source,
        "ResourceType": type_,
        "IamRoleArn": asked["IamRoleArn"],
        "CreationDate": _now(),
        "Status": "COMPLETED",
        "BackupSizeInBytes": _size(source) or 0,
        "Lifecycle": asked.get("Lifecycle") or {},
    }
    _points[arn] = point
    vault["NumberOfRecoveryPoints"] += 1
    return point


def _forget(arn: str) -> None:
    point = _points.pop(arn)
    backup._vaults[point["BackupVaultName"]]["NumberOfRecoveryPoints"] -= 1
    if point["ResourceType"] == "EBS":
        ec2._delete_snapshot({"SnapshotId": [_name(arn)]})
    elif point["ResourceType"] == "RDS":
        rds._snapshots.pop(_name(arn), None)


def _volume(point: Record, wanted: Mapping[str, str], *, tagged: bool) -> str:
    """The ARN of a new volume; it has the old one's tags only where that is asked for."""
    given = {"AvailabilityZone": wanted["availabilityZone"], "VolumeType": wanted.get("volumeType", "gp3")}
    given |= {"SnapshotId": _name(point["RecoveryPointArn"]), "Size": str(point["BackupSizeInBytes"] >> 30)}
    given["Encrypted"] = wanted.get("encrypted", "false")
    told = ec2._create_volume({key: [value] for key, value in given.items()})
    id_ = told[2].decode().split("<volumeId>")[1].split("<")[0]
    if tagged:
        ec2._tags[id_] = list(ec2._tags.get(given["SnapshotId"], ()))
    return f"arn:aws:ec2:{get_region()}:{get_account_id()}:volume/{id_}"


def _metadata(point: Record) -> dict[str, str]:
    if point["ResourceType"] == "EBS":
        snapshot = ec2._snapshots[_name(point["RecoveryPointArn"])]
        return {
            "volumeId": snapshot["VolumeId"],
            "encrypted": str(snapshot["Encrypted"]).lower(),
            "volumeSize": str(snapshot["VolumeSize"]),
        }
    if point["ResourceType"] == "EFS":
        return {"file-system-id": _name(point["ResourceArn"]), "Encrypted": "true", "PerformanceMode": "generalPurpose"}
    return {"DBSnapshotIdentifier": _name(point["RecoveryPointArn"])}


def _size(arn: str) -> int | None:
    """How many bytes something holds at most; None for what is not there."""
    name = _name(arn)
    if name in ec2._volumes:
        return int(ec2._volumes[name]["Size"]) << 30
    if name in rds._instances:
        return int(rds._instances[name]["AllocatedStorage"]) << 30
    return int(efs._file_systems[name]["SizeInBytes"]["Value"]) if name in efs._file_systems else None


def _of(vault: str) -> list[Record]:
    return [one for one in _points.values() if one["BackupVaultName"] == vault]


def _selections(plan: str) -> bool:
    return any(one["BackupPlanId"] == plan for one in backup._selections.values())


def _no_role(asked: Mapping[str, Any]) -> Answer:
    told = f"AWS Backup cannot assume the IAM role {asked['IamRoleArn']}."
    return backup._err("InvalidParameterValueException", told, 400)  # type: ignore[no-any-return]


def _role(asked: Mapping[str, Any]) -> str:
    return str(asked["IamRoleArn"]).rpartition("/")[2]


def _name(arn: str) -> str:
    """The last part: `vol-1` of …:volume/vol-1, `awsbackup:job-1` of …:snapshot:awsbackup:job-1."""
    resource = arn.split(":", 5)[5]
    return resource.partition("/")[2] or resource.partition(":")[2]


def _arn_of_files(id_: str) -> str:
    return f"arn:aws:elasticfilesystem:{get_region()}:{get_account_id()}:file-system/{id_}"


def _now() -> float:
    return datetime.now(UTC).timestamp()


def _ok(told: Mapping[str, Any]) -> Answer:
    return backup._ok(told)  # type: ignore[no-any-return]


def _refused(told: str) -> Answer:
    return backup._err("InvalidRequestException", told, 400)  # type: ignore[no-any-return]
