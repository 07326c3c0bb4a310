"""RDS instances, and the groups of subnets and parameters that they name."""

from typing import Any

from localcloud.aws.names import parameters, properties, tag_list, tag_map, tagged
from localcloud.aws.session import client
from localcloud.aws.waiting import until, until_gone
from localcloud.providers.kinds import Autoname, Call, Kind, names
from localcloud.providers.values import Properties

# Minutes.
_CREATE, _UPDATE, _DELETE = 40, 80, 60

_PASSING = (
    "backing-up",
    "configuring-enhanced-monitoring",
    "creating",
    "modifying",
    "rebooting",
    "resetting-master-credentials",
)

# What both operations take; the first makes an instance, the second changes what the first, or a snapshot, made of it.
_COMMON = (
    "allocatedStorage maxAllocatedStorage backupRetentionPeriod autoMinorVersionUpgrade copyTagsToSnapshot storageType"
)
_RENAMED = {
    "identifier": "DBInstanceIdentifier",
    "instanceClass": "DBInstanceClass",
    "parameterGroupName": "DBParameterGroupName",
    "multiAz": "MultiAZ",
    "vpcSecurityGroupIds": "VpcSecurityGroupIds",
    "deletionProtection": "DeletionProtection",
    "publiclyAccessible": "PubliclyAccessible",
}
_NAMES = {
    **{name: name[0].upper() + name[1:] for name in _COMMON.split()},
    **_RENAMED,
    "engineVersion": "EngineVersion",
}


def _api(call: Call) -> Any:
    return client(call, "rds")


def _describe(call: Call, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = _api(call).describe_db_instances(DBInstanceIdentifier=id_)["DBInstances"][0]
    return found


def _until_available(call: Call, id_: str, minutes: float) -> None:
    until(
        f"RDS instance {id_}",
        lambda: str(_describe(call, id_)["DBInstanceStatus"]),
        wanted="available",
        passing=_PASSING,
        minutes=minutes,
    )


def _create(call: Call) -> str:
    inputs, api = call.inputs, _api(call)
    tags = {"Tags": tag_list(inputs["tags"])} if inputs.get("tags") else {}
    made = str(inputs["identifier"])
    if inputs.get("snapshotIdentifier"):
        api.restore_db_instance_from_db_snapshot(
            DBSnapshotIdentifier=inputs["snapshotIdentifier"],
            **parameters(
                inputs,
                "autoMinorVersionUpgrade copyTagsToSnapshot storageType engine",
                dbSubnetGroupName="DBSubnetGroupName",
                **_RENAMED,
            ),
            **tags,
        )
        _until_available(call, made, _CREATE)
        # A restore takes neither the password nor how long backups are kept.
        _modify(call, made, [*_COMMON.split(), *_RENAMED, "password"])
    else:
        wanted = parameters(
            inputs,
            f"{_COMMON} engine engineVersion storageEncrypted kmsKeyId",
            username="MasterUsername",
            password="MasterUserPassword",
            dbSubnetGroupName="DBSubnetGroupName",
            **_RENAMED,
        )
        api.create_db_instance(**wanted, **tags)
    _until_available(call, made, _CREATE)
    return made


def _modify(call: Call, id_: str, changed: list[str]) -> None:
    given = {name: _NAMES[name] for name in changed if name in _NAMES and name != "identifier"}
    wanted = parameters(call.inputs, "", **given)
    if "password" in changed:
        wanted["MasterUserPassword"] = call.inputs["password"]
    if wanted:
        _api(call).modify_db_instance(DBInstanceIdentifier=id_, ApplyImmediately=True, **wanted)
        _until_available(call, id_, _UPDATE)


def _setup(call: Call) -> None:
    if call.old:
        _modify(call, call.id, [name for name in (*_NAMES, "password") if call.changed(name)])


def _read(call: Call) -> Properties | None:
    found = _describe(call, call.id)
    endpoint = found.get("Endpoint") or {}
    group, [parameter_group, *_] = found["DBSubnetGroup"], found["DBParameterGroups"]
    address, port = endpoint.get("Address"), endpoint.get("Port")
    version = str(found["EngineVersion"])
    wanted = str(call.inputs.get("engineVersion") or version)
    return {
        **properties(
            found,
            f"{_COMMON} engine storageEncrypted kmsKeyId availabilityZone",
            identifier="DBInstanceIdentifier",
            instanceClass="DBInstanceClass",
            multiAz="MultiAZ",
            deletionProtection="DeletionProtection",
            publiclyAccessible="PubliclyAccessible",
            arn="DBInstanceArn",
            username="MasterUsername",
            resourceId="DbiResourceId",
            status="DBInstanceStatus",
        ),
        **tagged(tag_map(found.get("TagList"))),
        # A version in part stands for whatever of it runs.
        "engineVersion": wanted if version == wanted or version.startswith(f"{wanted}.") else version,
        "engineVersionActual": version,
        "address": address,
        "port": port,
        "endpoint": f"{address}:{port}" if address else None,
        "hostedZoneId": endpoint.get("HostedZoneId"),
        "dbSubnetGroupName": group["DBSubnetGroupName"],
        "parameterGroupName": parameter_group["DBParameterGroupName"],
        "vpcSecurityGroupIds": sorted(one["VpcSecurityGroupId"] for one in found["VpcSecurityGroups"]),
        # What AWS does not tell, and the provider keeps.
        **{
            name: call.inputs[name]
            for name in (
                "password",
                "applyImmediately",
                "skipFinalSnapshot",
                "finalSnapshotIdentifier",
                "snapshotIdentifier",
            )
            if call.inputs.get(name) is not None
        },
    }


def _delete(call: Call) -> None:
    last = call.inputs.get("finalSnapshotIdentifier")
    kept = {"FinalDBSnapshotIdentifier": last} if last and not call.inputs.get("skipFinalSnapshot") else {}
    _api(call).delete_db_instance(DBInstanceIdentifier=call.id, SkipFinalSnapshot=not kept, **kept)
    until_gone(f"RDS instance {call.id}", lambda: str(_describe(call, call.id)["DBInstanceStatus"]), minutes=_DELETE)


def _retag(call: Call, removed: list[str], tags: dict[str, str]) -> None:
    arn = call.state["arn"]
    if removed:
        _api(call).remove_tags_from_resource(ResourceName=arn, TagKeys=removed)
    if tags:
        _api(call).add_tags_to_resource(ResourceName=arn, Tags=tag_list(tags))


def _create_subnets(call: Call) -> str:
    inputs = call.inputs
    tags = {"Tags": tag_list(inputs["tags"])} if inputs.get("tags") else {}
    _api(call).create_db_subnet_group(
        DBSubnetGroupName=inputs["name"],
        DBSubnetGroupDescription=inputs.get("description", "Managed by Pulumi"),
        SubnetIds=inputs["subnetIds"],
        **tags,
    )
    return str(inputs["name"])


def _setup_subnets(call: Call) -> None:
    if call.old and call.changed("subnetIds", "description"):
        _api(call).modify_db_subnet_group(
            DBSubnetGroupName=call.id,
            DBSubnetGroupDescription=call.inputs.get("description", "Managed by Pulumi"),
            SubnetIds=call.inputs["subnetIds"],
        )


def _read_subnets(call: Call) -> Properties | None:
    found = _api(call).describe_db_subnet_groups(DBSubnetGroupName=call.id)["DBSubnetGroups"][0]
    return {
        **properties(
            found, "vpcId", name="DBSubnetGroupName", description="DBSubnetGroupDescription", arn="DBSubnetGroupArn"
        ),
        **_tags(call, found["DBSubnetGroupArn"]),
        "subnetIds": sorted(one["SubnetIdentifier"] for one in found["Subnets"]),
    }


def _create_parameters(call: Call) -> str:
    inputs = call.inputs
    tags = {"Tags": tag_list(inputs["tags"])} if inputs.get("tags") else {}
    _api(call).create_db_parameter_group(
        DBParameterGroupName=inputs["name"],
        DBParameterGroupFamily=inputs["family"],
        Description=inputs.get("description", "Managed by Pulumi"),
        **tags,
    )
    return str(inputs["name"])


def _setup_parameters(call: Call) -> None:
    wanted, old = _parameters(call.inputs), _parameters(call.old)
    if changed := [one for name, one in wanted.items() if old.get(name) != one]:
        _api(call).modify_db_parameter_group(DBParameterGroupName=call.id, Parameters=changed)
    if gone := [one for name, one in old.items() if name not in wanted]:
        _api(call).reset_db_parameter_group(DBParameterGroupName=call.id, ResetAllParameters=False, Parameters=gone)


def _parameters(inputs: Properties) -> dict[str, dict[str, str]]:
    return {
        one["name"]: {
            "ParameterName": one["name"],
            "ParameterValue": one["value"],
            "ApplyMethod": one.get("applyMethod", "immediate"),
        }
        for one in inputs.get("parameters") or []
    }


def _read_parameters(call: Call) -> Properties | None:
    api = _api(call)
    found = api.describe_db_parameter_groups(DBParameterGroupName=call.id)["DBParameterGroups"][0]
    given = api.describe_db_parameters(DBParameterGroupName=call.id, Source="user")["Parameters"]
    return {
        **properties(
            found,
            "description",
            name="DBParameterGroupName",
            family="DBParameterGroupFamily",
            arn="DBParameterGroupArn",
        ),
        **_tags(call, found["DBParameterGroupArn"]),
        "parameters": [
            {
                "name": one["ParameterName"],
                "value": one["ParameterValue"],
                "applyMethod": one.get("ApplyMethod", "immediate"),
            }
            for one in given
            if one.get("ParameterValue") is not None
        ]
        or None,
    }


def _tags(call: Call, arn: str) -> Properties:
    return tagged(tag_map(_api(call).list_tags_for_resource(ResourceName=arn)["TagList"]))


KINDS = [
    Kind(
        token="aws:rds/instance:Instance",
        create=_create,
        setup=_setup,
        read=_read,
        delete=_delete,
        retag=_retag,
        replaces=names("engine identifier username storageEncrypted kmsKeyId snapshotIdentifier availabilityZone"),
        defaults={"deletionProtection": False, "skipFinalSnapshot": False, "autoMinorVersionUpgrade": True},
        computed=names(
            "allocatedStorage backupRetentionPeriod engineVersion multiAz storageType kmsKeyId availabilityZone "
            "username parameterGroupName dbSubnetGroupName vpcSecurityGroupIds"
        ),
        unordered=names("vpcSecurityGroupIds"),
    ),
    Kind(
        token="aws:rds/subnetGroup:SubnetGroup",
        create=_create_subnets,
        setup=_setup_subnets,
        read=_read_subnets,
        delete=lambda call: _api(call).delete_db_subnet_group(DBSubnetGroupName=call.id),
        retag=_retag,
        replaces=names("name namePrefix"),
        defaults={"description": "Managed by Pulumi"},
        unordered=names("subnetIds"),
        autoname=Autoname(longest=255, lower=True),
    ),
    Kind(
        token="aws:rds/parameterGroup:ParameterGroup",
        create=_create_parameters,
        setup=_setup_parameters,
        read=_read_parameters,
        delete=lambda call: _api(call).delete_db_parameter_group(DBParameterGroupName=call.id),
        retag=_retag,
        replaces=names("name namePrefix family description"),
        defaults={"description": "Managed by Pulumi"},
        unordered=names("parameters"),
        autoname=Autoname(longest=255, lower=True),
    ),
]
