"""LaunchTemplate: every change of its data is a new version."""

from typing import Any

from localcloud.aws.ec2 import api, filters, new_tags, one, retag
from localcloud.aws.names import lower, tag_list, tag_map, tagged, upper
from localcloud.aws.session import arn
from localcloud.providers.kinds import Autoname, Call, Kind, names
from localcloud.providers.values import Properties

_NOT_DATA = names("name namePrefix description defaultVersion updateDefaultVersion tags region")
# Lists whose names Pulumi writes differently, both ways.
_TO_AWS = {
    "licenseSpecifications": "LicenseSpecifications",
    "vpcSecurityGroupIds": "SecurityGroupIds",
    "securityGroupNames": "SecurityGroups",
    "securityGroups": "Groups",
    "ramDiskId": "RamDiskId",
    "ipv4Addresses": "PrivateIpAddresses",
}
_FROM_AWS = {
    "SecurityGroupIds": "vpcSecurityGroupIds",
    "SecurityGroups": "securityGroupNames",
    "Groups": "securityGroups",
    "RamDiskId": "ramDiskId",
}
# EC2 wants booleans where the official provider has text.
_TEXT_BOOLEANS = names("encrypted deleteOnTermination associatePublicIpAddress ebsOptimized")


def _data(inputs: Properties) -> dict[str, Any]:
    wanted = {name: _booleans(value) for name, value in inputs.items() if name not in _NOT_DATA}
    wanted = {name: value == "true" if name in _TEXT_BOOLEANS else value for name, value in wanted.items()}
    specifications = [
        {"ResourceType": item.get("resourceType"), "Tags": tag_list(item.get("tags", {}))}
        for item in wanted.pop("tagSpecifications", [])
    ]
    data: dict[str, Any] = upper(wanted, **_TO_AWS)
    return data | ({"TagSpecifications": specifications} if specifications else {})


def _booleans(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: item == "true" if name in _TEXT_BOOLEANS and isinstance(item, str) else _booleans(item)
            for name, item in value.items()
        }
    return [_booleans(item) for item in value] if isinstance(value, list) else value


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: str(item).lower() if name in _TEXT_BOOLEANS and isinstance(item, bool) else _texts(item)
            for name, item in value.items()
        }
    return [_texts(item) for item in value] if isinstance(value, list) else value


def _create(call: Call) -> str:
    note = {"VersionDescription": call.inputs["description"]} if call.inputs.get("description") else {}
    made = api(call).create_launch_template(
        LaunchTemplateName=call.inputs["name"],
        LaunchTemplateData=_data(call.inputs),
        **note,
        **new_tags(call, "launch-template"),
    )
    return str(made["LaunchTemplate"]["LaunchTemplateId"])


def _setup(call: Call) -> None:
    if not call.old:
        return
    ec2 = api(call)
    default = call.inputs.get("defaultVersion")
    if _data(call.inputs) != _data(call.old) or call.changed("description"):
        note = {"VersionDescription": call.inputs["description"]} if call.inputs.get("description") else {}
        made = ec2.create_launch_template_version(
            LaunchTemplateId=call.id, LaunchTemplateData=_data(call.inputs), **note
        )
        if call.inputs.get("updateDefaultVersion"):
            default = made["LaunchTemplateVersion"]["VersionNumber"]
    if default is not None and str(default) != str(call.state.get("defaultVersion")):
        ec2.modify_launch_template(LaunchTemplateId=call.id, DefaultVersion=str(default))


def _read(call: Call) -> Properties | None:
    ec2 = api(call)
    template = one(ec2.describe_launch_templates(LaunchTemplateIds=[call.id]), "LaunchTemplates")
    if template is None:
        return None
    # The description of a template keeps the tags of its creation.
    tags = ec2.describe_tags(Filters=filters({"resource-id": call.id}))["Tags"]
    version = str(template["LatestVersionNumber"])
    answer = one(
        ec2.describe_launch_template_versions(LaunchTemplateId=call.id, Versions=[version]), "LaunchTemplateVersions"
    )
    data: dict[str, Any] = dict(answer["LaunchTemplateData"]) if answer else {}
    specifications = [
        {"resourceType": item.get("ResourceType"), "tags": tag_map(item.get("Tags"))}
        for item in data.pop("TagSpecifications", [])
        if item.get("ResourceType") != "launch-template"
    ]
    live = {
        name: str(value).lower() if name in _TEXT_BOOLEANS else _texts(value)
        for name, value in lower(data, **_FROM_AWS).items()
    }
    return {
        **live,
        **({"tagSpecifications": specifications} if specifications else {}),
        **tagged(tag_map(tags)),
        "name": template["LaunchTemplateName"],
        "description": answer.get("VersionDescription") if answer else None,
        "defaultVersion": template["DefaultVersionNumber"],
        "latestVersion": template["LatestVersionNumber"],
        "arn": arn(call, "ec2", f"launch-template/{call.id}"),
    }


KINDS = [
    Kind(
        token="aws:ec2/launchTemplate:LaunchTemplate",
        create=_create,
        setup=_setup,
        read=_read,
        retag=retag,
        delete=lambda call: api(call).delete_launch_template(LaunchTemplateId=call.id),
        replaces=names("name namePrefix"),
        computed=names("defaultVersion"),
        volatile=names("latestVersion"),
        unordered=names("vpcSecurityGroupIds securityGroupNames"),
        autoname=Autoname(longest=125),
    ),
]
