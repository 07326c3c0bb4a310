"""Role, RolePolicy, RolePolicyAttachment and OpenIdConnectProvider."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from localcloud.aws.names import parameters, properties, tag_list, tag_map, tagged
from localcloud.providers.kinds import Autoname, Call, Kind, names
from localcloud.providers.values import Properties


def _api(call: Call) -> Any:
    return call.session.client("iam")


def _tags(call: Call) -> dict[str, Any]:
    return {"Tags": tag_list(call.inputs["tags"])} if call.inputs.get("tags") else {}


def _retag(kind: str, parameter: str) -> Callable[[Call, list[str], dict[str, str]], None]:
    """IAM has a pair of tag operations for each of its types."""

    def retag(call: Call, removed: list[str], tags: dict[str, str]) -> None:
        if removed:
            getattr(_api(call), f"untag_{kind}")(**{parameter: call.id, "TagKeys": removed})
        if tags:
            getattr(_api(call), f"tag_{kind}")(**{parameter: call.id, "Tags": tag_list(tags)})

    return retag


def _text(document: Any) -> str:
    """A policy document as text: botocore parses it or leaves it quoted."""
    return json.dumps(document) if isinstance(document, dict) else unquote(document)


def _create_role(call: Call) -> str:
    wanted = parameters(
        call.inputs,
        "path description maxSessionDuration permissionsBoundary",
        name="RoleName",
        assumeRolePolicy="AssumeRolePolicyDocument",
    )
    return str(_api(call).create_role(**wanted, **_tags(call))["Role"]["RoleName"])


def _setup_role(call: Call) -> None:
    iam = _api(call)
    if call.old and call.changed("assumeRolePolicy"):
        iam.update_assume_role_policy(RoleName=call.id, PolicyDocument=call.inputs["assumeRolePolicy"])
    if call.old and call.changed("description", "maxSessionDuration"):
        duration = call.inputs.get("maxSessionDuration", 3600)
        iam.update_role(RoleName=call.id, Description=call.inputs.get("description", ""), MaxSessionDuration=duration)
    if call.old and call.changed("permissionsBoundary"):
        if call.inputs.get("permissionsBoundary"):
            iam.put_role_permissions_boundary(RoleName=call.id, PermissionsBoundary=call.inputs["permissionsBoundary"])
        else:
            iam.delete_role_permissions_boundary(RoleName=call.id)
    _setup_attached(call)
    _setup_inline(call)


def _setup_attached(call: Call) -> None:
    before, after = set(call.old.get("managedPolicyArns", [])), set(call.inputs.get("managedPolicyArns", []))
    for arn in sorted(before - after):
        _api(call).detach_role_policy(RoleName=call.id, PolicyArn=arn)
    for arn in sorted(after - before):
        _api(call).attach_role_policy(RoleName=call.id, PolicyArn=arn)


def _setup_inline(call: Call) -> None:
    before = {item["name"]: item["policy"] for item in call.old.get("inlinePolicies", []) if item}
    after = {item["name"]: item["policy"] for item in call.inputs.get("inlinePolicies", []) if item}
    for name in sorted(before.keys() - after.keys()):
        _api(call).delete_role_policy(RoleName=call.id, PolicyName=name)
    for name, policy in after.items():
        if before.get(name) != policy:
            _api(call).put_role_policy(RoleName=call.id, PolicyName=name, PolicyDocument=policy)


def _read_role(call: Call) -> Properties | None:
    role = _api(call).get_role(RoleName=call.id)["Role"]
    live = {
        **properties(role, "path description maxSessionDuration arn", name="RoleName", uniqueId="RoleId"),
        **tagged(tag_map(role.get("Tags"))),
        "assumeRolePolicy": _text(role["AssumeRolePolicyDocument"]),
        "createDate": role["CreateDate"].isoformat().replace("+00:00", "Z"),
        "permissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
    }
    # Attachments and inline policies that other resources made belong to them.
    if call.inputs.get("managedPolicyArns") is not None:
        live["managedPolicyArns"] = _attached(call)
    return live


def _attached(call: Call) -> list[str]:
    pages = _api(call).get_paginator("list_attached_role_policies").paginate(RoleName=call.id)
    return sorted(policy["PolicyArn"] for page in pages for policy in page["AttachedPolicies"])


def _delete_role(call: Call) -> None:
    iam = _api(call)
    for arn in _attached(call) if call.inputs.get("forceDetachPolicies") else call.inputs.get("managedPolicyArns", []):
        iam.detach_role_policy(RoleName=call.id, PolicyArn=arn)
    for item in call.inputs.get("inlinePolicies", []):
        iam.delete_role_policy(RoleName=call.id, PolicyName=item["name"])
    iam.delete_role(RoleName=call.id)


def _create_role_policy(call: Call) -> str:
    inputs = call.inputs
    _api(call).put_role_policy(RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=inputs["policy"])
    return f"{inputs['role']}:{inputs['name']}"


def _setup_role_policy(call: Call) -> None:
    if call.old:
        _create_role_policy(call)


def _read_role_policy(call: Call) -> Properties | None:
    role, _, name = call.id.partition(":")
    found = _api(call).get_role_policy(RoleName=role, PolicyName=name)
    return {"role": role, "name": name, "policy": _text(found["PolicyDocument"])}


def _delete_role_policy(call: Call) -> None:
    role, _, name = call.id.partition(":")
    _api(call).delete_role_policy(RoleName=role, PolicyName=name)


def _create_attachment(call: Call) -> str:
    role, arn = call.inputs["role"], call.inputs["policyArn"]
    _api(call).attach_role_policy(RoleName=role, PolicyArn=arn)
    return f"{role}/{arn}"


def _read_attachment(call: Call) -> Properties | None:
    role, _, arn = call.id.partition("/")
    pages = _api(call).get_paginator("list_attached_role_policies").paginate(RoleName=role)
    attached = any(policy["PolicyArn"] == arn for page in pages for policy in page["AttachedPolicies"])
    return {"role": role, "policyArn": arn} if attached else None


def _delete_attachment(call: Call) -> None:
    role, _, arn = call.id.partition("/")
    _api(call).detach_role_policy(RoleName=role, PolicyArn=arn)


def _create_oidc(call: Call) -> str:
    wanted = parameters(call.inputs, "url", clientIdLists="ClientIDList", thumbprintLists="ThumbprintList")
    return str(_api(call).create_open_id_connect_provider(**wanted, **_tags(call))["OpenIDConnectProviderArn"])


def _setup_oidc(call: Call) -> None:
    iam = _api(call)
    if call.old and call.changed("thumbprintLists"):
        prints = call.inputs.get("thumbprintLists", [])
        iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=call.id, ThumbprintList=prints)
    before, after = set(call.old.get("clientIdLists", [])), set(call.inputs["clientIdLists"])
    for client_id in sorted(before - after):
        iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=call.id, ClientID=client_id)
    for client_id in sorted(after - before) if call.old else []:
        iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=call.id, ClientID=client_id)


def _read_oidc(call: Call) -> Properties | None:
    found = _api(call).get_open_id_connect_provider(OpenIDConnectProviderArn=call.id)
    stated = call.inputs.get("url", call.state.get("url", ""))
    scheme = "https://" if not stated or stated.startswith("https://") else ""
    return {
        **tagged(tag_map(found.get("Tags"))),
        "arn": call.id,
        "url": scheme + found["Url"].removeprefix("https://"),
        "clientIdLists": found["ClientIDList"],
        "thumbprintLists": found["ThumbprintList"],
    }


KINDS = [
    Kind(
        token="aws:iam/role:Role",
        create=_create_role,
        setup=_setup_role,
        read=_read_role,
        delete=_delete_role,
        retag=_retag("role", "RoleName"),
        replaces=names("name namePrefix path"),
        defaults={"path": "/", "maxSessionDuration": 3600, "forceDetachPolicies": False},
        computed=names("managedPolicyArns inlinePolicies"),
        documents=names("assumeRolePolicy"),
        unordered=names("managedPolicyArns"),
        autoname=Autoname(longest=64),
    ),
    Kind(
        token="aws:iam/rolePolicy:RolePolicy",
        create=_create_role_policy,
        setup=_setup_role_policy,
        read=_read_role_policy,
        delete=_delete_role_policy,
        replaces=names("role name namePrefix"),
        documents=names("policy"),
        autoname=Autoname(longest=128),
    ),
    Kind(
        token="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        create=_create_attachment,
        read=_read_attachment,
        delete=_delete_attachment,
        replaces=names("role policyArn"),
    ),
    Kind(
        token="aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        create=_create_oidc,
        setup=_setup_oidc,
        read=_read_oidc,
        delete=lambda call: _api(call).delete_open_id_connect_provider(OpenIDConnectProviderArn=call.id),
        retag=_retag("open_id_connect_provider", "OpenIDConnectProviderArn"),
        replaces=names("url"),
        computed=names("thumbprintLists"),
        unordered=names("clientIdLists"),
    ),
]
