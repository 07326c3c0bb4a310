"""What stands before MiniStack's handlers, with MiniStack behind it and a clock that the tests turn."""

import asyncio
import json
import re
import threading
from collections.abc import Coroutine, Iterator
from types import SimpleNamespace
from typing import Any, TypeVar
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

import pytest
from ministack.core.responses import request_scope
from ministack.services import acm, alb, autoscaling, backup, cloudwatch_logs, ec2, ecr, efs, eks, iam, rds, waf

from localcloud.emulator import conduct
from localcloud.emulator.conduct.phases import Phases

T = TypeVar("T")

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/node"
GROUP = "/aws/eks/k/cluster"
STS = {"VpcEndpointType": "Interface", "ServiceName": "com.amazonaws.us-west-2.sts"}
LOGS = {"clusterLogging": [{"types": ["api"], "enabled": True}]}


def waited(answer: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives. Not by `asyncio.run`, which leaves the thread without a loop: Pulumi's mocks want one."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(answer)
    finally:
        loop.close()


class Cloud:
    """An account with a VPC; a minute of AWS is 60 s of a clock that stands still unless it is turned."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(conduct, "Phases", lambda minute: Phases(minute, now=lambda: self.now))
        services = {"eks": eks, "ec2": ec2, "logs": cloudwatch_logs, "elasticfilesystem": efs}
        services |= {"elasticloadbalancing": alb, "autoscaling": autoscaling, "acm": acm, "rds": rds, "backup": backup}
        services |= {"ecr": ecr, "wafv2": waf}
        app = SimpleNamespace(SERVICE_HANDLERS={name: one.handle_request for name, one in services.items()})
        conduct.install(app, 60.0)
        self.handlers = app.SERVICE_HANDLERS
        iam._roles["node"] = {}
        self.vpc = self.ec2("CreateVpc", CidrBlock="10.0.0.0/16")
        self.subnets = [
            self.ec2("CreateSubnet", VpcId=self.vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-west-2{zone}")
            for n, zone in enumerate("ab")
        ]

    def minutes(self, count: float) -> None:
        self.now += 60 * count

    def eks(self, method: str, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
        status, _, answer = waited(self.handlers["eks"](method, path, {}, json.dumps(body).encode(), {}))
        return status, json.loads(answer)

    def efs(self, method: str, path: str, query: dict[str, str] | None = None, **body: Any) -> tuple[int, Any]:
        handler = self.handlers["elasticfilesystem"]
        status, _, answer = waited(handler(method, f"/2015-02-01{path}", {}, json.dumps(body).encode(), query or {}))
        return status, json.loads(answer or b"{}")

    def ecr(self, action: str, **body: Any) -> tuple[int, dict[str, Any]]:
        headers = {"x-amz-target": f"AmazonEC2ContainerRegistry_V20150921.{action}"}
        status, _, answer = waited(self.handlers["ecr"]("POST", "/", headers, json.dumps(body).encode(), {}))
        return status, json.loads(answer)

    def backup(self, method: str, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
        status, _, answer = waited(self.handlers["backup"](method, path, {}, json.dumps(body).encode(), {}))
        return status, json.loads(answer or b"{}")

    def rds(self, action: str, **parameters: str) -> str:
        body = urlencode({"Action": action, "DBInstanceIdentifier": "db", **parameters}).encode()
        _, _, answer = waited(self.handlers["rds"]("POST", "/", {}, body, {}))
        return str(answer.decode())

    def ec2(self, action: str, **parameters: str) -> str:
        """The first id in the answer, or the code of the refusal."""
        body = urlencode({"Action": action, **parameters}).encode()
        _, _, answer = waited(self.handlers["ec2"]("POST", "/", {}, body, {}))
        text: str = answer.decode()
        for tag in ("Code", "natGatewayId", "subnetId", "vpcId", "groupId", "allocationId", "internetGatewayId"):
            if f"<{tag}>" in text:
                return str(text.split(f"<{tag}>")[1].split("<")[0])
        return text

    def state(self, gateway: str) -> str:
        self.ec2("DescribeNatGateways")
        return str(ec2._nat_gateways[gateway]["State"])

    def endpoint(self, id_: str) -> tuple[str, str, str, int]:
        """What EC2 says of an interface endpoint: its state, its group, whether it has names, and its interfaces."""
        body = urlencode({"Action": "DescribeVpcEndpoints", "VpcEndpointId.1": id_}).encode()
        _, _, answer = waited(self.handlers["ec2"]("POST", "/", {}, body, {}))
        found = ElementTree.fromstring(re.sub(rb' xmlns="[^"]+"', b"", answer))
        told = {tag: found.findtext(f".//{tag}", "") for tag in ("state", "groupId", "privateDnsEnabled")}
        return (
            told["state"],
            told["groupId"],
            told["privateDnsEnabled"],
            len(found.findall(".//networkInterfaceIdSet/*")),
        )

    def logs(self, action: str, **body: str) -> dict[str, Any]:
        headers = {"x-amz-target": f"Logs_20140328.{action}"}
        _, _, answer = waited(self.handlers["logs"]("POST", "/", headers, json.dumps(body).encode(), {}))
        return dict(json.loads(answer or b"{}"))

    def groups(self) -> list[str]:
        return [one["logGroupName"] for one in self.logs("DescribeLogGroups")["logGroups"]]

    def cluster(self, **more: Any) -> tuple[int, dict[str, Any]]:
        wanted = {"name": "k", "roleArn": ROLE, "resourcesVpcConfig": {"subnetIds": self.subnets}, "logging": LOGS}
        made = self.eks("POST", "/clusters", **{**wanted, **more})
        # MiniStack's own CREATING ends in a thread, which a busy machine lets wait.
        for thread in threading.enumerate():
            if thread.name.startswith("eks-"):
                thread.join(5)
        return made

    def nodes(self, **more: Any) -> tuple[int, dict[str, Any]]:
        wanted = {"nodegroupName": "n", "nodeRole": ROLE, "subnets": self.subnets, "instanceTypes": ["m5.large"]}
        size = {"minSize": 1, "desiredSize": 3, "maxSize": 3}
        return self.eks("POST", "/clusters/k/node-groups", **{**wanted, "scalingConfig": size, **more})

    def running(self) -> None:
        self.logs("CreateLogGroup", logGroupName=GROUP)
        assert self.cluster()[0] == 200
        self.minutes(10)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with request_scope(ACCOUNT, "us-west-2"):
        yield Cloud(monkeypatch)
        for service in (backup, eks, ec2, efs, iam, cloudwatch_logs, rds):
            service.reset()


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


def test_a_mount_target_takes_its_time_and_holds_its_subnet_and_its_group(cloud: Cloud) -> None:
    group = cloud.ec2("CreateSecurityGroup", GroupName="nfs", GroupDescription="nfs", VpcId=cloud.vpc)
    status, system = cloud.efs("POST", "/file-systems", CreationToken="t", Encrypted=True)
    assert (status, system["LifeCycleState"]) == (201, "creating")
    wanted = {"FileSystemId": system["FileSystemId"], "SubnetId": cloud.subnets[0], "SecurityGroups": [group]}
    assert cloud.efs("POST", "/mount-targets", **wanted)[1]["ErrorCode"] == "IncorrectFileSystemLifeCycleState"
    cloud.minutes(1)
    target = cloud.efs("POST", "/mount-targets", **wanted)[1]
    assert target["LifeCycleState"] == "creating"
    asked = {"MountTargetId": target["MountTargetId"]}
    cloud.minutes(2)
    assert cloud.efs("GET", "/mount-targets", asked)[1]["MountTargets"][0]["LifeCycleState"] == "available"
    assert cloud.ec2("DeleteSubnet", SubnetId=cloud.subnets[0]) == "DependencyViolation"
    assert cloud.ec2("DeleteSecurityGroup", GroupId=group) == "DependencyViolation"
    assert cloud.efs("DELETE", f"/file-systems/{system['FileSystemId']}")[1]["ErrorCode"] == "FileSystemInUse"
    assert cloud.efs("DELETE", f"/mount-targets/{target['MountTargetId']}")[0] == 204
    assert cloud.efs("GET", "/mount-targets", asked)[1]["MountTargets"][0]["LifeCycleState"] == "deleting"
    cloud.minutes(1)
    assert cloud.efs("GET", "/mount-targets", asked)[0] == 404
    assert "DependencyViolation" not in cloud.ec2("DeleteSubnet", SubnetId=cloud.subnets[0])


def test_a_token_names_one_file_system(cloud: Cloud) -> None:
    cloud.efs("POST", "/file-systems", CreationToken="t")
    status, refused = cloud.efs("POST", "/file-systems", CreationToken="t")
    assert (status, refused["ErrorCode"]) == (409, "FileSystemAlreadyExists")
    assert cloud.efs("POST", "/file-systems", CreationToken="u")[0] == 201


def test_a_database_takes_its_time_and_holds_its_subnets_until_its_last_snapshot(cloud: Cloud) -> None:
    group = {f"SubnetIds.member.{number}": subnet for number, subnet in enumerate(cloud.subnets, 1)}
    cloud.rds("CreateDBSubnetGroup", DBSubnetGroupName="k", DBSubnetGroupDescription="k", **group)
    wanted = {"Engine": "mysql", "DBInstanceClass": "db.t4g.medium", "AllocatedStorage": "20", "DBSubnetGroupName": "k"}
    cloud.rds("CreateDBInstance", **wanted, MasterUsername="a", MasterUserPassword="b" * 32)
    assert "<DBInstanceStatus>creating<" in cloud.rds("DescribeDBInstances")
    assert "InvalidDBInstanceState" in cloud.rds("ModifyDBInstance", BackupRetentionPeriod="9")
    cloud.minutes(7)
    assert "<DBInstanceStatus>available<" in cloud.rds("DescribeDBInstances")
    assert cloud.ec2("DeleteSubnet", SubnetId=cloud.subnets[0]) == "DependencyViolation"
    assert "InvalidParameterCombination" in cloud.rds("DeleteDBInstance")
    assert "<DBInstanceStatus>deleting<" in cloud.rds("DeleteDBInstance", FinalDBSnapshotIdentifier="last-1")
    cloud.minutes(6)
    assert "DBInstanceNotFound" in cloud.rds("DescribeDBInstances")
    assert "<DBSnapshotIdentifier>last-1<" in cloud.rds("DescribeDBSnapshots")
    assert "DependencyViolation" not in cloud.ec2("DeleteSubnet", SubnetId=cloud.subnets[0])


def test_ecr_keeps_one_rule_and_one_template_of_a_prefix(cloud: Cloud) -> None:
    rule = {"ecrRepositoryPrefix": "k/quay", "upstreamRegistryUrl": "quay.io"}
    status, made = cloud.ecr("CreatePullThroughCacheRule", **rule)
    assert (status, made["registryId"], made["upstreamRegistryUrl"]) == (200, ACCOUNT, "quay.io")
    assert cloud.ecr("CreatePullThroughCacheRule", **rule)[1]["__type"] == "PullThroughCacheRuleAlreadyExistsException"
    cloud.ecr("UpdatePullThroughCacheRule", ecrRepositoryPrefix="k/quay", credentialArn="arn")
    [found] = cloud.ecr("DescribePullThroughCacheRules")[1]["pullThroughCacheRules"]
    assert (found["upstreamRegistryUrl"], found["credentialArn"]) == ("quay.io", "arn")
    assert cloud.ecr("DeletePullThroughCacheRule", ecrRepositoryPrefix="k/quay")[0] == 200
    asked = cloud.ecr("DescribePullThroughCacheRules", ecrRepositoryPrefixes=["k/quay"])[1]
    assert asked["__type"] == "PullThroughCacheRuleNotFoundException"
    cloud.ecr("CreateRepositoryCreationTemplate", prefix="k", appliedFor=["PULL_THROUGH_CACHE"])
    [template] = cloud.ecr("DescribeRepositoryCreationTemplates", prefixes=["k"])[1]["repositoryCreationTemplates"]
    assert template["appliedFor"] == ["PULL_THROUGH_CACHE"]
    refused = cloud.ecr("DeleteRepositoryCreationTemplate", prefix="of-nobody")[1]
    assert refused["__type"] == "TemplateNotFoundException"
    assert cloud.ecr("CreateRepository", repositoryName="k/quay/a")[0] == 200


def test_a_backup_takes_its_time_and_holds_its_vault(cloud: Cloud) -> None:
    volume = cloud.ec2("CreateVolume", AvailabilityZone="us-west-2a", Size="3").split("<volumeId>")[1].split("<")[0]
    source = f"arn:aws:ec2:us-west-2:{ACCOUNT}:volume/{volume}"
    asked = {"BackupVaultName": "v", "ResourceArn": source, "IamRoleArn": ROLE}
    assert cloud.backup("PUT", "/backup-vaults/v")[0] == 200
    assert cloud.backup("PUT", "/backup-jobs", **{**asked, "ResourceArn": f"{source}0"})[0] == 400
    assert cloud.backup("PUT", "/backup-jobs", **{**asked, "IamRoleArn": f"{ROLE}s"})[0] == 400
    job = cloud.backup("PUT", "/backup-jobs", **asked)[1]["BackupJobId"]
    assert cloud.backup("GET", f"/backup-jobs/{job}")[1]["State"] == "RUNNING"
    assert cloud.backup("GET", "/backup-vaults/v/recovery-points")[1]["RecoveryPoints"] == []
    cloud.minutes(3)
    assert cloud.backup("GET", f"/backup-jobs/{job}")[1]["State"] == "COMPLETED"
    [point] = cloud.backup("GET", "/backup-vaults/v/recovery-points")[1]["RecoveryPoints"]
    assert (point["ResourceArn"], point["ResourceType"], point["Status"]) == (source, "EBS", "COMPLETED")

    status, told = cloud.backup("DELETE", "/backup-vaults/v")
    assert (status, told["__type"]) == (400, "InvalidRequestException")
    assert "cannot be deleted because it contains recovery points" in told["Message"]

    wanted = {"availabilityZone": "us-west-2b", "volumeType": "gp3"}
    about = {"RecoveryPointArn": point["RecoveryPointArn"], "IamRoleArn": ROLE, "Metadata": wanted}
    restoring = cloud.backup("PUT", "/restore-jobs", **about)[1]["RestoreJobId"]
    assert cloud.backup("GET", f"/restore-jobs/{restoring}")[1]["Status"] == "RUNNING"
    cloud.minutes(3)
    made = cloud.backup("GET", f"/restore-jobs/{restoring}")[1]["CreatedResourceArn"].rpartition("/")[2]
    assert made != volume
    assert "<size>3</size>" in cloud.ec2("DescribeVolumes", **{"VolumeId.1": made})

    path = f"/backup-vaults/v/recovery-points/{quote(point['RecoveryPointArn'], safe='')}"
    assert cloud.backup("DELETE", path)[0] == 200
    assert cloud.backup("GET", path)[1]["Status"] == "DELETING"
    assert cloud.backup("DELETE", "/backup-vaults/v")[0] == 400
    cloud.minutes(1)
    assert cloud.backup("GET", path)[0] == 400
    assert cloud.backup("DELETE", "/backup-vaults/v")[0] == 200


def test_a_plan_stays_as_long_as_it_is_for_something(cloud: Cloud) -> None:
    rule = {"RuleName": "daily", "TargetBackupVaultName": "v"}
    plan = cloud.backup("PUT", "/backup/plans", BackupPlan={"BackupPlanName": "p", "Rules": [rule]})[1]["BackupPlanId"]
    wanted = {"SelectionName": "volumes", "IamRoleArn": ROLE, "Resources": ["*"]}
    selections = f"/backup/plans/{plan}/selections"
    made = cloud.backup("PUT", selections, BackupSelection=wanted)[1]["SelectionId"]
    assert "selections must be deleted prior" in cloud.backup("DELETE", f"/backup/plans/{plan}")[1]["Message"]
    assert cloud.backup("DELETE", f"{selections}/{made}")[0] == 200
    assert cloud.backup("DELETE", f"/backup/plans/{plan}")[0] == 200


def test_a_database_starts_from_what_was_backed_up_of_another(cloud: Cloud) -> None:
    wanted = {"Engine": "mysql", "DBInstanceClass": "db.t4g.medium", "AllocatedStorage": "20"}
    cloud.rds("CreateDBInstance", **wanted, MasterUsername="a", MasterUserPassword="b" * 32)
    cloud.minutes(7)
    source = f"arn:aws:rds:us-west-2:{ACCOUNT}:db:db"
    cloud.backup("PUT", "/backup-vaults/v")
    cloud.backup("PUT", "/backup-jobs", BackupVaultName="v", ResourceArn=source, IamRoleArn=ROLE)
    cloud.minutes(3)
    [point] = cloud.backup("GET", "/backup-vaults/v/recovery-points")[1]["RecoveryPoints"]
    assert "snapshot:awsbackup:job-" in point["RecoveryPointArn"]
    asked = {"DBInstanceIdentifier": "again", "DBSnapshotIdentifier": point["RecoveryPointArn"].split(":", 6)[6]}
    answer = cloud.rds("RestoreDBInstanceFromDBSnapshot", **asked)
    assert "<DBInstanceIdentifier>again<" in answer, answer


def test_files_come_back_into_a_file_system_that_is_there(cloud: Cloud) -> None:
    system = cloud.efs("POST", "/file-systems", CreationToken="t")[1]["FileSystemId"]
    source = f"arn:aws:elasticfilesystem:us-west-2:{ACCOUNT}:file-system/{system}"
    cloud.backup("PUT", "/backup-vaults/files")
    cloud.backup("PUT", "/backup-jobs", BackupVaultName="files", ResourceArn=source, IamRoleArn=ROLE)
    cloud.minutes(3)
    [point] = cloud.backup("GET", "/backup-vaults/files/recovery-points")[1]["RecoveryPoints"]
    about = {"RecoveryPointArn": point["RecoveryPointArn"], "IamRoleArn": ROLE}
    refused = cloud.backup("PUT", "/restore-jobs", **about, Metadata={"file-system-id": "fs-of-nobody"})
    assert (refused[0], refused[1]["Message"]) == (400, "File system fs-of-nobody does not exist.")
    wanted = {"file-system-id": system, "newFileSystem": "false"}
    job = cloud.backup("PUT", "/restore-jobs", **about, Metadata=wanted)[1]["RestoreJobId"]
    cloud.minutes(3)
    ended = cloud.backup("GET", f"/restore-jobs/{job}")[1]
    assert (ended["Status"], ended["CreatedResourceArn"]) == ("COMPLETED", source)
