"""Web ACLs of AWS WAF, and what they are associated with."""

from typing import Any

from localcloud.aws.names import lower, tag_list, tag_map, tagged, upper
from localcloud.aws.session import client
from localcloud.providers.kinds import Autoname, Call, Kind, names
from localcloud.providers.values import Properties

# Written otherwise than by a rule.
_UPPER = {"cloudwatchMetricsEnabled": "CloudWatchMetricsEnabled"}
_LOWER = {to: name for name, to in _UPPER.items()}
_BODY = ("defaultAction", "rules", "visibilityConfig")


def _waf(call: Call) -> Any:
    return client(call, "wafv2")


def _body(call: Call) -> dict[str, Any]:
    return {name[0].upper() + name[1:]: upper(call.inputs.get(name) or [], **_UPPER) for name in _BODY}


def _key(call: Call) -> dict[str, str]:
    """What AWS wants to know of an ACL. It is imported by all three, `ID/NAME/SCOPE`."""
    about = call.state or call.inputs
    return {"Id": call.id.partition("/")[0], "Name": about["name"], "Scope": about["scope"]}


def _create(call: Call) -> str:
    inputs = call.inputs
    described = {"Description": inputs["description"]} if inputs.get("description") else {}
    tags = {"Tags": tag_list(inputs["tags"])} if inputs.get("tags") else {}
    made = _waf(call).create_web_acl(Name=inputs["name"], Scope=inputs["scope"], **_body(call), **described, **tags)
    return str(made["Summary"]["Id"])


def _setup(call: Call) -> None:
    if call.old and call.changed(*_BODY):
        token = _waf(call).get_web_acl(**_key(call))["LockToken"]
        _waf(call).update_web_acl(**_key(call), **_body(call), LockToken=token)


def _read(call: Call) -> Properties | None:
    key = _key(call)
    found = _waf(call).get_web_acl(**key)
    acl, token = found["WebACL"], found["LockToken"]
    tags = _waf(call).list_tags_for_resource(ResourceARN=acl["ARN"])["TagInfoForResource"]["TagList"]
    return {
        **tagged(tag_map(tags)),
        **{name: lower(acl[name[0].upper() + name[1:]], **_LOWER) for name in _BODY},
        "arn": acl["ARN"],
        "capacity": acl.get("Capacity", 0),
        "name": acl["Name"],
        "scope": key["Scope"],
        "lockToken": token,
        **({"description": acl["Description"]} if acl.get("Description") else {}),
    }


def _retag(call: Call, removed: list[str], tags: dict[str, str]) -> None:
    arn = call.state["arn"]
    if removed:
        _waf(call).untag_resource(ResourceARN=arn, TagKeys=removed)
    if tags:
        _waf(call).tag_resource(ResourceARN=arn, Tags=tag_list(tags))


def _delete(call: Call) -> None:
    key = _key(call)
    _waf(call).delete_web_acl(**key, LockToken=_waf(call).get_web_acl(**key)["LockToken"])


def _associate(call: Call) -> str:
    acl, resource = call.inputs["webAclArn"], call.inputs["resourceArn"]
    _waf(call).associate_web_acl(WebACLArn=acl, ResourceArn=resource)
    return f"{acl},{resource}"


def _read_association(call: Call) -> Properties | None:
    acl, _, resource = call.id.partition(",")
    found = _waf(call).get_web_acl_for_resource(ResourceArn=resource).get("WebACL")
    return {"webAclArn": acl, "resourceArn": resource} if found and found["ARN"] == acl else None


KINDS = [
    Kind(
        token="aws:wafv2/webAcl:WebAcl",
        create=_create,
        setup=_setup,
        read=_read,
        retag=_retag,
        delete=_delete,
        replaces=names("name namePrefix scope"),
        volatile=names("lockToken capacity"),
        unordered=names("rules"),
        autoname=Autoname(longest=128),
    ),
    Kind(
        token="aws:wafv2/webAclAssociation:WebAclAssociation",
        create=_associate,
        read=_read_association,
        delete=lambda call: _waf(call).disassociate_web_acl(ResourceArn=call.id.partition(",")[2]),
        replaces=names("resourceArn webAclArn"),
    ),
]
