"""RDS: an instance takes its time, holds its subnets and its groups meanwhile, and has no address before it is there.

It does not shrink. Source: RDS user guide, "Viewing Amazon RDS DB instance status"; API reference, "DeleteDBInstance"
and "ModifyDBInstance". MiniStack makes and deletes at once.
"""

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from ministack.core.responses import get_region
from ministack.services import rds

from localcloud.emulator.conduct import interfaces, phases
from localcloud.emulator.conduct.before import Before, Request
from localcloud.emulator.conduct.phases import Answer

_MADE = frozenset({"CreateDBInstance", "RestoreDBInstanceFromDBSnapshot"})
_BUSY = "InvalidDBInstanceState"

# MiniStack has neither MySQL 8.4 nor a class of Graviton; which of them a region offers is not emulated.
_OFFERED = "8.4.6"


class Database(Before):
    """Before MiniStack's handler of RDS."""

    async def answer(self, asked: Request) -> Answer:
        form = {key: values[0] for key, values in asked.parameters.items()}
        action, name = form.get("Action", ""), form.get("DBInstanceIdentifier", "")
        if action == "DescribeOrderableDBInstanceOptions":
            return _orderable(form)
        if action == "DescribeEngineDefaultParameters":
            return _parameters(form)
        living = rds._instances.get(name)
        if action in ("ModifyDBInstance", "DeleteDBInstance") and living and self._phases.status(name):
            told = f"Instance {name} is not in available state."
            return rds._error(_BUSY, told, 400)  # type: ignore[no-any-return]
        if action == "DeleteDBInstance" and living and not living.get("DeletionProtection"):
            return self._ends(name, form)
        if action == "ModifyDBInstance" and living and (refused := _smaller(living, form)):
            return refused
        answer = await self.served(asked)
        if answer[0] == 200 and name in rds._instances:
            if action in _MADE:
                self._begins(rds._instances[name], form)
            elif action == "ModifyDBInstance":
                self._changes(rds._instances[name])
        return answer

    def _begins(self, made: dict[str, Any], form: Mapping[str, str]) -> None:
        if form["Action"] != "CreateDBInstance":
            _restored(made, form)
        name, endpoint = str(made["DBInstanceIdentifier"]), made.pop("Endpoint")
        made["DBInstanceStatus"] = "creating"
        groups = [one["VpcSecurityGroupId"] for one in made["VpcSecurityGroups"]]
        for subnet in made["DBSubnetGroup"].get("Subnets", ()):
            interfaces.add(subnet["SubnetIdentifier"], _of(name), groups)

        def available() -> None:
            made["Endpoint"], made["DBInstanceStatus"] = endpoint, "available"

        self._phases.begin(name, "creating", phases.DATABASE, available)

    def _changes(self, living: dict[str, Any]) -> None:
        living["DBInstanceStatus"] = "modifying"

        def available() -> None:
            living["DBInstanceStatus"] = "available"

        self._phases.begin(str(living["DBInstanceIdentifier"]), "modifying", phases.DATABASE_CHANGE, available)

    def _ends(self, name: str, form: Mapping[str, str]) -> Answer:
        living = rds._instances[name]
        last = form.get("FinalDBSnapshotIdentifier")
        if form.get("SkipFinalSnapshot") != "true":
            if not last:
                told = "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
                return rds._error("InvalidParameterCombination", told, 400)  # type: ignore[no-any-return]
            if last in rds._snapshots:
                told = f"Cannot create the snapshot because a snapshot with the identifier {last} already exists."
                return rds._error("DBSnapshotAlreadyExists", told, 400)  # type: ignore[no-any-return]
        living["DBInstanceStatus"] = "deleting"
        given = {key: [value] for key, value in form.items()}

        def gone() -> None:
            rds._delete_db_instance(given)
            interfaces.remove(_of(name))

        answer = rds._single_instance_response("DeleteDBInstanceResponse", "DeleteDBInstanceResult", living)
        self._phases.begin(name, "deleting", phases.DATABASE_END, gone)
        return answer  # type: ignore[no-any-return]


def _smaller(living: Mapping[str, Any], form: Mapping[str, str]) -> Answer | None:
    """The refusal of less storage than an instance has, also one that was just restored."""
    wanted = form.get("AllocatedStorage")
    if wanted is None or int(wanted) >= int(living["AllocatedStorage"]):
        return None
    told = f"Invalid storage size for engine name {living['Engine']} and storage type {living['StorageType']}: {wanted}"
    return rds._error("InvalidParameterCombination", told, 400)  # type: ignore[no-any-return]


def _orderable(form: Mapping[str, str]) -> Answer:
    """Whatever class is asked about, in three zones."""
    zones = "".join(f"<AvailabilityZone><Name>{get_region()}{letter}</Name></AvailabilityZone>" for letter in "abc")
    told = (
        f"<Engine>{escape(form.get('Engine', ''))}</Engine><EngineVersion>{_OFFERED}</EngineVersion>"
        f"<DBInstanceClass>{escape(form.get('DBInstanceClass', ''))}</DBInstanceClass>"
        f"<AvailabilityZones>{zones}</AvailabilityZones><StorageType>gp3</StorageType>"
        "<SupportsStorageEncryption>true</SupportsStorageEncryption><MultiAZCapable>true</MultiAZCapable>"
    )
    answer = (
        "<OrderableDBInstanceOptions><OrderableDBInstanceOption>"
        f"{told}</OrderableDBInstanceOption></OrderableDBInstanceOptions>"
    )
    name = "DescribeOrderableDBInstanceOptions"
    return rds._xml(200, f"{name}Response", f"<{name}Result>{answer}</{name}Result>")  # type: ignore[no-any-return]


def _parameters(form: Mapping[str, str]) -> Answer:
    """The two that a stack may set. Which of them RDS really has for a family is not emulated."""
    told = "".join(
        f"<Parameter><ParameterName>{name}</ParameterName><ApplyType>{when}</ApplyType><AllowedValues>0,1</AllowedValues>"
        "<IsModifiable>true</IsModifiable></Parameter>"
        for name, when in (("mysql_native_password", "static"), ("require_secure_transport", "dynamic"))
    )
    family = f"<DBParameterGroupFamily>{escape(form.get('DBParameterGroupFamily', ''))}</DBParameterGroupFamily>"
    name = "DescribeEngineDefaultParameters"
    answer = f"<EngineDefaults>{family}<Parameters>{told}</Parameters></EngineDefaults>"
    return rds._xml(200, f"{name}Response", f"<{name}Result>{answer}</{name}Result>")  # type: ignore[no-any-return]


def _restored(made: dict[str, Any], form: Mapping[str, str]) -> None:
    """What a restore is asked for, and MiniStack forgets: its group of subnets, its security groups, its tags."""
    if group := rds._subnet_groups.get(form.get("DBSubnetGroupName", "")):
        made["DBSubnetGroup"] = group
    groups = [value for key, value in form.items() if key.startswith("VpcSecurityGroupIds.")]
    made["VpcSecurityGroups"] = [{"VpcSecurityGroupId": one, "Status": "active"} for one in groups]
    made["DeletionProtection"] = form.get("DeletionProtection") == "true"
    made["CopyTagsToSnapshot"] = form.get("CopyTagsToSnapshot") == "true"
    tags = rds._parse_tags({key: [value] for key, value in form.items()})
    made["TagList"] = list(tags)
    rds._tags[made["DBInstanceArn"]] = list(tags)


def _of(name: str) -> str:
    return f"RDSNetworkInterface {name}"
