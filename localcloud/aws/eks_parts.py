"""EKS add-ons, access entries and policy associations.

The emulator takes any text for an enum: what makes one is held against botocore's model in Check, updates here.
"""

from functools import partial
from typing import Any

from localcloud.aws.eks_common import api, retag, tags_of, written
from localcloud.aws.model import validate
from localcloud.aws.names import lower_parameters
from localcloud.aws.waiting import until, until_gone
from localcloud.providers.kinds import Call, Kind, names
from localcloud.providers.values import Properties
from ordering.errors import UserError

_NEVER_SERVED = "resolveConflictsOnCreate resolveConflictsOnUpdate preserve"


def unpinned_addon(name: str, kubernetes: str | None = None) -> UserError:
    """The error for an add-on without a version: AWS alone knows the newest."""
    of = f" for Kubernetes {kubernetes}" if kubernetes else ""
    return UserError(
        f"the newest version of the EKS add-on {name}{of} is known to AWS only, not to this machine; pin a version"
    )


def _update(call: Call, operation: str, method: str, parameters: dict[str, Any]) -> Any:
    validate(api(call), operation, parameters)
    return getattr(api(call), method)(**parameters)


def _filled(answer: dict[str, Any]) -> Properties:
    """An answer without what the emulator fills in where nothing was given."""
    return {name: value for name, value in answer.items() if value not in ("", [], {})}


# -- add-ons -------------------------------------------------------------------------------------------------------

_ADDON = "clusterName addonName addonVersion serviceAccountRoleArn configurationValues"


def _create_addon(call: Call) -> str:
    name = call.inputs["addonName"]
    if not call.inputs.get("addonVersion"):
        raise unpinned_addon(name)
    wanted = lower_parameters(call.inputs, f"{_ADDON} tags", resolveConflictsOnCreate="resolveConflicts")
    api(call).create_addon(**wanted)
    return f"{call.inputs['clusterName']}:{name}"


def _addon_status(call: Call) -> str:
    return str(api(call).describe_addon(**_addon_key(call))["addon"]["status"])


def _delete_addon(call: Call) -> None:
    preserve = {"preserve": True} if call.inputs.get("preserve") else {}
    api(call).delete_addon(**_addon_key(call), **preserve)
    until_gone(f"the add-on {call.id}", lambda: _addon_status(call), minutes=40)


def _setup_addon(call: Call) -> None:
    passing = ("CREATING", "UPDATING", "DEGRADED")
    until(f"the add-on {call.id}", lambda: _addon_status(call), wanted="ACTIVE", passing=passing, minutes=20)
    if call.old and call.changed("addonVersion", "serviceAccountRoleArn", "configurationValues"):
        wanted = lower_parameters(call.inputs, _ADDON, resolveConflictsOnUpdate="resolveConflicts")
        _update(call, "UpdateAddon", "update_addon", wanted)


def _read_addon(call: Call) -> Properties | None:
    addon = api(call).describe_addon(**_addon_key(call))["addon"]
    return {
        **_filled(lower_parameters(addon, _ADDON, addonArn="arn")),
        **lower_parameters(call.inputs, _NEVER_SERVED),
        **tags_of(call, addon["addonArn"]),
        "createdAt": written(addon["createdAt"]),
        "modifiedAt": written(addon["modifiedAt"]),
    }


def _addon_key(call: Call) -> dict[str, str]:
    cluster, _, name = call.id.partition(":")
    return {"clusterName": cluster, "addonName": name}


# -- access --------------------------------------------------------------------------------------------------------


def _create_entry(call: Call) -> str:
    wanted = lower_parameters(call.inputs, "clusterName principalArn kubernetesGroups tags type", userName="username")
    api(call).create_access_entry(**wanted)
    return f"{wanted['clusterName']}:{wanted['principalArn']}"


def _setup_entry(call: Call) -> None:
    if call.old and call.changed("kubernetesGroups", "userName"):
        wanted = lower_parameters(call.inputs, "clusterName principalArn kubernetesGroups", userName="username")
        _update(call, "UpdateAccessEntry", "update_access_entry", wanted)


def _read_entry(call: Call) -> Properties | None:
    entry = api(call).describe_access_entry(**_entry_key(call))["accessEntry"]
    return {
        **_filled(lower_parameters(entry, "clusterName principalArn kubernetesGroups type accessEntryArn")),
        **tags_of(call, entry["accessEntryArn"]),
        "userName": entry["username"] or _user_name(entry["principalArn"]),
        "createdAt": written(entry["createdAt"]),
        "modifiedAt": written(entry["modifiedAt"]),
    }


def _entry_key(call: Call) -> dict[str, str]:
    cluster, _, principal = call.id.partition(":")
    return {"clusterName": cluster, "principalArn": principal}


def _user_name(principal: str) -> str:
    """The name that EKS gives a role's sessions, or a user, when an entry names none."""
    if ":role/" not in principal:
        return principal
    account, _, path = principal.replace(":iam:", ":sts:").partition(":role/")
    return f"{account}:assumed-role/{path.rsplit('/', 1)[-1]}/{{{{SessionName}}}}"


def _associate(call: Call) -> str:
    wanted = lower_parameters(call.inputs, "clusterName principalArn policyArn accessScope")
    api(call).associate_access_policy(**wanted)
    return "#".join(wanted[name] for name in ("clusterName", "principalArn", "policyArn"))


def _association_key(call: Call) -> dict[str, str]:
    cluster, principal, policy = call.id.split("#")
    return {"clusterName": cluster, "principalArn": principal, "policyArn": policy}


def _read_association(call: Call) -> Properties | None:
    key = _association_key(call)
    listed = api(call).list_associated_access_policies(
        clusterName=key["clusterName"], principalArn=key["principalArn"]
    )["associatedAccessPolicies"]
    found = next((one for one in listed if one["policyArn"] == key["policyArn"]), None)
    if found is None:
        return None
    return {
        **key,
        "accessScope": _filled(found["accessScope"]),
        "associatedAt": written(found["associatedAt"]),
        "modifiedAt": written(found["modifiedAt"]),
    }


KINDS = [
    Kind(
        token="aws:eks/addon:Addon",
        create=_create_addon,
        setup=_setup_addon,
        read=_read_addon,
        delete=_delete_addon,
        retag=retag,
        replaces=names("addonName clusterName"),
        computed=names("addonVersion"),
        volatile=names("modifiedAt"),
        documents=names("configurationValues"),
    ),
    Kind(
        token="aws:eks/accessEntry:AccessEntry",
        create=_create_entry,
        setup=_setup_entry,
        read=_read_entry,
        delete=lambda call: api(call).delete_access_entry(**_entry_key(call)),
        retag=partial(retag, arn="accessEntryArn"),
        replaces=names("clusterName principalArn type"),
        defaults={"type": "STANDARD"},
        computed=names("userName kubernetesGroups"),
        volatile=names("modifiedAt"),
        unordered=names("kubernetesGroups"),
    ),
    Kind(
        token="aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
        create=_associate,
        read=_read_association,
        delete=lambda call: api(call).disassociate_access_policy(**_association_key(call)),
        replaces=names("accessScope clusterName policyArn principalArn"),
    ),
]
