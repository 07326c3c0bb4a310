"""The functions (data sources) of the aws stand-in."""

import json
from typing import Any
from zlib import crc32

from infra.errors import UserError
from localcloud.aws.eks_parts import unpinned_addon
from localcloud.aws.names import lower, properties, tag_map
from localcloud.aws.session import Session
from localcloud.providers.resources import Function
from localcloud.providers.values import Properties


def _caller_identity(session: Session, _: Properties) -> Properties:
    answer = session.client("sts").get_caller_identity()
    return {"id": answer["Account"], "accountId": answer["Account"], "arn": answer["Arn"], "userId": answer["UserId"]}


def _partition(session: Session, _: Properties) -> Properties:
    suffix = "amazonaws.com.cn" if session.partition == "aws-cn" else "amazonaws.com"
    reverse = ".".join(reversed(suffix.split(".")))
    return {"id": session.partition, "partition": session.partition, "dnsSuffix": suffix, "reverseDnsPrefix": reverse}


def _region(session: Session, arguments: Properties) -> Properties:
    name = arguments.get("region") or arguments.get("name") or session.region
    return {"id": name, "name": name, "region": name, "description": name, "endpoint": f"ec2.{name}.amazonaws.com"}


def _filters(arguments: Properties) -> list[dict[str, Any]]:
    given = [{"Name": item["name"], "Values": item["values"]} for item in arguments.get("filters", [])]
    return given + [{"Name": f"tag:{key}", "Values": [value]} for key, value in arguments.get("tags", {}).items()]


def _availability_zones(session: Session, arguments: Properties) -> Properties:
    filters = _filters(arguments)
    if arguments.get("state"):
        filters.append({"Name": "state", "Values": [arguments["state"]]})
    region = arguments.get("region") or session.region
    zones = session.client("ec2", region).describe_availability_zones(Filters=filters)["AvailabilityZones"]
    zones = [
        zone
        for zone in sorted(zones, key=lambda zone: str(zone["ZoneName"]))
        if zone["ZoneName"] not in arguments.get("excludeNames", [])
        and zone["ZoneId"] not in arguments.get("excludeZoneIds", [])
    ]
    return {
        **arguments,
        "id": region,
        "region": region,
        "names": [zone["ZoneName"] for zone in zones],
        "zoneIds": [zone["ZoneId"] for zone in zones],
        "groupNames": sorted({zone.get("GroupName", region) for zone in zones}),
    }


def _availability_zone(session: Session, arguments: Properties) -> Properties:
    region = arguments.get("region") or session.region
    zones = session.client("ec2", region).describe_availability_zones(Filters=_filters(arguments))["AvailabilityZones"]
    wanted = [
        zone
        for zone in zones
        if arguments.get("name") in (None, zone["ZoneName"]) and arguments.get("zoneId") in (None, zone["ZoneId"])
    ]
    zone = _only(wanted, "availability zone", arguments)
    return {
        **lower(zone),
        "id": zone["ZoneName"],
        "name": zone["ZoneName"],
        "region": region,
        "nameSuffix": zone["ZoneName"].removeprefix(zone["RegionName"]),
        "state": zone["State"],
    }


def _only(found: list[Any], what: str, arguments: Properties) -> Any:
    if len(found) != 1:
        raise UserError(
            f"{len(found)} results for the {what} with {json.dumps(arguments)}; the query must fit exactly one"
        )
    return found[0]


def _vpc(session: Session, arguments: Properties) -> Properties:
    filters = _filters(arguments)
    for name, filter_name in (("id", "vpc-id"), ("cidrBlock", "cidr"), ("state", "state")):
        if arguments.get(name):
            filters.append({"Name": filter_name, "Values": [arguments[name]]})
    if arguments.get("default") is not None:
        filters.append({"Name": "is-default", "Values": [str(arguments["default"]).lower()]})
    region = arguments.get("region") or session.region
    vpc = _only(session.client("ec2", region).describe_vpcs(Filters=filters)["Vpcs"], "VPC", arguments)
    return {
        **properties(vpc, "cidrBlock dhcpOptionsId instanceTenancy ownerId state", default="IsDefault", id="VpcId"),
        "arn": f"arn:{session.partition}:ec2:{region}:{session.account}:vpc/{vpc['VpcId']}",
        "tags": tag_map(vpc.get("Tags")),
        "region": region,
    }


def _subnets(session: Session, arguments: Properties) -> Properties:
    region = arguments.get("region") or session.region
    found = session.client("ec2", region).describe_subnets(Filters=_filters(arguments))["Subnets"]
    return {**arguments, "id": region, "region": region, "ids": [subnet["SubnetId"] for subnet in found]}


def _addon_version(session: Session, arguments: Properties) -> Properties:
    raise unpinned_addon(arguments["addonName"], arguments.get("kubernetesVersion"))


def _policy_document(_: Session, arguments: Properties) -> Properties:
    document: Properties = {"Version": arguments.get("version", "2012-10-17")}
    if arguments.get("policyId"):
        document["Id"] = arguments["policyId"]
    sources = [json.loads(text) for text in arguments.get("sourcePolicyDocuments", [])]
    inherited = [statement for source in sources for statement in _listed(source.get("Statement", []))]
    document["Statement"] = inherited + [_statement(statement) for statement in arguments.get("statements", [])]
    if arguments.get("overridePolicyDocuments"):
        raise UserError("the local stand-in's getPolicyDocument does not take overridePolicyDocuments")
    text = json.dumps(document, indent=2)
    return {**arguments, "id": str(crc32(text.encode())), "json": text, "minifiedJson": json.dumps(document)}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _statement(statement: Properties) -> Properties:
    result: Properties = {"Sid": statement["sid"]} if statement.get("sid") else {}
    result["Effect"] = statement.get("effect", "Allow")
    for name, key in (
        ("actions", "Action"),
        ("notActions", "NotAction"),
        ("resources", "Resource"),
        ("notResources", "NotResource"),
    ):
        if statement.get(name):
            result[key] = statement[name][0] if len(statement[name]) == 1 else statement[name]
    for name, key in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if statement.get(name):
            result[key] = _principals(statement[name])
    for condition in statement.get("conditions", []):
        values = condition["values"]
        tests = result.setdefault("Condition", {}).setdefault(condition["test"], {})
        tests[condition["variable"]] = values[0] if len(values) == 1 else values
    return result


def _principals(principals: list[Properties]) -> Any:
    if [(item["type"], item["identifiers"]) for item in principals] == [("*", ["*"])]:
        return "*"
    return {
        item["type"]: item["identifiers"][0] if len(item["identifiers"]) == 1 else item["identifiers"]
        for item in principals
    }


FUNCTIONS: dict[str, Function] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _availability_zones,
    "aws:index/getAvailabilityZone:getAvailabilityZone": _availability_zone,
    "aws:ec2/getVpc:getVpc": _vpc,
    "aws:ec2/getSubnets:getSubnets": _subnets,
    "aws:eks/getAddonVersion:getAddonVersion": _addon_version,
    "aws:iam/getPolicyDocument:getPolicyDocument": _policy_document,
}
