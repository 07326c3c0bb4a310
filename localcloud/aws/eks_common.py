"""What the EKS types share."""

from datetime import UTC, datetime
from typing import Any

from localcloud.aws.record import Record
from localcloud.aws.session import client
from localcloud.providers.kinds import Call
from localcloud.providers.values import Properties


def api(call: Call) -> Any:
    """The EKS client for a resource."""
    return client(call, "eks")


def record(call: Call) -> Record:
    """The record of what moto lacks."""
    kept: Record = call.session.record
    return kept


def retag(call: Call, removed: list[str], tags: dict[str, str]) -> None:
    """Make the tags those given, of what moto keeps."""
    arn = call.state["arn"]
    if removed:
        api(call).untag_resource(resourceArn=arn, tagKeys=removed)
    if tags:
        api(call).tag_resource(resourceArn=arn, tags=tags)


def tagged(tags: dict[str, str] | None) -> Properties:
    """The two tag outputs."""
    return {"tagsAll": tags or {}, **({"tags": tags} if tags else {})}


def written(moment: datetime) -> str:
    """A moment as the official provider writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
