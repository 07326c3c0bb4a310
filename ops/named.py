"""What AWS has of a kind whose name begins with a prefix: for what its provider named itself, after one.

A bridged provider chooses such a name while it creates, and leaves it out of the inputs (seen with pulumi-aws 7.51 and
`nodeGroupNamePrefix`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

Inputs = Mapping[str, Any]
Client = Callable[[str], Any]
Tags = Callable[[], Mapping[str, str]]
"""Asks for the tags of one."""

PREFIXES = {
    "aws:cloudwatch/logGroup:LogGroup": "namePrefix",
    "aws:eks/nodeGroup:NodeGroup": "nodeGroupNamePrefix",
    "aws:iam/role:Role": "namePrefix",
    "aws:iam/rolePolicy:RolePolicy": "namePrefix",
    "aws:kms/alias:Alias": "namePrefix",
    "aws:s3/bucket:Bucket": "bucketPrefix",
}
"""By type, the input that holds the prefix."""


def beginning(client: Client, kind: str, inputs: Inputs) -> set[str]:
    """The ids of those that are named as these inputs ask for, and have all their tags."""
    prefix, wanted = str(inputs[PREFIXES[kind]]), inputs.get("tags") or {}
    return {
        id_
        for id_, name, tags in _LISTED[kind](client, inputs)
        if name.startswith(prefix) and (not wanted or wanted.items() <= tags().items())
    }


def closed(error: ClientError) -> bool:
    """Whether AWS does not tell of one key or bucket alone: it is gone by now, or its own policy keeps us out.

    Such a policy may, whatever IAM allows. Whoever may ask of none cannot make one, either: the provider asks the same
    of what it has made.
    """
    code = _code(error)
    return code.startswith(("AccessDenied", "NoSuch")) or code == "NotFoundException"


def _node_groups(client: Client, inputs: Inputs) -> Iterator[tuple[str, str, Tags]]:
    eks, cluster = client("eks"), str(inputs["clusterName"])
    try:
        names = [one for page in _pages(eks, "list_nodegroups", clusterName=cluster) for one in page["nodegroups"]]
    except ClientError as error:
        if _code(error) != "ResourceNotFoundException":
            raise
        return  # the cluster is gone, and its groups with it

    def tags(name: str) -> Mapping[str, str]:
        return eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"].get("tags") or {}

    for name in names:
        yield f"{cluster}:{name}", name, partial(tags, name)


def _roles(client: Client, _: Inputs) -> Iterator[tuple[str, str, Tags]]:
    iam = client("iam")

    def tags(name: str) -> Mapping[str, str]:
        return _map(iam.list_role_tags(RoleName=name)["Tags"])

    for page in _pages(iam, "list_roles"):
        for one in page["Roles"]:
            yield one["RoleName"], one["RoleName"], partial(tags, one["RoleName"])


def _role_policies(client: Client, inputs: Inputs) -> Iterator[tuple[str, str, Tags]]:
    for page in _pages(client("iam"), "list_role_policies", RoleName=str(inputs["role"])):
        for name in page["PolicyNames"]:
            yield f"{inputs['role']}:{name}", name, dict


def _aliases(client: Client, _: Inputs) -> Iterator[tuple[str, str, Tags]]:
    for page in _pages(client("kms"), "list_aliases"):
        for one in page["Aliases"]:
            yield one["AliasName"], one["AliasName"], dict


def _log_groups(client: Client, inputs: Inputs) -> Iterator[tuple[str, str, Tags]]:
    logs = client("logs")

    def tags(arn: str) -> Mapping[str, str]:
        found: Mapping[str, str] = logs.list_tags_for_resource(resourceArn=arn)["tags"]
        return found

    for page in _pages(logs, "describe_log_groups", logGroupNamePrefix=str(inputs["namePrefix"])):
        for one in page["logGroups"]:
            yield one["logGroupName"], one["logGroupName"], partial(tags, str(one["arn"]).removesuffix(":*"))


def _buckets(client: Client, _: Inputs) -> Iterator[tuple[str, str, Tags]]:
    s3 = client("s3")

    def tags(name: str) -> Mapping[str, str]:
        try:
            return _map(s3.get_bucket_tagging(Bucket=name)["TagSet"])
        except ClientError as error:
            if closed(error):
                return {}
            raise

    for one in s3.list_buckets()["Buckets"]:
        yield one["Name"], one["Name"], partial(tags, one["Name"])


_LISTED: dict[str, Callable[[Client, Inputs], Iterator[tuple[str, str, Tags]]]] = {
    "aws:cloudwatch/logGroup:LogGroup": _log_groups,
    "aws:eks/nodeGroup:NodeGroup": _node_groups,
    "aws:iam/role:Role": _roles,
    "aws:iam/rolePolicy:RolePolicy": _role_policies,
    "aws:kms/alias:Alias": _aliases,
    "aws:s3/bucket:Bucket": _buckets,
}


def _pages(service: Any, operation: str, **arguments: str) -> Iterator[Mapping[str, Any]]:
    yield from service.get_paginator(operation).paginate(**arguments)


def _map(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code"))
