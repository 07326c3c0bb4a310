"""ECR repositories and lifecycle policies, KMS keys and aliases, CloudWatch log groups."""

from typing import Any

from localcloud.aws.names import lower_parameters, parameters, properties, tag_list, tag_map, tagged
from localcloud.aws.session import arn, client
from localcloud.providers.kinds import Autoname, Call, Kind, names
from localcloud.providers.values import Properties

# -- ECR -----------------------------------------------------------------------------------------------------------


def _ecr(call: Call) -> Any:
    return client(call, "ecr")


def _create_repository(call: Call) -> str:
    inputs = call.inputs
    wanted = lower_parameters(
        inputs,
        "imageTagMutability imageScanningConfiguration imageTagMutabilityExclusionFilters",
        name="repositoryName",
    )
    if inputs.get("encryptionConfigurations"):
        wanted["encryptionConfiguration"] = inputs["encryptionConfigurations"][0]
    if inputs.get("tags"):
        wanted["tags"] = tag_list(inputs["tags"])
    return str(_ecr(call).create_repository(**wanted)["repository"]["repositoryName"])


def _setup_repository(call: Call) -> None:
    if call.old and call.changed("imageTagMutability", "imageTagMutabilityExclusionFilters"):
        wanted = lower_parameters(call.inputs, "imageTagMutability imageTagMutabilityExclusionFilters")
        _ecr(call).put_image_tag_mutability(repositoryName=call.id, **{"imageTagMutability": "MUTABLE", **wanted})
    if call.old and call.changed("imageScanningConfiguration"):
        wanted = call.inputs.get("imageScanningConfiguration", {"scanOnPush": False})
        _ecr(call).put_image_scanning_configuration(repositoryName=call.id, imageScanningConfiguration=wanted)


def _read_repository(call: Call) -> Properties | None:
    repository = _ecr(call).describe_repositories(repositoryNames=[call.id])["repositories"][0]
    tags = _ecr(call).list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]
    encryption = repository.get("encryptionConfiguration")
    return {
        **lower_parameters(
            repository,
            "registryId imageTagMutability imageScanningConfiguration",
            repositoryName="name",
            repositoryArn="arn",
            repositoryUri="repositoryUrl",
        ),
        **tagged(tag_map(tags)),
        "encryptionConfigurations": [encryption] if encryption else None,
    }


def _retag_repository(call: Call, removed: list[str], tags: dict[str, str]) -> None:
    name = call.state["arn"]
    if removed:
        _ecr(call).untag_resource(resourceArn=name, tagKeys=removed)
    if tags:
        _ecr(call).tag_resource(resourceArn=name, tags=tag_list(tags))


def _create_lifecycle(call: Call) -> str:
    name = call.inputs["repository"]
    _ecr(call).put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=call.inputs["policy"])
    return str(name)


def _setup_lifecycle(call: Call) -> None:
    if call.old:
        _create_lifecycle(call)


def _read_lifecycle(call: Call) -> Properties | None:
    found = _ecr(call).get_lifecycle_policy(repositoryName=call.id)
    return {"repository": call.id, "policy": found["lifecyclePolicyText"], "registryId": found.get("registryId")}


# -- KMS -----------------------------------------------------------------------------------------------------------


def _kms(call: Call) -> Any:
    return client(call, "kms")


def _create_key(call: Call) -> str:
    wanted = parameters(
        call.inputs,
        "policy description keyUsage multiRegion customKeyStoreId",
        customerMasterKeySpec="KeySpec",
        bypassPolicyLockoutSafetyCheck="BypassPolicyLockoutSafetyCheck",
    )
    tags = {"Tags": tag_list(call.inputs["tags"], "TagKey", "TagValue")} if call.inputs.get("tags") else {}
    return str(_kms(call).create_key(**wanted, **tags)["KeyMetadata"]["KeyId"])


def _setup_key(call: Call) -> None:
    kms, inputs = _kms(call), call.inputs
    if call.old and call.changed("description"):
        kms.update_key_description(KeyId=call.id, Description=inputs.get("description", ""))
    if call.old and call.changed("policy") and inputs.get("policy"):
        kms.put_key_policy(KeyId=call.id, PolicyName="default", Policy=inputs["policy"])
    if inputs.get("enableKeyRotation", False) != call.old.get("enableKeyRotation", False):
        (kms.enable_key_rotation if inputs.get("enableKeyRotation") else kms.disable_key_rotation)(KeyId=call.id)
    if inputs.get("isEnabled", True) != call.old.get("isEnabled", True):
        (kms.enable_key if inputs.get("isEnabled", True) else kms.disable_key)(KeyId=call.id)


def _read_key(call: Call) -> Properties | None:
    kms = _kms(call)
    key = kms.describe_key(KeyId=call.id)["KeyMetadata"]
    if key["KeyState"] == "PendingDeletion":
        return None
    return {
        **properties(key, "arn keyId description keyUsage multiRegion", customerMasterKeySpec="CustomerMasterKeySpec"),
        **tagged(tag_map(kms.list_resource_tags(KeyId=call.id).get("Tags"), "TagKey", "TagValue")),
        "isEnabled": key["Enabled"],
        "enableKeyRotation": kms.get_key_rotation_status(KeyId=call.id)["KeyRotationEnabled"],
        "policy": kms.get_key_policy(KeyId=call.id, PolicyName="default")["Policy"],
    }


def _delete_key(call: Call) -> None:
    _kms(call).schedule_key_deletion(KeyId=call.id, PendingWindowInDays=call.inputs.get("deletionWindowInDays", 30))


def _retag_key(call: Call, removed: list[str], tags: dict[str, str]) -> None:
    if removed:
        _kms(call).untag_resource(KeyId=call.id, TagKeys=removed)
    if tags:
        _kms(call).tag_resource(KeyId=call.id, Tags=tag_list(tags, "TagKey", "TagValue"))


def _create_alias(call: Call) -> str:
    _kms(call).create_alias(AliasName=call.inputs["name"], TargetKeyId=call.inputs["targetKeyId"])
    return str(call.inputs["name"])


def _setup_alias(call: Call) -> None:
    if call.old and call.changed("targetKeyId"):
        _kms(call).update_alias(AliasName=call.id, TargetKeyId=call.inputs["targetKeyId"])


def _read_alias(call: Call) -> Properties | None:
    for page in _kms(call).get_paginator("list_aliases").paginate():
        for alias in page["Aliases"]:
            if alias["AliasName"] == call.id:
                key = _kms(call).describe_key(KeyId=alias["TargetKeyId"])["KeyMetadata"]
                by_arn = str(call.inputs.get("targetKeyId", "")).startswith("arn:")
                return {
                    "name": call.id,
                    "arn": alias["AliasArn"],
                    "targetKeyArn": key["Arn"],
                    "targetKeyId": key["Arn"] if by_arn else key["KeyId"],
                }
    return None


# -- CloudWatch logs -----------------------------------------------------------------------------------------------


def _logs(call: Call) -> Any:
    return client(call, "logs")


def _create_group(call: Call) -> str:
    wanted = lower_parameters(call.inputs, "kmsKeyId tags logGroupClass", name="logGroupName")
    _logs(call).create_log_group(**wanted)
    return str(call.inputs["name"])


def _setup_group(call: Call) -> None:
    if call.inputs.get("retentionInDays", 0) == call.old.get("retentionInDays", 0):
        return
    if call.inputs.get("retentionInDays"):
        _logs(call).put_retention_policy(logGroupName=call.id, retentionInDays=call.inputs["retentionInDays"])
    else:
        _logs(call).delete_retention_policy(logGroupName=call.id)


def _read_group(call: Call) -> Properties | None:
    for group in _logs(call).describe_log_groups(logGroupNamePrefix=call.id)["logGroups"]:
        if group["logGroupName"] == call.id:
            name = arn(call, "logs", f"log-group:{call.id}")
            tags = _logs(call).list_tags_for_resource(resourceArn=name).get("tags", {})
            return {
                **lower_parameters(group, "kmsKeyId logGroupClass"),
                **tagged(tags),
                "name": call.id,
                "retentionInDays": group.get("retentionInDays", 0),
                "arn": name,
            }
    return None


def _delete_group(call: Call) -> None:
    if not call.inputs.get("skipDestroy"):
        _logs(call).delete_log_group(logGroupName=call.id)


def _retag_group(call: Call, removed: list[str], tags: dict[str, str]) -> None:
    if removed:
        _logs(call).untag_resource(resourceArn=call.state["arn"], tagKeys=removed)
    if tags:
        _logs(call).tag_resource(resourceArn=call.state["arn"], tags=tags)


KINDS = [
    Kind(
        token="aws:ecr/repository:Repository",
        create=_create_repository,
        setup=_setup_repository,
        read=_read_repository,
        retag=_retag_repository,
        delete=lambda call: _ecr(call).delete_repository(
            repositoryName=call.id, force=bool(call.inputs.get("forceDelete"))
        ),
        replaces=names("name encryptionConfigurations"),
        defaults={"imageTagMutability": "MUTABLE"},
        autoname=Autoname(longest=256, lower=True),
    ),
    Kind(
        token="aws:ecr/lifecyclePolicy:LifecyclePolicy",
        create=_create_lifecycle,
        setup=_setup_lifecycle,
        read=_read_lifecycle,
        delete=lambda call: _ecr(call).delete_lifecycle_policy(repositoryName=call.id),
        replaces=names("repository"),
        documents=names("policy"),
    ),
    Kind(
        token="aws:kms/key:Key",
        create=_create_key,
        setup=_setup_key,
        read=_read_key,
        delete=_delete_key,
        retag=_retag_key,
        replaces=names("keyUsage customerMasterKeySpec multiRegion customKeyStoreId xksKeyId"),
        defaults={
            "isEnabled": True,
            "enableKeyRotation": False,
            "keyUsage": "ENCRYPT_DECRYPT",
            "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "bypassPolicyLockoutSafetyCheck": False,
        },
        computed=names("description multiRegion policy"),
        documents=names("policy"),
    ),
    Kind(
        token="aws:kms/alias:Alias",
        create=_create_alias,
        setup=_setup_alias,
        read=_read_alias,
        delete=lambda call: _kms(call).delete_alias(AliasName=call.id),
        replaces=names("name namePrefix"),
        autoname=Autoname(longest=256, before="alias/"),
    ),
    Kind(
        token="aws:cloudwatch/logGroup:LogGroup",
        create=_create_group,
        setup=_setup_group,
        read=_read_group,
        delete=_delete_group,
        retag=_retag_group,
        replaces=names("name namePrefix logGroupClass"),
        defaults={"skipDestroy": False, "retentionInDays": 0},
        computed=names("logGroupClass"),
        autoname=Autoname(longest=512),
    ),
]
