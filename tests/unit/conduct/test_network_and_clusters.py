"""What stands before MiniStack's handlers of networks and clusters: what takes its time, and what is refused."""

import re
from typing import Any

import pytest
from ministack.services import ec2

from tests.unit.conduct.conftest import GROUP, ROLE, STS, Cloud


def test_a_cluster_is_creating_for_minutes_and_tells_little_until_then(cloud: Cloud) -> None:
    assert cloud.cluster()[1]["cluster"]["status"] == "CREATING"
    told = cloud.eks("GET", "/clusters/k")[1]["cluster"]
    assert told["status"] == "CREATING"
    assert told.keys().isdisjoint({"endpoint", "identity", "certificateAuthority"})
    for path in ("node-groups", "addons", "access-entries"):
        status, answer = cloud.eks("POST", f"/clusters/k/{path}", nodegroupName="n", addonName="a", principalArn=ROLE)
        assert (status, answer["__type"]) == (400, "InvalidRequestException")
    assert cloud.eks("DELETE", "/clusters/k")[1]["__type"] == "ResourceInUseException"
    cloud.minutes(10)
    told = cloud.eks("GET", "/clusters/k")[1]["cluster"]
    assert (told["status"], bool(told["endpoint"])) == ("ACTIVE", True)
    assert told["resourcesVpcConfig"]["vpcId"] == cloud.vpc


def test_groups_and_addons_come_and_go_slowly_and_a_cluster_goes_last(cloud: Cloud) -> None:
    cloud.running()
    assert cloud.nodes()[1]["nodegroup"]["status"] == "CREATING"
    addon = {"addonName": "coredns", "addonVersion": "v1.12.4-eksbuild.1"}
    assert cloud.eks("POST", "/clusters/k/addons", **addon)[1]["addon"]["status"] == "CREATING"
    assert cloud.eks("DELETE", "/clusters/k/node-groups/n")[0] == 409
    cloud.minutes(3)
    assert cloud.eks("GET", "/clusters/k/node-groups/n")[1]["nodegroup"]["status"] == "ACTIVE"
    assert cloud.eks("GET", "/clusters/k/addons/coredns")[1]["addon"]["status"] == "ACTIVE"
    assert cloud.eks("DELETE", "/clusters/k")[1]["message"] == "Cluster has nodegroups attached"
    assert cloud.eks("DELETE", "/clusters/k/node-groups/n")[1]["nodegroup"]["status"] == "DELETING"
    assert cloud.eks("GET", "/clusters/k/node-groups/n")[1]["nodegroup"]["status"] == "DELETING"
    assert cloud.eks("DELETE", "/clusters/k")[0] == 409
    cloud.minutes(5)
    assert cloud.eks("GET", "/clusters/k/node-groups/n")[0] == 404
    assert cloud.eks("DELETE", "/clusters/k")[1]["cluster"]["status"] == "DELETING"
    cloud.minutes(4)
    assert cloud.eks("GET", "/clusters/k")[0] == 404


def test_a_cluster_holds_its_subnets_and_its_group_until_it_is_gone(cloud: Cloud) -> None:
    cloud.running()
    group = cloud.eks("GET", "/clusters/k")[1]["cluster"]["resourcesVpcConfig"]["clusterSecurityGroupId"]
    for _ in range(2):
        assert cloud.ec2("DeleteSubnet", SubnetId=cloud.subnets[0]) == "DependencyViolation"
        assert cloud.ec2("DeleteSecurityGroup", GroupId=group) == "DependencyViolation"
        cloud.eks("DELETE", "/clusters/k")
    cloud.minutes(4)
    assert cloud.ec2("DeleteSecurityGroup", GroupId=group) == "InvalidGroup.NotFound", "it goes with the cluster"
    assert "<return>true" in cloud.ec2("DeleteSubnet", SubnetId=cloud.subnets[0])


def test_the_last_logs_bring_the_group_back(cloud: Cloud) -> None:
    cloud.running()
    cloud.eks("DELETE", "/clusters/k")
    cloud.minutes(4)
    assert cloud.eks("GET", "/clusters/k")[0] == 404
    cloud.logs("DeleteLogGroup", logGroupName=GROUP)
    assert cloud.groups() == []
    cloud.minutes(1)
    assert cloud.groups() == [GROUP]
    cloud.minutes(3)
    cloud.logs("DeleteLogGroup", logGroupName=GROUP)
    cloud.minutes(1)
    assert cloud.groups() == [], "nothing is written any more"


def test_a_cluster_without_logs_brings_none_back(cloud: Cloud) -> None:
    cloud.cluster(logging={"clusterLogging": []})
    cloud.minutes(10)
    cloud.logs("CreateLogGroup", logGroupName=GROUP)
    cloud.logs("DeleteLogGroup", logGroupName=GROUP)
    cloud.minutes(1)
    assert cloud.groups() == []


def gateway(cloud: Cloud) -> str:
    made = cloud.ec2("CreateInternetGateway")
    cloud.ec2("AttachInternetGateway", InternetGatewayId=made, VpcId=cloud.vpc)
    return made


def test_a_nat_gateway_is_pending_and_holds_its_address_its_subnet_and_the_way_out(cloud: Cloud) -> None:
    way_out, address = gateway(cloud), cloud.ec2("AllocateAddress")
    nat = cloud.ec2("CreateNatGateway", SubnetId=cloud.subnets[0], AllocationId=address)
    assert cloud.state(nat) == "pending"
    cloud.minutes(3)
    assert cloud.state(nat) == "available"
    cloud.ec2("DeleteNatGateway", NatGatewayId=nat)
    assert cloud.state(nat) == "deleting"
    attached = {"InternetGatewayId": way_out, "VpcId": cloud.vpc}
    assert (
        cloud.ec2("CreateNatGateway", SubnetId=cloud.subnets[1], AllocationId=address) == "Resource.AlreadyAssociated"
    )
    assert cloud.ec2("ReleaseAddress", AllocationId=address) == "InvalidIPAddress.InUse"
    assert cloud.ec2("DeleteSubnet", SubnetId=cloud.subnets[0]) == "DependencyViolation"
    assert cloud.ec2("DetachInternetGateway", **attached) == "DependencyViolation"
    cloud.minutes(2)
    assert cloud.state(nat) == "deleted"
    for action, parameters in (
        ("ReleaseAddress", {"AllocationId": address}),
        ("DeleteSubnet", {"SubnetId": cloud.subnets[0]}),
        ("DetachInternetGateway", attached),
    ):
        assert "<return>true" in cloud.ec2(action, **parameters)


def test_a_nat_gateway_without_a_way_out_fails(cloud: Cloud) -> None:
    nat = cloud.ec2("CreateNatGateway", SubnetId=cloud.subnets[0], AllocationId=cloud.ec2("AllocateAddress"))
    cloud.minutes(3)
    assert cloud.state(nat) == "failed"


@pytest.mark.parametrize(
    ("action", "parameters", "code"),
    [
        ("CreateVpc", {"CidrBlock": "10.0.0.0/8"}, "InvalidVpc.Range"),
        ("CreateSubnet", {"CidrBlock": "192.168.0.0/24"}, "InvalidSubnet.Range"),
        ("CreateSubnet", {"CidrBlock": "10.0.0.128/25"}, "InvalidSubnet.Conflict"),
        ("CreateSubnet", {"CidrBlock": "10.0.9.0/24", "AvailabilityZone": "eu-west-1a"}, "InvalidParameterValue"),
        ("CreateSubnet", {"CidrBlock": "10.0.9.0/24", "VpcId": "vpc-0"}, "InvalidVpcID.NotFound"),
        ("CreateNatGateway", {"SubnetId": "subnet-0"}, "InvalidSubnetID.NotFound"),
        ("CreateVpcEndpoint", {"RouteTableId.1": "rtb-0"}, "InvalidRouteTableID.NotFound"),
        ("CreateVpcEndpoint", {**STS, "SubnetId.1": "subnet-0"}, "InvalidSubnetID.NotFound"),
        ("CreateVpcEndpoint", {**STS, "SecurityGroupId.1": "sg-0"}, "InvalidSecurityGroupID.NotFound"),
        ("CreateVpcEndpoint", {**STS, "ServiceName": "com.amazonaws.us-west-2.acm"}, "InvalidServiceName"),
        ("CreateVpcEndpoint", {**STS, "PrivateDnsEnabled": "true"}, "InvalidParameter"),
        ("CreateRouteTable", {"VpcId": "vpc-0"}, "InvalidVpcID.NotFound"),
        ("CreateSecurityGroup", {"VpcId": "vpc-0", "GroupName": "g"}, "InvalidVpcID.NotFound"),
        ("AuthorizeSecurityGroupIngress", {"GroupId": "sg-0"}, "InvalidGroup.NotFound"),
        ("DeleteVpc", {}, "DependencyViolation"),
    ],
)
def test_what_does_not_fit_is_refused(cloud: Cloud, action: str, parameters: dict[str, str], code: str) -> None:
    assert cloud.ec2(action, **{"VpcId": cloud.vpc, **parameters}) == code


def test_an_interface_endpoint_takes_its_time_and_holds_its_subnets_and_group(cloud: Cloud) -> None:
    group = cloud.ec2("CreateSecurityGroup", GroupName="a", GroupDescription="d", VpcId=cloud.vpc)
    cloud.ec2("ModifyVpcAttribute", VpcId=cloud.vpc, **{"EnableDnsHostnames.Value": "true"})
    wanted = {**STS, "VpcId": cloud.vpc, "SubnetId.1": cloud.subnets[0], "SecurityGroupId.1": group}
    wanted["PrivateDnsEnabled"] = "true"
    cloud.ec2("CreateVpcEndpoint", **wanted)
    assert cloud.ec2("CreateVpcEndpoint", **wanted) == "InvalidParameter", "the name is taken in this VPC"
    [endpoint] = (id_ for id_, one in ec2._vpc_endpoints.items() if one["VpcEndpointType"] == "Interface")
    assert cloud.endpoint(endpoint) == ("pending", group, "true", 1)
    cloud.minutes(2)
    assert cloud.endpoint(endpoint) == ("available", group, "true", 1)
    assert cloud.ec2("DeleteSecurityGroup", GroupId=group) == "DependencyViolation"
    more = cloud.ec2("CreateSubnet", VpcId=cloud.vpc, CidrBlock="10.0.7.0/24", AvailabilityZone="us-west-2a")
    change = {"VpcEndpointId": endpoint, "AddSubnetId.1": more}
    assert cloud.ec2("ModifyVpcEndpoint", **change) == "DuplicateSubnetsInSameZone"
    assert "<return>true" in cloud.ec2("ModifyVpcEndpoint", **{**change, "AddSubnetId.1": cloud.subnets[1]})
    assert cloud.endpoint(endpoint) == ("available", group, "true", 2)
    cloud.ec2("DeleteVpcEndpoints", **{"VpcEndpointId.1": endpoint})
    assert cloud.endpoint(endpoint) == ("deleting", group, "true", 2)
    assert cloud.ec2("DeleteSubnet", SubnetId=cloud.subnets[1]) == "DependencyViolation"
    cloud.minutes(3)
    assert "<return>true" in cloud.ec2("DeleteSubnet", SubnetId=cloud.subnets[1])
    assert cloud.ec2("DeleteSecurityGroup", GroupId=group) == group
    assert endpoint not in ec2._vpc_endpoints


@pytest.mark.parametrize("more", [[], ["route53:AssociateVPCWithHostedZone"]])
def test_who_has_an_endpoint_named_may_associate_its_zone(cloud: Cloud, more: list[str]) -> None:
    cloud.ec2("ModifyVpcAttribute", VpcId=cloud.vpc, **{"EnableDnsHostnames.Value": "true"})
    key = cloud.user(["ec2:*", *more])
    wanted = {**STS, "VpcId": cloud.vpc, "SubnetId.1": cloud.subnets[0]}
    assert cloud.ec2("CreateVpcEndpoint", key, **wanted) == cloud.vpc, "without a name nothing is associated"
    named = cloud.ec2("CreateVpcEndpoint", key, **wanted, PrivateDnsEnabled="true")
    assert named == (cloud.vpc if more else "UnauthorizedOperation")


def test_an_api_that_endpoints_are_offered_of_is_one_that_can_be_made(cloud: Cloud) -> None:
    asked = {"Filter.1.Name": "service-type", "Filter.1.Value.1": "Interface"}
    found = cloud.ec2("DescribeVpcEndpointServices", **asked)
    names = re.findall("<serviceName>(.+?)</serviceName>", found)
    zones = re.findall("<availabilityZoneSet>(.+?)</availabilityZoneSet>", found)
    assert len(names) == len(zones) == len(set(names)) > 20
    assert {zone.count("<item>us-west-2") for zone in zones} == {4}
    wanted = {**STS, "VpcId": cloud.vpc}
    assert [one for one in names if cloud.ec2("CreateVpcEndpoint", **{**wanted, "ServiceName": one}).isalpha()] == []
    one = {"Filter.2.Name": "service-name", "Filter.2.Value.1": "com.amazonaws.us-west-2.eks"}
    assert re.findall("<serviceName>(.+?)</serviceName>", cloud.ec2("DescribeVpcEndpointServices", **asked, **one)) == [
        "com.amazonaws.us-west-2.eks"
    ]


def test_a_table_in_use_and_an_attached_gateway_stay(cloud: Cloud) -> None:
    way_out = gateway(cloud)
    cloud.ec2("CreateRouteTable", VpcId=cloud.vpc)
    table = next(id_ for id_, one in ec2._route_tables.items() if not one["Associations"])
    wanted = {"RouteTableId": table, "SubnetId": cloud.subnets[0]}
    cloud.ec2("AssociateRouteTable", **wanted)
    assert cloud.ec2("AssociateRouteTable", **wanted) == "Resource.AlreadyAssociated"
    assert cloud.ec2("DeleteRouteTable", RouteTableId=table) == "DependencyViolation"
    assert cloud.ec2("DeleteInternetGateway", InternetGatewayId=way_out) == "DependencyViolation"


def test_what_is_there_already_is_not_made_twice(cloud: Cloud) -> None:
    way_out = gateway(cloud)
    cloud.ec2("CreateRouteTable", VpcId=cloud.vpc)
    table = next(id_ for id_, one in ec2._route_tables.items() if not one["Associations"])
    route = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
    for target, code in (
        ({"GatewayId": "igw-0"}, "InvalidGatewayID.NotFound"),
        ({"NatGatewayId": "nat-0"}, "InvalidNatGatewayID.NotFound"),
    ):
        assert cloud.ec2("CreateRoute", **route, **target) == code
    assert "<return>true" in cloud.ec2("CreateRoute", **route, GatewayId=way_out)
    assert cloud.ec2("CreateRoute", **route, GatewayId=way_out) == "RouteAlreadyExists"
    group = cloud.ec2("CreateSecurityGroup", GroupName="a", GroupDescription="d", VpcId=cloud.vpc)
    rule = {"IpPermissions.1.IpProtocol": "-1", "IpPermissions.1.IpRanges.1.CidrIp": "10.0.0.0/8", "GroupId": group}
    assert cloud.ec2("AuthorizeSecurityGroupIngress", **rule) == group
    assert cloud.ec2("AuthorizeSecurityGroupIngress", **rule) == "InvalidPermission.Duplicate"


def test_a_group_that_a_load_balancer_or_another_group_names_stays(cloud: Cloud) -> None:
    one, other = (
        cloud.ec2("CreateSecurityGroup", GroupName=name, GroupDescription="d", VpcId=cloud.vpc) for name in "ab"
    )
    rule = {"IpPermissions.1.IpProtocol": "-1", "IpPermissions.1.Groups.1.GroupId": one}
    cloud.ec2("AuthorizeSecurityGroupIngress", GroupId=other, **rule)
    assert cloud.ec2("DeleteSecurityGroup", GroupId=one) == "DependencyViolation"
    cloud.ec2(
        "CreateNetworkInterface", SubnetId=cloud.subnets[0], Description="ELB app/a/1", **{"SecurityGroupId.1": other}
    )
    assert cloud.ec2("DeleteSecurityGroup", GroupId=other) == "DependencyViolation"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"instanceTypes": ["m7g.large"], "amiType": "AL2023_x86_64_STANDARD"}, "not a valid instance type"),
        ({"instanceTypes": ["m5.large"], "amiType": "AL2023_ARM_64_STANDARD"}, "not a valid instance type"),
        ({"scalingConfig": {"minSize": 2, "desiredSize": 1, "maxSize": 3}}, "desired size 1 is not between"),
        ({"nodeRole": ROLE + "s"}, "The role with name nodes cannot be found"),
        ({"subnets": ["subnet-0"]}, "The subnet ID 'subnet-0' does not exist"),
    ],
)
def test_node_groups_that_cannot_be_are_refused(cloud: Cloud, changes: dict[str, Any], words: str) -> None:
    cloud.running()
    status, answer = cloud.nodes(**changes)
    assert (status, answer["__type"]) == (400, "InvalidParameterException")
    assert words in answer["message"]


def test_entries_policies_addons_and_clusters_that_cannot_be_are_refused(cloud: Cloud) -> None:
    assert "two different AZs" in cloud.cluster(resourcesVpcConfig={"subnetIds": cloud.subnets[:1]})[1]["message"]
    assert "does not exist" in cloud.cluster(resourcesVpcConfig={"subnetIds": ["subnet-0"]})[1]["message"]
    cloud.running()
    entries = "/clusters/k/access-entries"
    assert cloud.eks("POST", entries, principalArn=ROLE)[0] == 200
    assert cloud.eks("POST", entries, principalArn=ROLE)[1]["__type"] == "ResourceInUseException"
    assert "invalid principal" in cloud.eks("POST", entries, principalArn=ROLE + "s")[1]["message"]
    policies, scope = f"{entries}/{ROLE}/access-policies", {"type": "cluster"}
    wrong = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdmin"
    assert "not an access policy" in cloud.eks("POST", policies, policyArn=wrong, accessScope=scope)[1]["message"]
    right = wrong.replace("EKSAdmin", "EKSClusterAdminPolicy")
    assert cloud.eks("POST", policies, policyArn=right, accessScope=scope)[0] == 200
    addon = {"addonName": "coredns", "addonVersion": "latest"}
    assert "not supported" in cloud.eks("POST", "/clusters/k/addons", **addon)[1]["message"]
