"""The id of a resource whose create was interrupted: what the provider would have answered.

Most ids follow from the inputs, in which the engine has already chosen the names. What AWS numbers itself is found by
its tags. Whether it exists is another question, which reading it answers.
"""

import zlib
from collections.abc import Callable, Mapping
from typing import Any

import boto3

Inputs = Mapping[str, Any]
Finder = Callable[["Account", Inputs], str | None]

# As pulumi-aws imports them. What is not here can be made again without harm: it belongs to a resource that is (a
# bucket's settings, an attached policy) or has no life outside the state (a password).
_FROM_INPUTS = {
    "aws:cloudwatch/logGroup:LogGroup": "{name}",
    "aws:ecr/repository:Repository": "{name}",
    "aws:eks/accessEntry:AccessEntry": "{clusterName}:{principalArn}",
    "aws:eks/addon:Addon": "{clusterName}:{addonName}",
    "aws:eks/cluster:Cluster": "{name}",
    "aws:eks/nodeGroup:NodeGroup": "{clusterName}:{nodeGroupName}",
    "aws:iam/role:Role": "{name}",
    "aws:iam/rolePolicy:RolePolicy": "{role}:{name}",
    "aws:kms/alias:Alias": "{name}",
    "aws:s3/bucket:Bucket": "{bucket}",
}

# The resource type of EC2's own tags.
_BY_TAGS = {
    "aws:ec2/eip:Eip": "elastic-ip",
    "aws:ec2/internetGateway:InternetGateway": "internet-gateway",
    "aws:ec2/launchTemplate:LaunchTemplate": "launch-template",
    "aws:ec2/natGateway:NatGateway": "natgateway",
    "aws:ec2/routeTable:RouteTable": "route-table",
    "aws:ec2/securityGroup:SecurityGroup": "security-group",
    "aws:ec2/subnet:Subnet": "subnet",
    "aws:ec2/vpc:Vpc": "vpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "vpc-endpoint",
}


class Account:
    """Finds ids in the AWS account and region of the environment's credentials; `taken` are those in the state."""

    def __init__(self, region: str, taken: frozenset[str]) -> None:
        self.region, self._taken = region, taken

    def client(self, service: str) -> Any:
        return boto3.client(service, region_name=self.region)  # type: ignore[call-overload]

    def only(self, ids: set[str]) -> str | None:
        """The one id that no resource in the state has; None when there is none, or nobody can tell which."""
        free = ids - self._taken
        return free.pop() if len(free) == 1 else None


def identify(resource: Mapping[str, Any], account: Account) -> str | None:
    """The id of a resource of the state from its type and inputs; None for what can be made again."""
    kind, inputs = str(resource["type"]), resource.get("inputs") or {}
    if kind.startswith("kubernetes:"):
        return kubernetes_id(kind, inputs)
    if kind in _FROM_INPUTS:
        return _FROM_INPUTS[kind].format_map(inputs)
    if kind in _BY_TAGS:
        return _tagged(account, _BY_TAGS[kind], inputs.get("tags") or {})
    return _FINDERS[kind](account, inputs) if kind in _FINDERS else None


def kubernetes_id(kind: str, inputs: Inputs) -> str | None:
    """NAMESPACE/NAME, or NAME of what has no namespace. A patch is laid over its object again."""
    if kind.endswith("Patch"):
        return None
    metadata = inputs["metadata"]
    return "/".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)


def _tagged(account: Account, resource_type: str, tags: Mapping[str, str]) -> str | None:
    found: set[str] | None = None
    for key, value in tags.items():
        filters = {"resource-type": resource_type, "key": key, "value": value}
        pages = (
            account.client("ec2")
            .get_paginator("describe_tags")
            .paginate(Filters=[{"Name": name, "Values": [text]} for name, text in filters.items()])
        )
        carriers = {str(tag["ResourceId"]) for page in pages for tag in page["Tags"]}
        found = carriers if found is None else found & carriers
    return account.only(found or set())


def _key(account: Account, inputs: Inputs) -> str | None:
    kms = account.client("kms")
    found = set()
    for page in kms.get_paginator("list_keys").paginate():
        for key in page["Keys"]:
            about = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
            if about["KeyState"] != "Enabled" or about.get("Description") != inputs.get("description"):
                continue
            tags = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]}
            if tags == (inputs.get("tags") or {}):
                found.add(str(key["KeyId"]))
    return account.only(found)


def _issuer(account: Account, inputs: Inputs) -> str | None:
    issuers = account.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    name = str(inputs["url"]).removeprefix("https://")
    return account.only({str(one["Arn"]) for one in issuers if str(one["Arn"]).endswith(f":oidc-provider/{name}")})


def _association(account: Account, inputs: Inputs) -> str | None:
    tables = account.client("ec2").describe_route_tables(RouteTableIds=[inputs["routeTableId"]])["RouteTables"]
    return account.only(
        {
            str(one["RouteTableAssociationId"])
            for table in tables
            for one in table["Associations"]
            if one.get("SubnetId") == inputs.get("subnetId")
        }
    )


def _route(_: Account, inputs: Inputs) -> str | None:
    """The aws provider's own: it numbers a route by its table and the CRC-32 of its destination."""
    return f"r-{inputs['routeTableId']}{zlib.crc32(str(inputs['destinationCidrBlock']).encode())}"


_FINDERS: dict[str, Finder] = {
    "aws:ec2/route:Route": _route,
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _association,
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _issuer,
    "aws:kms/key:Key": _key,
}
