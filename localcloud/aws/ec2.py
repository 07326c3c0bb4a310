"""What the EC2 types share: tags, and attributes that one call each changes."""

from typing import Any

from localcloud.aws.names import tag_list
from localcloud.aws.session import client
from localcloud.providers.kinds import Call


def api(call: Call) -> Any:
    """The EC2 client for a resource."""
    return client(call, "ec2")


def new_tags(call: Call, resource_type: str) -> dict[str, Any]:
    """The parameter that tags a resource at its creation."""
    tags = call.inputs.get("tags")
    return {"TagSpecifications": [{"ResourceType": resource_type, "Tags": tag_list(tags)}]} if tags else {}


def retag(call: Call, removed: list[str], tags: dict[str, str]) -> None:
    """Make the tags of a resource those given."""
    if removed:
        api(call).delete_tags(Resources=[call.id], Tags=[{"Key": key} for key in removed])
    if tags:
        api(call).create_tags(Resources=[call.id], Tags=tag_list(tags))


def one(answer: dict[str, Any], key: str) -> dict[str, Any] | None:
    """The first of a describe's results, or None."""
    found = answer[key]
    return dict(found[0]) if found else None


def set_attributes(call: Call, modify: Any, id_name: str, attributes: dict[str, str]) -> None:
    """Bring boolean or string attributes up to the inputs, one call each, as EC2 wants."""
    for name, parameter in attributes.items():
        if call.inputs.get(name) is not None and call.changed(name):
            modify(**{id_name: call.id, parameter: {"Value": call.inputs[name]}})


def filters(values: dict[str, str]) -> list[dict[str, Any]]:
    """EC2's filter parameter: each name must have that value."""
    return [{"Name": name, "Values": [value]} for name, value in values.items()]
