"""Cognito user pools: their address, clients, groups and people."""

from typing import Any

from localcloud.aws.names import lower, parameters, properties, tagged, upper
from localcloud.aws.session import arn, client
from localcloud.providers.kinds import Call, Kind, names
from localcloud.providers.values import Properties

_URLS = {"callbackUrls": "CallbackURLs", "logoutUrls": "LogoutURLs"}
_OAUTH = {
    "allowedOauthFlows": "AllowedOAuthFlows",
    "allowedOauthScopes": "AllowedOAuthScopes",
    "allowedOauthFlowsUserPoolClient": "AllowedOAuthFlowsUserPoolClient",
}
_TOLD = "supportedIdentityProviders preventUserExistenceErrors enableTokenRevocation"


def _api(call: Call) -> Any:
    return client(call, "cognito-idp")


def _pool(inputs: Properties) -> dict[str, Any]:
    """What both operations take that make and change a pool."""
    wanted = parameters(inputs, "autoVerifiedAttributes deletionProtection", tags="UserPoolTags")
    for name in ("adminCreateUserConfig", "accountRecoverySetting"):
        if inputs.get(name):
            wanted[name[0].upper() + name[1:]] = upper(inputs[name])
    if inputs.get("passwordPolicy"):
        wanted["Policies"] = {"PasswordPolicy": upper(inputs["passwordPolicy"])}
    return wanted


def _create_pool(call: Call) -> str:
    wanted = _pool(call.inputs) | parameters(call.inputs, "usernameAttributes", name="PoolName")
    return str(_api(call).create_user_pool(**wanted)["UserPool"]["Id"])


def _setup_pool(call: Call) -> None:
    if call.old and _pool(call.inputs) != _pool(call.old):
        _api(call).update_user_pool(UserPoolId=call.id, **_pool(call.inputs))
    if call.changed("mfaConfiguration", "softwareTokenMfaConfiguration"):
        wanted = parameters(call.inputs, "mfaConfiguration")
        if call.inputs.get("softwareTokenMfaConfiguration"):
            wanted["SoftwareTokenMfaConfiguration"] = upper(call.inputs["softwareTokenMfaConfiguration"])
        _api(call).set_user_pool_mfa_config(UserPoolId=call.id, **wanted)


def _read_pool(call: Call) -> Properties | None:
    api = _api(call)
    found = api.describe_user_pool(UserPoolId=call.id)["UserPool"]
    factors = api.get_user_pool_mfa_config(UserPoolId=call.id)
    policy = lower((found.get("Policies") or {}).get("PasswordPolicy"))
    return {
        **properties(
            found, "usernameAttributes autoVerifiedAttributes deletionProtection estimatedNumberOfUsers", name="Name"
        ),
        **tagged(dict(found.get("UserPoolTags") or {})),
        "arn": arn(call, "cognito-idp", f"userpool/{call.id}"),
        "endpoint": f"cognito-idp.{call.session.region}.amazonaws.com/{call.id}",
        "mfaConfiguration": factors["MfaConfiguration"],
        "softwareTokenMfaConfiguration": lower(factors.get("SoftwareTokenMfaConfiguration")),
        "passwordPolicy": _asked(policy, call.inputs.get("passwordPolicy")),
        "adminCreateUserConfig": _asked(
            lower(found.get("AdminCreateUserConfig")), call.inputs.get("adminCreateUserConfig")
        ),
        "accountRecoverySetting": lower(found.get("AccountRecoverySetting")),
    }


def _asked(found: Any, given: Any) -> Any:
    """Of a block what was asked for; what AWS adds by itself is nobody's change."""
    return {name: value for name, value in (found or {}).items() if name in given} if given else found


def _retag_pool(call: Call, removed: list[str], tags: dict[str, str]) -> None:
    name = arn(call, "cognito-idp", f"userpool/{call.id}")
    if removed:
        _api(call).untag_resource(ResourceArn=name, TagKeys=removed)
    if tags:
        _api(call).tag_resource(ResourceArn=name, Tags=tags)


def _create_domain(call: Call) -> str:
    _api(call).create_user_pool_domain(**parameters(call.inputs, "domain userPoolId"))
    return str(call.inputs["domain"])


def _read_domain(call: Call) -> Properties | None:
    found = _api(call).describe_user_pool_domain(Domain=call.id)["DomainDescription"]
    if not found:  # which is how Cognito says that there is none
        return None
    told = properties(found, "domain userPoolId version", awsAccountId="AWSAccountId", s3Bucket="S3Bucket")
    return {**told, "cloudfrontDistribution": found.get("CloudFrontDistribution", "")}


def _delete_domain(call: Call) -> None:
    _api(call).delete_user_pool_domain(**parameters(call.inputs, "domain userPoolId"))


def _client(inputs: Properties) -> dict[str, Any]:
    return parameters(inputs, f"userPoolId {_TOLD}", name="ClientName", **_URLS, **_OAUTH)


def _create_client(call: Call) -> str:
    wanted = _client(call.inputs) | parameters(call.inputs, "generateSecret")
    return str(_api(call).create_user_pool_client(**wanted)["UserPoolClient"]["ClientId"])


def _setup_client(call: Call) -> None:
    # Cognito sets to its default what an update leaves out, so all is sent.
    if call.old and call.inputs != call.old:
        _api(call).update_user_pool_client(ClientId=call.id, **_client(call.inputs))


def _read_client(call: Call) -> Properties | None:
    pool = call.inputs["userPoolId"]
    found = _api(call).describe_user_pool_client(UserPoolId=pool, ClientId=call.id)["UserPoolClient"]
    return {
        **properties(found, f"userPoolId clientSecret {_TOLD}", name="ClientName", **_URLS, **_OAUTH),
        "generateSecret": bool(found.get("ClientSecret")),
    }


def _create_group(call: Call) -> str:
    _api(call).create_group(**parameters(call.inputs, "userPoolId description precedence roleArn", name="GroupName"))
    return f"{call.inputs['userPoolId']}/{call.inputs['name']}"


def _setup_group(call: Call) -> None:
    if call.old and call.changed("description", "precedence", "roleArn"):
        wanted = parameters(call.inputs, "userPoolId description precedence roleArn", name="GroupName")
        _api(call).update_group(**wanted)


def _read_group(call: Call) -> Properties | None:
    pool, _, name = call.id.partition("/")
    found = _api(call).get_group(UserPoolId=pool, GroupName=name)["Group"]
    return {"userPoolId": pool, "name": found["GroupName"], "description": found.get("Description") or None}


def _delete_group(call: Call) -> None:
    pool, _, name = call.id.partition("/")
    _api(call).delete_group(UserPoolId=pool, GroupName=name)


def _attributes(inputs: Properties) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in (inputs.get("attributes") or {}).items()]


def _create_user(call: Call) -> str:
    wanted = parameters(call.inputs, "userPoolId username desiredDeliveryMediums temporaryPassword messageAction")
    _api(call).admin_create_user(UserAttributes=_attributes(call.inputs), **wanted)
    return f"{call.inputs['userPoolId']}/{call.inputs['username']}"


def _setup_user(call: Call) -> None:
    if call.old and call.changed("attributes"):
        pool, _, name = call.id.partition("/")
        wanted = _attributes(call.inputs)
        _api(call).admin_update_user_attributes(UserPoolId=pool, Username=name, UserAttributes=wanted)


def _read_user(call: Call) -> Properties | None:
    pool, _, name = call.id.partition("/")
    found = _api(call).admin_get_user(UserPoolId=pool, Username=name)
    told = {one["Name"]: one["Value"] for one in found["UserAttributes"]}
    return {
        "userPoolId": pool,
        "username": name,
        "sub": told.pop("sub", found["Username"]),
        "attributes": told,
        "enabled": found["Enabled"],
        "status": found["UserStatus"],
        # What AWS does not tell, and the provider keeps.
        "desiredDeliveryMediums": call.inputs.get("desiredDeliveryMediums"),
    }


def _delete_user(call: Call) -> None:
    pool, _, name = call.id.partition("/")
    _api(call).admin_delete_user(UserPoolId=pool, Username=name)


def _member(call: Call) -> dict[str, Any]:
    pool, group, name = call.id.split("/", 2)
    return {"UserPoolId": pool, "GroupName": group, "Username": name}


def _create_member(call: Call) -> str:
    _api(call).admin_add_user_to_group(**parameters(call.inputs, "userPoolId groupName username"))
    return "/".join(str(call.inputs[name]) for name in ("userPoolId", "groupName", "username"))


def _read_member(call: Call) -> Properties | None:
    asked = _member(call)
    group = asked.pop("GroupName")
    pages = _api(call).get_paginator("admin_list_groups_for_user").paginate(**asked)
    if not any(one["GroupName"] == group for page in pages for one in page["Groups"]):
        return None
    return {"userPoolId": asked["UserPoolId"], "groupName": group, "username": asked["Username"]}


KINDS = [
    Kind(
        token="aws:cognito/userPool:UserPool",
        create=_create_pool,
        setup=_setup_pool,
        read=_read_pool,
        delete=lambda call: _api(call).delete_user_pool(UserPoolId=call.id),
        retag=_retag_pool,
        replaces=names("name usernameAttributes"),
        defaults={"mfaConfiguration": "OFF", "deletionProtection": "INACTIVE"},
        computed=names(
            "adminCreateUserConfig passwordPolicy accountRecoverySetting softwareTokenMfaConfiguration "
            "autoVerifiedAttributes usernameAttributes"
        ),
        volatile=names("estimatedNumberOfUsers"),
        unordered=names("autoVerifiedAttributes usernameAttributes"),
    ),
    Kind(
        token="aws:cognito/userPoolDomain:UserPoolDomain",
        create=_create_domain,
        read=_read_domain,
        delete=_delete_domain,
        replaces=names("domain userPoolId"),
    ),
    Kind(
        token="aws:cognito/userPoolClient:UserPoolClient",
        create=_create_client,
        setup=_setup_client,
        read=_read_client,
        delete=lambda call: _api(call).delete_user_pool_client(UserPoolId=call.inputs["userPoolId"], ClientId=call.id),
        replaces=names("userPoolId generateSecret"),
        computed=names(
            "supportedIdentityProviders preventUserExistenceErrors enableTokenRevocation callbackUrls logoutUrls "
            "allowedOauthFlows allowedOauthScopes allowedOauthFlowsUserPoolClient"
        ),
        unordered=names("supportedIdentityProviders callbackUrls logoutUrls allowedOauthFlows allowedOauthScopes"),
    ),
    Kind(
        token="aws:cognito/userGroup:UserGroup",
        create=_create_group,
        setup=_setup_group,
        read=_read_group,
        delete=_delete_group,
        replaces=names("name userPoolId"),
    ),
    Kind(
        token="aws:cognito/user:User",
        create=_create_user,
        setup=_setup_user,
        read=_read_user,
        delete=_delete_user,
        replaces=names("userPoolId username"),
    ),
    Kind(
        token="aws:cognito/userInGroup:UserInGroup",
        create=_create_member,
        read=_read_member,
        delete=lambda call: _api(call).admin_remove_user_from_group(**_member(call)),
        replaces=names("userPoolId groupName username"),
    ),
]
