"""EC2's interface endpoints: an interface in each subnet, names in the VPC, time to come and to go, and refusals.

States and codes are those of the Amazon EC2 API reference ("CreateVpcEndpoint", "Error codes for the Amazon EC2 API");
the sentences are EC2's as people quote them in terraform-provider-aws issue 17535 and eksctl issue 3133.
"""

import re
from functools import partial
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.iam_evaluator import EvalResult
from ministack.core.router import extract_access_key_id
from ministack.services import ec2

from localcloud.emulator.conduct import interfaces, phases
from localcloud.emulator.conduct.before import Parameters, Refusal, Request
from localcloud.emulator.conduct.phases import Answer, Phases

_INTERFACE = "Interface"
_ASSOCIATES = "route53:AssociateVPCWithHostedZone"

# Of "AWS services that integrate with AWS PrivateLink" what a cluster may ask. Route 53 and ACM are not among them.
_SERVICES = frozenset(
    (
        *("autoscaling", "cognito-idp", "ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "elasticfilesystem"),
        *("elasticloadbalancing", "guardduty-data", "kms", "logs", "monitoring", "rds", "s3", "sagemaker.api"),
        *("sagemaker.runtime", "secretsmanager", "sns", "ssm", "ssmmessages", "sts", "xray"),
    )
)


def unauthorized(asked: Request) -> Refusal | None:
    """What EC2 says to who may make an endpoint and not have it named: the names are a zone that Route 53 associates.

    Service Authorization Reference, "Amazon EC2", dependent actions of CreateVpcEndpoint.
    """
    wanted = asked.parameters
    if ec2._p(wanted, "VpcEndpointType") != _INTERFACE or not _yes(wanted, "PrivateDnsEnabled"):
        return None
    key = extract_access_key_id(dict(asked.headers), dict(asked.query))
    # Who asks at all has been judged before.
    if isinstance(iam_evaluator.enforce(key, _ASSOCIATES, "route53", ec2.get_region()), EvalResult):
        return "UnauthorizedOperation", f"You are not authorized to perform: {_ASSOCIATES}"
    return None


def refused(wanted: Parameters) -> Refusal | None:
    """What EC2 says of an interface endpoint that it does not make; None for one that fits, or of another type."""
    if ec2._p(wanted, "VpcEndpointType") != _INTERFACE:
        return None
    name, vpc = ec2._p(wanted, "ServiceName"), ec2._p(wanted, "VpcId")
    if name.removeprefix(f"com.amazonaws.{ec2.get_region()}.") not in _SERVICES:
        return "InvalidServiceName", f"The Vpc Endpoint Service '{name}' does not exist"
    if _yes(wanted, "PrivateDnsEnabled"):
        if not (ec2._vpcs[vpc].get("EnableDnsSupport", True) and ec2._vpcs[vpc].get("EnableDnsHostnames")):
            return (
                "InvalidParameter",
                "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true "
                f"for {vpc}",
            )
        living = [one for one in ec2._vpc_endpoints.values() if one["State"] != "deleting"]
        if any((one["VpcId"], one["ServiceName"], one.get("PrivateDns")) == (vpc, name, True) for one in living):
            return (
                "InvalidParameter",
                "private-dns-enabled cannot be set because there is already a conflicting DNS domain for "
                f"{name.rpartition('.')[2]}.{ec2.get_region()}.amazonaws.com in the VPC {vpc}",
            )
    return _in_one_zone(ec2._parse_member_list(wanted, "SubnetId"))


def offered(wanted: Parameters) -> Answer:
    """What EC2 has endpoints of: what `refused` takes, in four zones; MiniStack knows three, and fewer APIs.

    Of "DescribeVpcEndpointServices" the fields that tell an API, its type and its zones.
    """
    region, filters = ec2.get_region(), ec2._parse_filters(wanted)
    names, types = filters.get("service-name"), filters.get("service-type")
    zones = "".join(f"<item>{region}{letter}</item>" for letter in "abcd")
    services = [(f"com.amazonaws.{region}.{one}", _INTERFACE) for one in sorted(_SERVICES)]
    services += [(f"com.amazonaws.{region}.{one}", "Gateway") for one in ("dynamodb", "s3")]
    chosen = [(name, kind) for name, kind in services if (not names or name in names) and (not types or kind in types)]
    details = "".join(
        f"<item><serviceName>{name}</serviceName><serviceType><item><serviceType>{kind}</serviceType></item></serviceType>"
        f"<availabilityZoneSet>{zones}</availabilityZoneSet><owner>amazon</owner></item>"
        for name, kind in chosen
    )
    set_of_names = "".join(f"<item>{name}</item>" for name in sorted({name for name, _ in chosen}))
    body = f"<serviceNameSet>{set_of_names}</serviceNameSet><serviceDetailSet>{details}</serviceDetailSet>"
    return ec2._xml(200, "DescribeVpcEndpointServicesResponse", body)  # type: ignore[no-any-return]


def changed(wanted: Parameters) -> Refusal | None:
    """What EC2 says of subnets that an interface endpoint does not get in addition."""
    endpoint = ec2._vpc_endpoints.get(ec2._p(wanted, "VpcEndpointId"))
    if endpoint is None:
        return None
    going = ec2._parse_member_list(wanted, "RemoveSubnetId")
    staying = [one for one in endpoint["SubnetIds"] if one not in going]
    return _in_one_zone([*staying, *ec2._parse_member_list(wanted, "AddSubnetId")])


def begin(phases_: Phases, id_: str, wanted: Parameters) -> None:
    """Have a new endpoint take its time, if it is one of interfaces."""
    made = ec2._vpc_endpoints[id_]
    if made["VpcEndpointType"] != _INTERFACE:
        return
    made["Groups"] = ec2._parse_member_list(wanted, "SecurityGroupId")
    made["PrivateDns"] = _yes(wanted, "PrivateDnsEnabled")
    made["State"] = "pending"
    _fit(made)
    phases_.begin(id_, "pending", phases.ENDPOINT, lambda: made.update(State="available"))


def change(wanted: Parameters) -> None:
    """What MiniStack leaves out of a change: groups, names, and interfaces in the subnets."""
    endpoint = ec2._vpc_endpoints[ec2._p(wanted, "VpcEndpointId")]
    if endpoint["VpcEndpointType"] != _INTERFACE:
        return
    going = ec2._parse_member_list(wanted, "RemoveSecurityGroupId")
    staying = [one for one in endpoint["Groups"] if one not in going]
    endpoint["Groups"] = [*staying, *ec2._parse_member_list(wanted, "AddSecurityGroupId")]
    if "PrivateDnsEnabled" in wanted:
        endpoint["PrivateDns"] = _yes(wanted, "PrivateDnsEnabled")
    _fit(endpoint)


def end(phases_: Phases, wanted: Parameters) -> Answer:
    """The answer to a deletion: what has interfaces goes after them, all else at once."""
    for id_ in ec2._parse_member_list(wanted, "VpcEndpointId"):
        endpoint = ec2._vpc_endpoints.get(id_)
        if endpoint is not None and endpoint["VpcEndpointType"] == _INTERFACE:
            endpoint["State"] = "deleting"
            phases_.begin(id_, "deleting", phases.ENDPOINT_END, partial(_gone, id_))
        else:
            _gone(id_)
    return ec2._xml(200, "DeleteVpcEndpointsResponse", "<unsuccessful/>")  # type: ignore[no-any-return]


def told(answer: Answer) -> Answer:
    """An answer about endpoints with what MiniStack does not tell of those of interfaces."""

    def more(match: re.Match[str]) -> str:
        endpoint = ec2._vpc_endpoints[match[1]]
        id_, between = match.groups()
        return f"<vpcEndpointId>{id_}</vpcEndpointId>{_fields(endpoint)}{between}<state>{endpoint['State']}</state>"

    body = re.sub(
        r"<vpcEndpointId>([^<]+)</vpcEndpointId>(.*?)<state>[^<]+</state>", more, answer[2].decode(), flags=re.DOTALL
    )
    return answer[0], answer[1], body.encode()


def _fields(endpoint: dict[str, Any]) -> str:
    if endpoint["VpcEndpointType"] != _INTERFACE:
        return ""
    groups = "".join(f"<item><groupId>{one}</groupId></item>" for one in endpoint["Groups"])
    ids = "".join(f"<item>{one}</item>" for one in interfaces.described(_of(endpoint["VpcEndpointId"])))
    dns = str(endpoint["PrivateDns"]).lower()
    return (
        f"<groupSet>{groups}</groupSet><privateDnsEnabled>{dns}</privateDnsEnabled>"
        f"<networkInterfaceIdSet>{ids}</networkInterfaceIdSet>"
    )


def _fit(endpoint: dict[str, Any]) -> None:
    """An interface in each of its subnets, with its groups, and in no other."""
    interfaces.remove(_of(endpoint["VpcEndpointId"]))
    for subnet in endpoint["SubnetIds"]:
        interfaces.add(subnet, _of(endpoint["VpcEndpointId"]), endpoint["Groups"])


def _gone(id_: str) -> None:
    ec2._vpc_endpoints.pop(id_, None)
    ec2._tags.pop(id_, None)
    interfaces.remove(_of(id_))


def _in_one_zone(subnets: list[str]) -> Refusal | None:
    zones = [ec2._subnets[one]["AvailabilityZone"] for one in subnets]
    for subnet, zone in zip(subnets, zones, strict=True):
        if zones.count(zone) > 1:
            return (
                "DuplicateSubnetsInSameZone",
                f"Found another VPC endpoint subnet in the availability zone of {subnet}",
            )
    return None


def _yes(wanted: Parameters, name: str) -> bool:
    return bool(ec2._p(wanted, name).lower() == "true")


def _of(id_: str) -> str:
    """As EC2 calls the interfaces of an endpoint."""
    return f"VPC Endpoint Interface {id_}"
