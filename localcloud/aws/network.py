"""Vpc, Subnet, InternetGateway, Eip, NatGateway and VpcEndpoint."""

from typing import Any

from localcloud.aws.ec2 import api, filters, new_tags, one, retag, set_attributes
from localcloud.aws.names import parameters, properties, tag_map, tagged
from localcloud.aws.session import arn
from localcloud.aws.waiting import once_free, until, until_gone
from localcloud.providers.kinds import Call, Kind, names
from localcloud.providers.values import Properties

_VPC_ATTRIBUTES = {
    "enableDnsSupport": "EnableDnsSupport",
    "enableDnsHostnames": "EnableDnsHostnames",
    "enableNetworkAddressUsageMetrics": "EnableNetworkAddressUsageMetrics",
}
_SUBNET_ATTRIBUTES = {
    "mapPublicIpOnLaunch": "MapPublicIpOnLaunch",
    "assignIpv6AddressOnCreation": "AssignIpv6AddressOnCreation",
}


def _create_vpc(call: Call) -> str:
    wanted = parameters(
        call.inputs,
        "cidrBlock instanceTenancy ipv4IpamPoolId ipv4NetmaskLength",
        assignGeneratedIpv6CidrBlock="AmazonProvidedIpv6CidrBlock",
    )
    return str(api(call).create_vpc(**wanted, **new_tags(call, "vpc"))["Vpc"]["VpcId"])


def _setup_vpc(call: Call) -> None:
    set_attributes(call, api(call).modify_vpc_attribute, "VpcId", _VPC_ATTRIBUTES)


def _read_vpc(call: Call) -> Properties | None:
    ec2 = api(call)
    vpc = one(ec2.describe_vpcs(VpcIds=[call.id]), "Vpcs")
    if vpc is None:
        return None
    live = properties(vpc, "cidrBlock dhcpOptionsId instanceTenancy ownerId")
    for name, attribute in _VPC_ATTRIBUTES.items():
        answer = ec2.describe_vpc_attribute(VpcId=call.id, Attribute=name)
        live[name] = answer.get(attribute, {}).get("Value", False)
    tables = ec2.describe_route_tables(Filters=filters({"vpc-id": call.id, "association.main": "true"}))
    main = [table["RouteTableId"] for table in tables["RouteTables"] if any(a["Main"] for a in table["Associations"])]
    acls = ec2.describe_network_acls(Filters=filters({"vpc-id": call.id, "default": "true"}))["NetworkAcls"]
    groups = ec2.describe_security_groups(Filters=filters({"vpc-id": call.id, "group-name": "default"}))[
        "SecurityGroups"
    ]
    return {
        **live,
        **tagged(tag_map(vpc.get("Tags"))),
        "arn": arn(call, "ec2", f"vpc/{call.id}"),
        "assignGeneratedIpv6CidrBlock": bool(vpc.get("Ipv6CidrBlockAssociationSet")) or None,
        "defaultRouteTableId": next(iter(main), None),
        "mainRouteTableId": next(iter(main), None),
        "defaultNetworkAclId": next((acl["NetworkAclId"] for acl in acls), None),
        "defaultSecurityGroupId": next((group["GroupId"] for group in groups), None),
    }


def _create_subnet(call: Call) -> str:
    wanted = parameters(call.inputs, "vpcId cidrBlock availabilityZone availabilityZoneId ipv6CidrBlock")
    return str(api(call).create_subnet(**wanted, **new_tags(call, "subnet"))["Subnet"]["SubnetId"])


def _setup_subnet(call: Call) -> None:
    set_attributes(call, api(call).modify_subnet_attribute, "SubnetId", _SUBNET_ATTRIBUTES)


def _read_subnet(call: Call) -> Properties | None:
    subnet = one(api(call).describe_subnets(SubnetIds=[call.id]), "Subnets")
    if subnet is None:
        return None
    live = properties(
        subnet,
        "vpcId cidrBlock availabilityZone availabilityZoneId mapPublicIpOnLaunch ownerId assignIpv6AddressOnCreation",
    )
    return {**live, **tagged(tag_map(subnet.get("Tags"))), "arn": arn(call, "ec2", f"subnet/{call.id}")}


def _create_gateway(call: Call) -> str:
    made = api(call).create_internet_gateway(**new_tags(call, "internet-gateway"))
    return str(made["InternetGateway"]["InternetGatewayId"])


def _setup_gateway(call: Call) -> None:
    before, after = call.old.get("vpcId"), call.inputs.get("vpcId")
    if before and before != after:
        api(call).detach_internet_gateway(InternetGatewayId=call.id, VpcId=before)
    if after and before != after:
        api(call).attach_internet_gateway(InternetGatewayId=call.id, VpcId=after)


def _read_gateway(call: Call) -> Properties | None:
    gateway = one(api(call).describe_internet_gateways(InternetGatewayIds=[call.id]), "InternetGateways")
    if gateway is None:
        return None
    return {
        **tagged(tag_map(gateway.get("Tags"))),
        "vpcId": next((attached["VpcId"] for attached in gateway["Attachments"]), None),
        "ownerId": gateway.get("OwnerId"),
        "arn": arn(call, "ec2", f"internet-gateway/{call.id}"),
    }


def _delete_gateway(call: Call) -> None:
    live = _read_gateway(call)
    if live and live["vpcId"]:
        attached = {"InternetGatewayId": call.id, "VpcId": live["vpcId"]}
        once_free(lambda: api(call).detach_internet_gateway(**attached), minutes=20)
    once_free(lambda: api(call).delete_internet_gateway(InternetGatewayId=call.id), minutes=20)


def _create_address(call: Call) -> str:
    wanted = parameters(call.inputs, "address publicIpv4Pool networkBorderGroup")
    return str(api(call).allocate_address(Domain="vpc", **wanted, **new_tags(call, "elastic-ip"))["AllocationId"])


def _setup_address(call: Call) -> None:
    if call.changed("instance", "networkInterface"):
        target = parameters(call.inputs, "", instance="InstanceId", networkInterface="NetworkInterfaceId")
        if target:
            api(call).associate_address(AllocationId=call.id, **target)


def _read_address(call: Call) -> Properties | None:
    address = one(api(call).describe_addresses(AllocationIds=[call.id]), "Addresses")
    if address is None:
        return None
    live = properties(address, "allocationId publicIp domain publicIpv4Pool networkBorderGroup")
    name = f"ec2-{address['PublicIp'].replace('.', '-')}.{call.session.region}.compute.amazonaws.com"
    return {
        **live,
        **tagged(tag_map(address.get("Tags"))),
        "publicDns": name,
        "arn": arn(call, "ec2", f"elastic-ip/{call.id}"),
    }


def _create_nat(call: Call) -> str:
    wanted = parameters(call.inputs, "allocationId subnetId connectivityType", privateIp="PrivateIpAddress")
    return str(api(call).create_nat_gateway(**wanted, **new_tags(call, "natgateway"))["NatGateway"]["NatGatewayId"])


def _setup_nat(call: Call) -> None:
    until(f"the NAT gateway {call.id}", lambda: _nat_state(call), wanted="available", passing=("pending",), minutes=10)


def _delete_nat(call: Call) -> None:
    api(call).delete_nat_gateway(NatGatewayId=call.id)
    until_gone(f"the NAT gateway {call.id}", lambda: _nat_state(call), minutes=30)


def _nat_state(call: Call) -> str:
    gateway = one(api(call).describe_nat_gateways(NatGatewayIds=[call.id]), "NatGateways")
    return str(gateway["State"]) if gateway else "deleted"


def _read_nat(call: Call) -> Properties | None:
    gateway = one(api(call).describe_nat_gateways(NatGatewayIds=[call.id]), "NatGateways")
    if gateway is None or gateway["State"] in ("deleting", "deleted"):
        return None
    address: dict[str, Any] = next(iter(gateway.get("NatGatewayAddresses", [])), {})
    return {
        **properties(gateway, "subnetId connectivityType"),
        **properties(address, "allocationId publicIp networkInterfaceId associationId", privateIp="PrivateIp"),
        **tagged(tag_map(gateway.get("Tags"))),
    }


def _create_endpoint(call: Call) -> str:
    wanted = parameters(
        call.inputs,
        "vpcId serviceName vpcEndpointType routeTableIds subnetIds securityGroupIds privateDnsEnabled",
        policy="PolicyDocument",
    )
    made = api(call).create_vpc_endpoint(**wanted, **new_tags(call, "vpc-endpoint"))
    return str(made["VpcEndpoint"]["VpcEndpointId"])


def _setup_endpoint(call: Call) -> None:
    if not call.old:
        what = f"the endpoint {call.id}"
        until(what, lambda: _endpoint_state(call), wanted="available", passing=("pending",), minutes=10)
        return
    changes: dict[str, Any] = parameters(call.inputs, "privateDnsEnabled") if call.changed("privateDnsEnabled") else {}
    for name, parameter in (
        ("routeTableIds", "RouteTableIds"),
        ("subnetIds", "SubnetIds"),
        ("securityGroupIds", "SecurityGroupIds"),
    ):
        before, after = set(call.old.get(name, [])), set(call.inputs.get(name, []))
        changes |= {f"Add{parameter}": sorted(after - before)} if after - before else {}
        changes |= {f"Remove{parameter}": sorted(before - after)} if before - after else {}
    if call.changed("policy"):
        changes |= {"PolicyDocument": call.inputs["policy"]} if call.inputs.get("policy") else {"ResetPolicy": True}
    if changes:
        api(call).modify_vpc_endpoint(VpcEndpointId=call.id, **changes)


def _delete_endpoint(call: Call) -> None:
    api(call).delete_vpc_endpoints(VpcEndpointIds=[call.id])
    until_gone(f"the endpoint {call.id}", lambda: _endpoint_state(call), minutes=10)


def _endpoint_state(call: Call) -> str:
    endpoint = one(api(call).describe_vpc_endpoints(VpcEndpointIds=[call.id]), "VpcEndpoints")
    return str(endpoint["State"]) if endpoint else "deleted"


def _read_endpoint(call: Call) -> Properties | None:
    endpoint = one(api(call).describe_vpc_endpoints(VpcEndpointIds=[call.id]), "VpcEndpoints")
    if endpoint is None or endpoint.get("State") in ("deleting", "deleted"):
        return None
    live = properties(
        endpoint,
        "vpcId serviceName vpcEndpointType routeTableIds subnetIds state privateDnsEnabled ownerId "
        "requesterManaged networkInterfaceIds",
        policy="PolicyDocument",
    )
    groups = [group["GroupId"] for group in endpoint.get("Groups", [])]
    entries = [properties(entry, "dnsName hostedZoneId") for entry in endpoint.get("DnsEntries", [])]
    return {
        **live,
        **tagged(tag_map(endpoint.get("Tags"))),
        "securityGroupIds": groups,
        "dnsEntries": entries,
        "prefixListId": _prefix_list(call, endpoint["ServiceName"]),
        "arn": arn(call, "ec2", f"vpc-endpoint/{call.id}"),
    }


def _prefix_list(call: Call, service: str) -> str | None:
    lists = api(call).describe_managed_prefix_lists(Filters=filters({"prefix-list-name": service}))["PrefixLists"]
    return next((found["PrefixListId"] for found in lists if found["PrefixListName"] == service), None)


KINDS = [
    Kind(
        token="aws:ec2/vpc:Vpc",
        create=_create_vpc,
        setup=_setup_vpc,
        read=_read_vpc,
        retag=retag,
        delete=lambda call: once_free(lambda: api(call).delete_vpc(VpcId=call.id), minutes=5),
        replaces=names("cidrBlock instanceTenancy ipv4IpamPoolId ipv4NetmaskLength"),
        defaults={"enableDnsSupport": True, "instanceTenancy": "default"},
        computed=names("cidrBlock enableDnsHostnames enableNetworkAddressUsageMetrics"),
    ),
    Kind(
        token="aws:ec2/subnet:Subnet",
        create=_create_subnet,
        setup=_setup_subnet,
        read=_read_subnet,
        retag=retag,
        delete=lambda call: once_free(lambda: api(call).delete_subnet(SubnetId=call.id), minutes=20),
        replaces=names("vpcId cidrBlock availabilityZone availabilityZoneId ipv6CidrBlock ipv6Native outpostArn"),
        defaults={"mapPublicIpOnLaunch": False, "assignIpv6AddressOnCreation": False},
        computed=names("availabilityZone availabilityZoneId"),
    ),
    Kind(
        token="aws:ec2/internetGateway:InternetGateway",
        create=_create_gateway,
        setup=_setup_gateway,
        read=_read_gateway,
        delete=_delete_gateway,
        retag=retag,
        computed=names("vpcId"),
    ),
    Kind(
        token="aws:ec2/eip:Eip",
        create=_create_address,
        setup=_setup_address,
        read=_read_address,
        retag=retag,
        delete=lambda call: api(call).release_address(AllocationId=call.id),
        replaces=names("address domain publicIpv4Pool networkBorderGroup"),
        computed=names("domain publicIpv4Pool networkBorderGroup"),
    ),
    Kind(
        token="aws:ec2/natGateway:NatGateway",
        create=_create_nat,
        setup=_setup_nat,
        read=_read_nat,
        retag=retag,
        delete=_delete_nat,
        replaces=names("allocationId subnetId connectivityType privateIp"),
        defaults={"connectivityType": "public"},
        computed=names("privateIp"),
    ),
    Kind(
        token="aws:ec2/vpcEndpoint:VpcEndpoint",
        create=_create_endpoint,
        setup=_setup_endpoint,
        read=_read_endpoint,
        retag=retag,
        delete=_delete_endpoint,
        replaces=names("vpcId serviceName vpcEndpointType"),
        defaults={"vpcEndpointType": "Gateway"},
        computed=names("policy privateDnsEnabled routeTableIds subnetIds securityGroupIds"),
        documents=names("policy"),
        unordered=names("routeTableIds subnetIds securityGroupIds"),
    ),
]
