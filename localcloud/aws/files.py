"""EFS file systems and their mount targets."""

from typing import Any

from localcloud.aws.names import lower, parameters, properties, tag_list, tag_map, tagged, upper
from localcloud.aws.session import client
from localcloud.aws.waiting import until, until_gone
from localcloud.providers.kinds import Call, Kind, names
from localcloud.providers.values import Properties

# Minutes; terraform-provider-aws (main of late 2025), internal/service/efs file_system.go and mount_target.go.
_FILE_SYSTEM, _MOUNT_TARGET = 10, 30

_IA = {"transitionToIa": "TransitionToIA"}


def _api(call: Call) -> Any:
    return client(call, "efs")


def _describe(call: Call, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = _api(call).describe_file_systems(FileSystemId=id_)["FileSystems"][0]
    return found


def _create_file_system(call: Call) -> str:
    wanted = parameters(
        call.inputs,
        "creationToken performanceMode throughputMode provisionedThroughputInMibps encrypted kmsKeyId "
        "availabilityZoneName",
    )
    if call.inputs.get("tags"):
        wanted["Tags"] = tag_list(call.inputs["tags"])
    made = str(_api(call).create_file_system(**wanted)["FileSystemId"])
    until(
        f"EFS file system {made}",
        lambda: str(_describe(call, made)["LifeCycleState"]),
        wanted="available",
        passing=("creating",),
        minutes=_FILE_SYSTEM,
    )
    return made


def _setup_file_system(call: Call) -> None:
    if call.old and call.changed("throughputMode", "provisionedThroughputInMibps"):
        wanted = parameters(call.inputs, "throughputMode provisionedThroughputInMibps")
        _api(call).update_file_system(FileSystemId=call.id, **wanted)
    if call.changed("lifecyclePolicies"):
        _api(call).put_lifecycle_configuration(
            FileSystemId=call.id, LifecyclePolicies=upper(call.inputs.get("lifecyclePolicies") or [], **_IA)
        )


def _read_file_system(call: Call) -> Properties | None:
    found = _describe(call, call.id)
    policies = _api(call).describe_lifecycle_configuration(FileSystemId=call.id)["LifecyclePolicies"]
    tags = tag_map(found.get("Tags"))
    return {
        **properties(
            found,
            "creationToken performanceMode throughputMode provisionedThroughputInMibps encrypted ownerId "
            "numberOfMountTargets availabilityZoneName availabilityZoneId kmsKeyId",
        ),
        **tagged(tags),
        "arn": found["FileSystemArn"],
        "dnsName": _dns(call, call.id),
        "name": tags.get("Name", ""),
        "lifecyclePolicies": lower(policies, TransitionToIA="transitionToIa") or None,
    }


def _retag(call: Call, removed: list[str], tags: dict[str, str]) -> None:
    if removed:
        _api(call).untag_resource(ResourceId=call.id, TagKeys=removed)
    if tags:
        _api(call).tag_resource(ResourceId=call.id, Tags=tag_list(tags))


def _delete_file_system(call: Call) -> None:
    _api(call).delete_file_system(FileSystemId=call.id)
    until_gone(
        f"EFS file system {call.id}",
        lambda: str(_describe(call, call.id)["LifeCycleState"]),
        minutes=_FILE_SYSTEM,
    )


def _target(call: Call, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = _api(call).describe_mount_targets(MountTargetId=id_)["MountTargets"][0]
    return found


def _create_target(call: Call) -> str:
    wanted = parameters(call.inputs, "fileSystemId subnetId ipAddress securityGroups")
    made = str(_api(call).create_mount_target(**wanted)["MountTargetId"])
    until(
        f"EFS mount target {made}",
        lambda: str(_target(call, made)["LifeCycleState"]),
        wanted="available",
        passing=("creating",),
        minutes=_MOUNT_TARGET,
    )
    return made


def _setup_target(call: Call) -> None:
    if call.old and call.changed("securityGroups"):
        groups = call.inputs.get("securityGroups") or []
        _api(call).modify_mount_target_security_groups(MountTargetId=call.id, SecurityGroups=groups)


def _read_target(call: Call) -> Properties | None:
    found = _target(call, call.id)
    groups = _api(call).describe_mount_target_security_groups(MountTargetId=call.id)["SecurityGroups"]
    system = found["FileSystemId"]
    return {
        **properties(
            found,
            "fileSystemId subnetId ipAddress networkInterfaceId availabilityZoneName availabilityZoneId ownerId",
        ),
        "securityGroups": sorted(groups),
        "fileSystemArn": _describe(call, system)["FileSystemArn"],
        "dnsName": _dns(call, system),
        "mountTargetDnsName": f"{found.get('AvailabilityZoneName')}.{_dns(call, system)}",
    }


def _delete_target(call: Call) -> None:
    _api(call).delete_mount_target(MountTargetId=call.id)
    until_gone(
        f"EFS mount target {call.id}", lambda: str(_target(call, call.id)["LifeCycleState"]), minutes=_MOUNT_TARGET
    )


def _dns(call: Call, id_: str) -> str:
    return f"{id_}.efs.{call.session.region}.amazonaws.com"


KINDS = [
    Kind(
        token="aws:efs/fileSystem:FileSystem",
        create=_create_file_system,
        setup=_setup_file_system,
        read=_read_file_system,
        delete=_delete_file_system,
        retag=_retag,
        replaces=names("creationToken performanceMode encrypted kmsKeyId availabilityZoneName"),
        computed=names("creationToken performanceMode encrypted kmsKeyId throughputMode protection"),
    ),
    Kind(
        token="aws:efs/mountTarget:MountTarget",
        create=_create_target,
        setup=_setup_target,
        read=_read_target,
        delete=_delete_target,
        replaces=names("fileSystemId subnetId ipAddress ipAddressType ipv6Address"),
        computed=names("ipAddress ipAddressType ipv6Address securityGroups"),
        unordered=names("securityGroups"),
    ),
]
