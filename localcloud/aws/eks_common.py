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
    """The record of what the emulator lacks."""
    kept: Record = call.session.record
    return kept


def retag(call: Call, removed: list[str], tags: dict[str, str], *, arn: str = "arn") -> None:
    """Make the tags those given; `arn` is the output with the resource's ARN."""
    if removed:
        api(call).untag_resource(resourceArn=call.state[arn], tagKeys=removed)
    if tags:
        api(call).tag_resource(resourceArn=call.state[arn], tags=tags)


def tags_of(call: Call, arn: str) -> Properties:
    """The two tag outputs as they are now: descriptions keep the tags of the creation."""
    return tagged(api(call).list_tags_for_resource(resourceArn=arn)["tags"])


def tagged(tags: dict[str, str] | None) -> Properties:
    """The two tag outputs."""
    return {"tagsAll": tags or {}, **({"tags": tags} if tags else {})}


def written(moment: datetime) -> str:
    """A moment as the official provider writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
