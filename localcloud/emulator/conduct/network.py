"""EC2: NAT gateways that take their time, what holds what, and addresses that do not fit.

The codes are those of the Amazon EC2 API reference ("Error codes for the Amazon EC2 API"); the sentences are EC2's as
people quote them in terraform-provider-aws and cloud-nuke issues.
"""

from collections.abc import Callable, Mapping
from ipaddress import IPv4Network
from typing import Any

from ministack.services import ec2

from localcloud.emulator.conduct import endpoints, interfaces, phases
from localcloud.emulator.conduct.before import Before, Parameters, Refusal, Request
from localcloud.emulator.conduct.phases import Answer


class Network(Before):
    """Before MiniStack's handler of EC2."""

    async def answer(self, asked: Request) -> Answer:
        # The default VPC is made at the first request, and a judge must see it.
        ec2._ensure_defaults_initialized()
        wanted = asked.parameters
        action = ec2._p(wanted, "Action")
        if action == "CreateVpcEndpoint" and (refused := endpoints.unauthorized(asked)):
            return ec2._error(*refused, 403)  # type: ignore[no-any-return]
        judge = _REFUSALS.get(action)
        if refused := _missing(action, wanted) or (judge(wanted) if judge else None):
            return ec2._error(*refused, 400)  # type: ignore[no-any-return]
        if action == "DeleteVpcEndpoints":
            return endpoints.end(self._phases, wanted)
        if action == "DescribeVpcEndpointServices":
            return endpoints.offered(wanted)
        before = {*ec2._nat_gateways.keys(), *ec2._vpc_endpoints.keys()}
        answer = await self.served(asked)
        if answer[0] != 200:
            return answer
        if action == "CreateNatGateway":
            [made] = set(ec2._nat_gateways.keys()) - before
            answer = answer[0], answer[1], answer[2].replace(b">available<", b">pending<")
            self._nat_begins(made)
        elif action == "DeleteNatGateway":
            self._nat_ends(ec2._p(wanted, "NatGatewayId"))
        elif action == "CreateVpcEndpoint":
            [made] = set(ec2._vpc_endpoints.keys()) - before
            endpoints.begin(self._phases, made, wanted)
            answer = endpoints.told(answer)
        elif action == "ModifyVpcEndpoint":
            endpoints.change(wanted)
        elif action == "DescribeVpcEndpoints":
            answer = endpoints.told(answer)
        return answer

    def _nat_begins(self, id_: str) -> None:
        gateway = ec2._nat_gateways[id_]
        gateway["State"] = "pending"
        interfaces.add(gateway["SubnetId"], _of_nat(id_))

        def ready() -> None:
            if gateway["ConnectivityType"] == "public" and not _gateway_of(gateway["VpcId"]):
                gateway["State"] = "failed"
                interfaces.remove(_of_nat(id_))
            else:
                gateway["State"] = "available"

        self._phases.begin(id_, "pending", phases.NAT, ready)

    def _nat_ends(self, id_: str) -> None:
        gateway = ec2._nat_gateways[id_]
        gateway["State"] = "deleting"

        def gone() -> None:
            gateway["State"] = "deleted"
            interfaces.remove(_of_nat(id_))

        self._phases.begin(id_, "deleting", phases.NAT_END, gone)


def _of_nat(id_: str) -> str:
    return f"Interface for NAT Gateway {id_}"


def _gateway_of(vpc: str) -> bool:
    return any(
        attached["VpcId"] == vpc for one in ec2._internet_gateways.values() for attached in one.get("Attachments", ())
    )


def _living_nats() -> list[dict[str, Any]]:
    return [one for one in ec2._nat_gateways.values() if one["State"] not in ("deleted", "failed")]


# -- what is refused -----------------------------------------------------------------------------------------------


def _held(what: str, id_: str) -> Refusal:
    return "DependencyViolation", f"The {what} '{id_}' has dependencies and cannot be deleted."


def _delete_subnet(wanted: Parameters) -> Refusal | None:
    id_ = ec2._p(wanted, "SubnetId")
    endpoint = any(id_ in one["SubnetIds"] for one in ec2._vpc_endpoints.values())
    return _held("subnet", id_) if endpoint or interfaces.in_subnet(id_) else None


def _delete_group(wanted: Parameters) -> Refusal | None:
    id_ = ec2._p(wanted, "GroupId")
    named = any(
        pair.get("GroupId") == id_
        for other, one in ec2._security_groups.items()
        if other != id_
        for permission in (*one["IpPermissions"], *one["IpPermissionsEgress"])
        for pair in permission.get("UserIdGroupPairs", ())
    )
    if named or interfaces.with_group(id_):
        return "DependencyViolation", f"resource {id_} has a dependent object"
    return None


def _delete_vpc(wanted: Parameters) -> Refusal | None:
    id_ = ec2._p(wanted, "VpcId")
    tables = any(
        one["VpcId"] == id_ and not any(each.get("Main") for each in one["Associations"])
        for one in ec2._route_tables.values()
    )
    endpoints = any(one["VpcId"] == id_ for one in ec2._vpc_endpoints.values())
    return _held("vpc", id_) if tables or endpoints or interfaces.in_vpc(id_) else None


def _delete_gateway(wanted: Parameters) -> Refusal | None:
    id_ = ec2._p(wanted, "InternetGatewayId")
    return _held("internetGateway", id_) if ec2._internet_gateways.get(id_, {}).get("Attachments") else None


def _detach_gateway(wanted: Parameters) -> Refusal | None:
    vpc = ec2._p(wanted, "VpcId")
    if any(one["VpcId"] == vpc and one["ConnectivityType"] == "public" for one in _living_nats()):
        return (
            "DependencyViolation",
            f"Network {vpc} has some mapped public address(es). Please unmap those public address(es) before "
            "detaching the gateway.",
        )
    return None


def _delete_table(wanted: Parameters) -> Refusal | None:
    id_ = ec2._p(wanted, "RouteTableId")
    return _held("routeTable", id_) if ec2._route_tables.get(id_, {}).get("Associations") else None


def _associate_table(wanted: Parameters) -> Refusal | None:
    subnet = ec2._p(wanted, "SubnetId")
    taken = any(one.get("SubnetId") == subnet for table in ec2._route_tables.values() for one in table["Associations"])
    if subnet and taken:
        return "Resource.AlreadyAssociated", f"the subnet {subnet} is already associated with a route table"
    return None


def _release_address(wanted: Parameters) -> Refusal | None:
    id_ = ec2._p(wanted, "AllocationId")
    if any(one["AllocationId"] == id_ for one in _living_nats()):
        return "InvalidIPAddress.InUse", f"The address with allocation id [{id_}] is in use."
    return None


def _create_nat(wanted: Parameters) -> Refusal | None:
    address = ec2._p(wanted, "AllocationId")
    if address and any(one["AllocationId"] == address for one in _living_nats()):
        return "Resource.AlreadyAssociated", f"Elastic IP address [{address}] is already associated"
    return None


def _create_vpc(wanted: Parameters) -> Refusal | None:
    block = _block(wanted)
    if block and not 16 <= block.prefixlen <= 28:
        return "InvalidVpc.Range", f"The CIDR '{block}' is invalid."
    return None


def _create_subnet(wanted: Parameters) -> Refusal | None:
    vpc, zone, block = ec2._p(wanted, "VpcId"), ec2._p(wanted, "AvailabilityZone"), _block(wanted)
    if zone and not (zone[:-1] == ec2.get_region() and zone[-1] in "abcdefgh"):
        return "InvalidParameterValue", f"Value ({zone}) for parameter availabilityZone is invalid."
    if block is None:
        return None
    whole = IPv4Network(ec2._vpcs[vpc]["CidrBlock"])
    if not block.subnet_of(whole) or block.prefixlen > 28:
        return "InvalidSubnet.Range", f"The CIDR '{block}' is invalid."
    for one in ec2._subnets.values():
        if one["VpcId"] == vpc and block.overlaps(IPv4Network(one["CidrBlock"])):
            return "InvalidSubnet.Conflict", f"The CIDR '{block}' conflicts with another subnet"
    return None


def _create_route(wanted: Parameters) -> Refusal | None:
    table, block = ec2._p(wanted, "RouteTableId"), ec2._p(wanted, "DestinationCidrBlock")
    if any(one.get("DestinationCidrBlock") == block for one in ec2._route_tables[table]["Routes"]):
        return "RouteAlreadyExists", f"The route identified by {block} already exists."
    return None


def _authorize(key: str) -> Callable[[Parameters], Refusal | None]:
    def judge(wanted: Parameters) -> Refusal | None:
        there = ec2._security_groups[ec2._p(wanted, "GroupId")][key]
        for rule in ec2._parse_ip_permissions(wanted, "IpPermissions"):
            if any(ec2._rules_match(rule, one) for one in there):
                return "InvalidPermission.Duplicate", "the specified rule already exists"
        return None

    return judge


def _missing(action: str, wanted: Parameters) -> Refusal | None:
    """What a request names and the account does not have."""
    for parameter, (kind, code, store) in _NAMED.items():
        if action not in _NAMING.get(parameter, ()):
            continue
        for id_ in [ec2._p(wanted, parameter), *ec2._parse_member_list(wanted, parameter)]:
            if id_ and id_ not in store:
                return f"{code}.NotFound", f"The {kind} ID '{id_}' does not exist"
    return None


def _block(wanted: Parameters) -> IPv4Network | None:
    """The address block asked for; None where there is none, or none that MiniStack would not refuse itself."""
    try:
        return IPv4Network(ec2._p(wanted, "CidrBlock"), strict=False)
    except ValueError:
        return None


_REFUSALS: dict[str, Callable[[Parameters], Refusal | None]] = {
    "AssociateRouteTable": _associate_table,
    "AuthorizeSecurityGroupEgress": _authorize("IpPermissionsEgress"),
    "AuthorizeSecurityGroupIngress": _authorize("IpPermissions"),
    "CreateNatGateway": _create_nat,
    "CreateSubnet": _create_subnet,
    "CreateRoute": _create_route,
    "CreateVpc": _create_vpc,
    "CreateVpcEndpoint": endpoints.refused,
    "DeleteInternetGateway": _delete_gateway,
    "DeleteRouteTable": _delete_table,
    "DeleteSecurityGroup": _delete_group,
    "DeleteSubnet": _delete_subnet,
    "DeleteVpc": _delete_vpc,
    "DetachInternetGateway": _detach_gateway,
    "ModifyVpcEndpoint": endpoints.changed,
    "ReleaseAddress": _release_address,
}

# By the parameter that names a thing: what it is, the code's beginning, and where MiniStack keeps it.
_NAMED: dict[str, tuple[str, str, Mapping[str, Any]]] = {
    "VpcId": ("vpc", "InvalidVpcID", ec2._vpcs),
    "SubnetId": ("subnet", "InvalidSubnetID", ec2._subnets),
    "AllocationId": ("allocation", "InvalidAllocationID", ec2._addresses),
    "RouteTableId": ("routeTable", "InvalidRouteTableID", ec2._route_tables),
    "NatGatewayId": ("natGateway", "InvalidNatGatewayID", ec2._nat_gateways),
    "GatewayId": ("gateway", "InvalidGatewayID", ec2._internet_gateways),
    "GroupId": ("security group", "InvalidGroup", ec2._security_groups),
    "SecurityGroupId": ("security group", "InvalidSecurityGroupID", ec2._security_groups),
    "AddSubnetId": ("subnet", "InvalidSubnetID", ec2._subnets),
}
# Which requests name it; MiniStack asks in the others itself.
_NAMING = {
    "VpcId": (
        "AttachInternetGateway",
        "CreateRouteTable",
        "CreateSecurityGroup",
        "CreateSubnet",
        "CreateVpcEndpoint",
    ),
    "SubnetId": ("AssociateRouteTable", "CreateNatGateway", "CreateVpcEndpoint"),
    "SecurityGroupId": ("CreateVpcEndpoint",),
    "AddSubnetId": ("ModifyVpcEndpoint",),
    "AllocationId": ("CreateNatGateway",),
    "RouteTableId": ("CreateRoute", "CreateVpcEndpoint"),
    "NatGatewayId": ("CreateRoute", "ReplaceRoute"),
    "GatewayId": ("CreateRoute", "ReplaceRoute"),
    "GroupId": ("AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress"),
}
