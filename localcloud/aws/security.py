"""SecurityGroup, DefaultSecurityGroup and SecurityGroupRule."""

import hashlib
from typing import Any

from localcloud.aws.ec2 import api, filters, new_tags, one, retag
from localcloud.aws.names import parameters, properties, tag_map, tagged
from localcloud.aws.session import arn
from localcloud.aws.waiting import once_free
from localcloud.providers.kinds import Autoname, Call, Kind, names
from localcloud.providers.values import Properties

Permission = dict[str, Any]


def _permission(rule: Properties, group_id: str) -> Permission:
    """EC2's permission for a rule written inline (several sources at once are allowed)."""
    note = {"Description": rule["description"]} if rule.get("description") else {}
    groups = [
        *rule.get("securityGroups", []),
        *([rule["sourceSecurityGroupId"]] if rule.get("sourceSecurityGroupId") else []),
    ]
    groups += [group_id] if rule.get("self") else []
    permission: Permission = {"IpProtocol": str(rule["protocol"])}
    if permission["IpProtocol"] != "-1":
        permission |= {"FromPort": rule["fromPort"], "ToPort": rule["toPort"]}
    sources = {
        "IpRanges": [{"CidrIp": cidr, **note} for cidr in rule.get("cidrBlocks", [])],
        "Ipv6Ranges": [{"CidrIpv6": cidr, **note} for cidr in rule.get("ipv6CidrBlocks", [])],
        "PrefixListIds": [{"PrefixListId": prefix, **note} for prefix in rule.get("prefixListIds", [])],
        "UserIdGroupPairs": [{"GroupId": group, **note} for group in groups],
    }
    return permission | {name: value for name, value in sources.items() if value}


def _rule(permission: Permission, group_id: str) -> Properties:
    """An inline rule from EC2's permission."""
    pairs = [pair["GroupId"] for pair in permission.get("UserIdGroupPairs", [])]
    sources = [
        *permission.get("IpRanges", []),
        *permission.get("Ipv6Ranges", []),
        *permission.get("PrefixListIds", []),
        *permission.get("UserIdGroupPairs", []),
    ]
    rule = {
        "protocol": permission["IpProtocol"],
        "fromPort": max(permission.get("FromPort", 0), 0),
        "toPort": max(permission.get("ToPort", 0), 0),
        "cidrBlocks": [found["CidrIp"] for found in permission.get("IpRanges", [])],
        "ipv6CidrBlocks": [found["CidrIpv6"] for found in permission.get("Ipv6Ranges", [])],
        "prefixListIds": [found["PrefixListId"] for found in permission.get("PrefixListIds", [])],
        "securityGroups": [pair for pair in pairs if pair != group_id],
        "self": group_id in pairs,
        "description": next((found["Description"] for found in sources if found.get("Description")), None),
    }
    return {name: value for name, value in rule.items() if value is not None and value is not False and value != []}


def _describe(call: Call, group_id: str) -> dict[str, Any] | None:
    return one(api(call).describe_security_groups(GroupIds=[group_id]), "SecurityGroups")


def _revoke_all(call: Call, group: dict[str, Any], *directions: str) -> None:
    ec2 = api(call)
    if "ingress" in directions and group["IpPermissions"]:
        ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    if "egress" in directions and group["IpPermissionsEgress"]:
        ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])


def _authorize(call: Call, direction: str, group_id: str, rules: list[Properties]) -> None:
    if rules:
        authorize = getattr(api(call), f"authorize_security_group_{direction}")
        authorize(GroupId=group_id, IpPermissions=[_permission(rule, group_id) for rule in rules])


def _create_group(call: Call) -> str:
    wanted = parameters(call.inputs, "description vpcId", name="GroupName")
    return str(api(call).create_security_group(**wanted, **new_tags(call, "security-group"))["GroupId"])


def _setup_group(call: Call) -> None:
    if not call.old and (made := _describe(call, call.id)):
        _revoke_all(call, made, "egress")  # the official provider removes EC2's rule that lets everything out
    _set_rules(call)


def _set_rules(call: Call) -> None:
    for direction in ("ingress", "egress"):
        if call.inputs.get(direction) == call.old.get(direction):
            continue
        group = _describe(call, call.id)
        if call.old and group:
            _revoke_all(call, group, direction)
        _authorize(call, direction, call.id, call.inputs.get(direction) or [])


def _read_group(call: Call) -> Properties | None:
    group = _describe(call, call.id)
    if group is None:
        return None
    live = {
        **properties(group, "description vpcId ownerId", name="GroupName"),
        **tagged(tag_map(group.get("Tags"))),
        "arn": arn(call, "ec2", f"security-group/{call.id}"),
    }
    # Rules that rule resources made belong to them: a list is the group's only when the program states it.
    for direction, key in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
        if call.inputs.get(direction) is not None:
            live[direction] = [_rule(permission, call.id) for permission in group[key]]
    return live


def _delete_group(call: Call) -> None:
    group = _describe(call, call.id)
    if group and call.inputs.get("revokeRulesOnDelete"):
        _revoke_all(call, group, "ingress", "egress")
    once_free(lambda: api(call).delete_security_group(GroupId=call.id), minutes=15)


def _adopt_default(call: Call) -> str:
    search = {"vpc-id": call.inputs["vpcId"]} if call.inputs.get("vpcId") else {}
    found = api(call).describe_security_groups(Filters=filters({"group-name": "default", **search}))["SecurityGroups"]
    group: dict[str, Any] = found[0]
    _revoke_all(call, group, "ingress", "egress")
    tags = call.inputs.get("tags", {})
    adopted = Call(session=call.session, urn=call.urn, name=call.name, id=group["GroupId"], inputs=call.inputs)
    retag(adopted, [], tags)
    return str(group["GroupId"])


def _read_default(call: Call) -> Properties | None:
    group = _describe(call, call.id)
    if group is None:
        return None
    # This type owns every rule of the group, so rules that somebody adds are drift.
    rules = {"ingress": group["IpPermissions"], "egress": group["IpPermissionsEgress"]}
    return {
        **properties(group, "description vpcId ownerId", name="GroupName"),
        **tagged(tag_map(group.get("Tags"))),
        **{name: [_rule(permission, call.id) for permission in found] for name, found in rules.items()},
        "namePrefix": "",
        "arn": arn(call, "ec2", f"security-group/{call.id}"),
    }


def _create_rule(call: Call) -> str:
    inputs = call.inputs
    _authorize(call, inputs["type"], inputs["securityGroupId"], [inputs])
    text = "|".join(f"{name}={inputs[name]}" for name in sorted(inputs) if name != "description")
    return f"sgrule-{int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)}"


def _rule_rows(call: Call) -> list[dict[str, Any]]:
    """The rows of EC2's rule table that this rule stands for, one a source."""
    known = call.inputs or call.state
    answer = api(call).describe_security_group_rules(Filters=filters({"group-id": known["securityGroupId"]}))
    group_id = known["securityGroupId"]
    cidrs = {*known.get("cidrBlocks", []), *known.get("ipv6CidrBlocks", [])}
    groups = {known.get("sourceSecurityGroupId"), group_id if known.get("self") else None} - {None}
    return [
        row
        for row in answer["SecurityGroupRules"]
        if row["IsEgress"] == (known["type"] == "egress")
        and row["IpProtocol"] == str(known["protocol"])
        and (str(known["protocol"]) == "-1" or (row["FromPort"], row["ToPort"]) == (known["fromPort"], known["toPort"]))
        and (
            row.get("CidrIpv4") in cidrs
            or row.get("CidrIpv6") in cidrs
            or row.get("PrefixListId") in known.get("prefixListIds", [])
            or row.get("ReferencedGroupInfo", {}).get("GroupId") in groups
        )
    ]


def _read_rule(call: Call) -> Properties | None:
    rows = _rule_rows(call)
    if not rows:
        return None
    return {"securityGroupRuleId": rows[0]["SecurityGroupRuleId"] if len(rows) == 1 else None}


def _delete_rule(call: Call) -> None:
    rows = [row["SecurityGroupRuleId"] for row in _rule_rows(call)]
    if rows:
        revoke = getattr(api(call), f"revoke_security_group_{(call.inputs or call.state)['type']}")
        revoke(GroupId=(call.inputs or call.state)["securityGroupId"], SecurityGroupRuleIds=rows)


KINDS = [
    Kind(
        token="aws:ec2/securityGroup:SecurityGroup",
        create=_create_group,
        setup=_setup_group,
        read=_read_group,
        delete=_delete_group,
        retag=retag,
        replaces=names("name namePrefix description vpcId"),
        defaults={"description": "Managed by Pulumi", "revokeRulesOnDelete": False},
        computed=names("ingress egress vpcId"),
        unordered=names("ingress egress"),
        autoname=Autoname(),
    ),
    Kind(
        token="aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        create=_adopt_default,
        read=_read_default,
        retag=retag,
        setup=_set_rules,
        replaces=names("vpcId"),
        defaults={"revokeRulesOnDelete": False},
        computed=names("vpcId"),
        unordered=names("ingress egress"),
    ),
    Kind(
        token="aws:ec2/securityGroupRule:SecurityGroupRule",
        create=_create_rule,
        read=_read_rule,
        delete=_delete_rule,
        replaces=names(
            "type protocol fromPort toPort securityGroupId cidrBlocks ipv6CidrBlocks prefixListIds self "
            "sourceSecurityGroupId description"
        ),
        defaults={"self": False},
    ),
]
