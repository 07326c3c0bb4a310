"""AWS Backup: vaults, plans that fill them, and what a plan is for."""

from typing import Any

from localcloud.aws.names import lower, parameters, properties, tagged, upper
from localcloud.aws.session import client
from localcloud.aws.waiting import until_gone
from localcloud.providers.kinds import Call, Kind, names
from localcloud.providers.values import Properties

# Minutes; terraform-provider-aws, internal/service/backup/vault.go.
_POINT = 10

_RULE = {
    "ruleName": "RuleName",
    "targetVaultName": "TargetBackupVaultName",
    "schedule": "ScheduleExpression",
    "scheduleExpressionTimezone": "ScheduleExpressionTimezone",
    "enableContinuousBackup": "EnableContinuousBackup",
    "startWindow": "StartWindowMinutes",
    "completionWindow": "CompletionWindowMinutes",
    "recoveryPointTags": "RecoveryPointTags",
}
_LIFECYCLE = {"coldStorageAfter": "MoveToColdStorageAfterDays", "deleteAfter": "DeleteAfterDays"}
_CONDITIONS = {
    "stringEquals": "StringEquals",
    "stringLikes": "StringLike",
    "stringNotEquals": "StringNotEquals",
    "stringNotLikes": "StringNotLike",
}
_CONDITION = {"key": "ConditionKey", "value": "ConditionValue"}


def _api(call: Call) -> Any:
    return client(call, "backup")


def _create_vault(call: Call) -> str:
    wanted = parameters(call.inputs, "", name="BackupVaultName", kmsKeyArn="EncryptionKeyArn", tags="BackupVaultTags")
    return str(_api(call).create_backup_vault(**wanted)["BackupVaultName"])


def _read_vault(call: Call) -> Properties | None:
    found = _api(call).describe_backup_vault(BackupVaultName=call.id)
    return {
        **properties(found, "", name="BackupVaultName", arn="BackupVaultArn", recoveryPoints="NumberOfRecoveryPoints"),
        **_tags(call, found["BackupVaultArn"]),
        "kmsKeyArn": found.get("EncryptionKeyArn") or None,
        # What AWS does not tell, and the provider keeps.
        "forceDestroy": bool(call.inputs.get("forceDestroy")),
    }


def _delete_vault(call: Call) -> None:
    api = _api(call)
    if call.inputs.get("forceDestroy"):
        pages = api.get_paginator("list_recovery_points_by_backup_vault").paginate(BackupVaultName=call.id)
        for arn in [one["RecoveryPointArn"] for page in pages for one in page["RecoveryPoints"]]:
            _delete_point(api, {"BackupVaultName": call.id, "RecoveryPointArn": arn})
    api.delete_backup_vault(BackupVaultName=call.id)


def _delete_point(api: Any, about: dict[str, str]) -> None:
    api.delete_recovery_point(**about)
    until_gone(
        f"Recovery point {about['RecoveryPointArn']}",
        lambda: str(api.describe_recovery_point(**about)["Status"]),
        minutes=_POINT,
    )


def _retag(call: Call, removed: list[str], tags: dict[str, str]) -> None:
    arn = call.state["arn"]
    if removed:
        _api(call).untag_resource(ResourceArn=arn, TagKeyList=removed)
    if tags:
        _api(call).tag_resource(ResourceArn=arn, Tags=tags)


def _plan(inputs: Properties) -> dict[str, Any]:
    rules = []
    for one in inputs["rules"]:
        rule = parameters(one, "", **_RULE)
        if one.get("lifecycle"):
            rule["Lifecycle"] = parameters(one["lifecycle"], "", **_LIFECYCLE)
        rules.append(rule)
    return {"BackupPlanName": inputs["name"], "Rules": rules}


def _create_plan(call: Call) -> str:
    tags = {"BackupPlanTags": call.inputs["tags"]} if call.inputs.get("tags") else {}
    return str(_api(call).create_backup_plan(BackupPlan=_plan(call.inputs), **tags)["BackupPlanId"])


def _setup_plan(call: Call) -> None:
    if call.old and call.changed("name", "rules"):
        _api(call).update_backup_plan(BackupPlanId=call.id, BackupPlan=_plan(call.inputs))


def _read_plan(call: Call) -> Properties | None:
    found = _api(call).get_backup_plan(BackupPlanId=call.id)
    rules = []
    for one in found["BackupPlan"]["Rules"]:
        lifecycle = properties(one.get("Lifecycle") or {}, "", **_LIFECYCLE)
        rules.append({**properties(one, "", **_RULE), **({"lifecycle": lifecycle} if lifecycle else {})})
    return {
        **properties(found, "", arn="BackupPlanArn", version="VersionId"),
        **_tags(call, found["BackupPlanArn"]),
        "name": found["BackupPlan"]["BackupPlanName"],
        "rules": rules,
    }


def _create_selection(call: Call) -> str:
    wanted = parameters(
        call.inputs, "iamRoleArn resources notResources", name="SelectionName", selectionTags="ListOfTags"
    )
    if wanted.get("ListOfTags"):
        wanted["ListOfTags"] = upper(wanted["ListOfTags"], type="ConditionType", **_CONDITION)
    for one in call.inputs.get("conditions") or ():
        given = {_CONDITIONS[name]: upper(listed, **_CONDITION) for name, listed in one.items() if listed}
        wanted["Conditions"] = {**wanted.get("Conditions", {}), **given}
    made = _api(call).create_backup_selection(BackupPlanId=call.inputs["planId"], BackupSelection=wanted)
    return str(made["SelectionId"])


def _read_selection(call: Call) -> Properties | None:
    plan = {**call.state, **call.inputs}["planId"]
    selection = _api(call).get_backup_selection(BackupPlanId=plan, SelectionId=call.id)["BackupSelection"]
    back = {to: name for name, to in _CONDITION.items()}
    conditions = {
        name: lower(listed, **back)
        for name, to in _CONDITIONS.items()
        if (listed := (selection.get("Conditions") or {}).get(to))
    }
    tags = lower(selection.get("ListOfTags") or [], ConditionType="type", **back)
    return {
        "planId": plan,
        "name": selection["SelectionName"],
        "iamRoleArn": selection["IamRoleArn"],
        "resources": selection.get("Resources") or None,
        "notResources": selection.get("NotResources") or None,
        "conditions": [conditions] if conditions else None,
        "selectionTags": tags or None,
    }


def _delete_selection(call: Call) -> None:
    plan = {**call.state, **call.inputs}["planId"]
    _api(call).delete_backup_selection(BackupPlanId=plan, SelectionId=call.id)


def _tags(call: Call, arn: str) -> Properties:
    return tagged(_api(call).list_tags(ResourceArn=arn).get("Tags") or {})


KINDS = [
    Kind(
        token="aws:backup/vault:Vault",
        create=_create_vault,
        read=_read_vault,
        delete=_delete_vault,
        retag=_retag,
        replaces=names("name kmsKeyArn"),
        defaults={"forceDestroy": False},
        computed=names("kmsKeyArn"),
        volatile=names("recoveryPoints"),
    ),
    Kind(
        token="aws:backup/plan:Plan",
        create=_create_plan,
        setup=_setup_plan,
        read=_read_plan,
        delete=lambda call: _api(call).delete_backup_plan(BackupPlanId=call.id),
        retag=_retag,
        replaces=names("name"),
        volatile=names("version"),
        unordered=names("rules"),
    ),
    Kind(
        token="aws:backup/selection:Selection",
        create=_create_selection,
        read=_read_selection,
        delete=_delete_selection,
        replaces=names("planId name iamRoleArn resources notResources conditions selectionTags"),
        computed=names("notResources"),
        unordered=names("resources notResources conditions selectionTags"),
    ),
]
