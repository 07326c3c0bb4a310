"""The aws, eks and random stand-ins under the real engine, on the AWS emulator: what boto3 then finds in the cloud."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from pulumi import automation

from infra.aws.user_pool import UserPool, UserPoolArgs
from localcloud import emulator
from localcloud.aws.record import recorded_kinds
from tests.local.aws_cloud import KUBECONFIG, Cloud, changes, made_by_hand, planned, running_cloud
from tests.local.aws_programs import Settings, Size, cluster, platform
from tests.local.stack import REGION


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


def test_platform_from_up_to_destroy(cloud: Cloud) -> None:
    settings = Settings()
    stack = cloud.stack("platform", lambda: platform(settings))
    ec2, s3, iam = cloud.client("ec2"), cloud.client("s3"), cloud.client("iam")
    before = {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]}
    assert set(planned(stack.preview())) == {"create"}
    assert {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]} == before, "a preview makes nothing"

    out = {name: output.value for name, output in stack.up().outputs.items()}
    vpc = ec2.describe_vpcs(VpcIds=[out["vpc"]])["Vpcs"][0]
    assert vpc["CidrBlock"] == "10.0.0.0/16"
    assert {tag["Key"]: tag["Value"] for tag in vpc["Tags"]} == {"team": "a", "Name": "main"}
    hostnames = ec2.describe_vpc_attribute(VpcId=out["vpc"], Attribute="enableDnsHostnames")
    assert hostnames["EnableDnsHostnames"]["Value"] is True
    mine = [{"Name": "vpc-id", "Values": [out["vpc"]]}]
    public = ec2.describe_subnets(SubnetIds=[out["public"]])["Subnets"][0]
    assert public["MapPublicIpOnLaunch"] is True
    tables = ec2.describe_route_tables(Filters=mine)["RouteTables"]
    defaults = {
        route.get("GatewayId") or route.get("NatGatewayId")
        for table in tables
        for route in table["Routes"]
        if route.get("DestinationCidrBlock") == "0.0.0.0/0"
    }
    assert {name.split("-")[0] for name in defaults if name} == {"igw", "nat"}
    groups = {group["GroupName"]: group for group in ec2.describe_security_groups(Filters=mine)["SecurityGroups"]}
    assert groups["default"]["IpPermissions"] == groups["default"]["IpPermissionsEgress"] == []
    assert s3.get_bucket_versioning(Bucket=out["bucket"])["Status"] == "Enabled"
    assert all(s3.get_public_access_block(Bucket=out["bucket"])["PublicAccessBlockConfiguration"].values())
    repository = cloud.client("ecr").describe_repositories(repositoryNames=[out["repository"]])["repositories"][0]
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    attached = iam.list_attached_role_policies(RoleName=out["role"])["AttachedPolicies"]
    assert "AmazonEKSWorkerNodePolicy" in {policy["PolicyName"] for policy in attached}

    assert planned(stack.preview()) == {}
    assert changes(stack.refresh()) == {}

    settings.team, settings.retention = "b", 14
    assert planned(stack.preview()) == {"update": 7}
    assert changes(stack.up()) == {"update": 7}
    assert {"Key": "team", "Value": "b"} in ec2.describe_vpcs(VpcIds=[out["vpc"]])["Vpcs"][0]["Tags"]
    logs = cloud.client("logs").describe_log_groups(logGroupNamePrefix="/aws/eks/x")["logGroups"]
    assert logs[0]["retentionInDays"] == 14

    settings.public_cidr = "10.0.16.0/20"
    moved = stack.up()
    assert changes(moved) == {"replace": 2}, "the subnet, and its association with the route table"
    cidrs = {subnet["CidrBlock"] for subnet in ec2.describe_subnets(Filters=mine)["Subnets"]}
    assert cidrs == {"10.0.16.0/20", "10.0.64.0/18"}

    for content in (b"one", b"two"):
        s3.put_object(Bucket=out["bucket"], Key="k", Body=content)
    s3.delete_object(Bucket=out["bucket"], Key="k")
    stack.destroy()
    assert {found["VpcId"] for found in ec2.describe_vpcs()["Vpcs"]} == before
    assert made_by_hand(s3, "list_buckets", "Buckets") == []
    assert made_by_hand(iam, "list_roles", "Roles") == []
    assert made_by_hand(cloud.client("ecr"), "describe_repositories", "repositories") == []
    assert made_by_hand(cloud.client("logs"), "describe_log_groups", "logGroups") == []
    assert made_by_hand(ec2, "describe_addresses", "Addresses") == []
    gateways = made_by_hand(ec2, "describe_nat_gateways", "NatGateways")
    assert [gateway for gateway in gateways if gateway["State"] != "deleted"] == []
    keys = cloud.client("kms")
    states = [
        keys.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"]
        for key in made_by_hand(keys, "list_keys", "Keys")
    ]
    assert set(states) <= {"PendingDeletion"}


def test_a_user_pool_comes_up_with_its_people_and_goes(cloud: Cloud) -> None:
    users = ["ada@example.com"]

    def program() -> None:
        about = UserPoolArgs(
            prefix="kubeflow-dev-1", region="us-west-2", users=tuple(users), groups=("kubeflow",), protect=False,
            callback="https://k.example.com/oauth2/callback", home="https://k.example.com/", tags={"team": "a"},
        )  # fmt: skip
        pulumi.export("client", UserPool("kubeflow-dev", about).client_id)

    stack, people = cloud.stack("people", program), cloud.client("cognito-idp")
    stack.up()
    assert planned(stack.preview()) == {}
    assert changes(stack.refresh()) == {}
    users.append("grace@example.com")
    assert changes(stack.up()) == {"create": 2}
    [pool] = people.list_user_pools(MaxResults=9)["UserPools"]
    members = people.list_users_in_group(UserPoolId=pool["Id"], GroupName="kubeflow")["Users"]
    assert len(members) == 2
    stack.destroy()
    assert people.list_user_pools(MaxResults=9)["UserPools"] == []


def test_drift_is_seen_and_fixed(cloud: Cloud) -> None:
    def program() -> None:
        vpc = aws.ec2.Vpc("main", cidr_block="10.2.0.0/16", tags={"Name": "drift"})
        subnet = aws.ec2.Subnet("one", vpc_id=vpc.id, cidr_block="10.2.0.0/24")
        pulumi.export("vpc", vpc.id)
        pulumi.export("subnet", subnet.id)

    stack = cloud.stack("drift", program)
    ec2 = cloud.client("ec2")
    out = stack.up().outputs
    vpc, subnet = out["vpc"].value, out["subnet"].value
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "by", "Value": "hand"}, {"Key": "Name", "Value": "other"}])
    ec2.delete_subnet(SubnetId=subnet)
    assert changes(stack.refresh()) == {"update": 1, "delete": 1}
    assert changes(stack.up()) == {"update": 1, "create": 1}
    tags = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Tags"]
    assert tags == [{"Key": "Name", "Value": "drift"}]
    ec2.delete_subnet(SubnetId=stack.outputs()["subnet"].value)
    stack.destroy()
    assert vpc not in {found["VpcId"] for found in ec2.describe_vpcs()["Vpcs"]}


def test_what_exists_is_imported(cloud: Cloud) -> None:
    existing = cloud.client("ec2").create_vpc(CidrBlock="10.3.0.0/16")["Vpc"]["VpcId"]

    def program() -> None:
        vpc = aws.ec2.Vpc("found", cidr_block="10.3.0.0/16", opts=pulumi.ResourceOptions(import_=existing))
        pulumi.export("vpc", vpc.id)

    stack = cloud.stack("imported", program)
    result = stack.up()
    assert result.outputs["vpc"].value == existing
    assert changes(result) == {"create": 1, "import": 1}
    assert planned(stack.preview()) == {}
    stack.destroy()
    assert existing not in {found["VpcId"] for found in cloud.client("ec2").describe_vpcs()["Vpcs"]}


def test_two_providers_of_one_program_keep_apart(cloud: Cloud) -> None:
    def program() -> None:
        east = aws.Provider(
            "east", region="us-east-1", default_tags=aws.ProviderDefaultTagsArgs(tags={"place": "east"})
        )
        here = aws.ec2.Vpc("here", cidr_block="10.4.0.0/16")
        there = aws.ec2.Vpc("there", cidr_block="10.5.0.0/16", opts=pulumi.ResourceOptions(provider=east))
        pulumi.export("here", here.region)
        pulumi.export("there", there.region)
        pulumi.export("vpc", there.id)
        pulumi.export("tags", there.tags_all)

    stack = cloud.stack("regions", program)
    out = {name: output.value for name, output in stack.up().outputs.items()}
    assert (out["here"], out["there"], out["tags"]) == (REGION, "us-east-1", {"place": "east"})
    vpc = cloud.client("ec2", "us-east-1").describe_vpcs(VpcIds=[out["vpc"]])["Vpcs"][0]
    assert vpc["Tags"] == [{"Key": "place", "Value": "east"}]
    assert planned(stack.preview()) == {}
    stack.destroy()


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (
            lambda: aws.rds.Cluster("db", engine="aurora-mysql"),
            "does not know the type aws:rds/cluster",
        ),
        (
            lambda: aws.s3.BucketVersioning("v", bucket="b", versioning_configuration={"state": "Enabled"}),
            "has no input `state`; did you mean `status`?",
        ),
        (
            lambda: aws.ec2.Vpc("v", cidr_block="10.0.0.0/99"),
            "`cidrBlock` is '10.0.0.0/99', which is not an IPv4 block",
        ),
        (
            lambda: aws.ec2.Subnet("s", vpc_id="vpc-0", cidr_block="10.0.0.0/24"),
            "CreateSubnet failed with InvalidVpcID.NotFound",
        ),
    ],
    ids=["type", "property", "value", "cloud"],
)
def test_bad_programs_end_in_one_sentence(cloud: Cloud, program: Callable[[], Any], words: str) -> None:
    stack = cloud.stack("bad", lambda: program() and None)
    with pytest.raises(automation.CommandError) as caught:
        stack.up()
    assert words in str(caught.value)
    assert "Traceback" not in str(caught.value)
    stack.destroy()


def test_cluster_from_up_to_destroy(cloud: Cloud) -> None:
    size = Size()
    stack = cloud.stack("cluster", lambda: cluster(size))
    preview = stack.preview()
    assert set(planned(preview)) == {"create"}
    out = stack.up().outputs
    eks, iam = cloud.client("eks"), cloud.client("iam")
    found = eks.describe_cluster(name="kubeflow")["cluster"]
    assert found["version"] == "1.35"
    assert found["resourcesVpcConfig"]["publicAccessCidrs"] == ["192.0.2.0/24"]
    assert found["tags"] == {"Name": "eks-eksCluster", "team": "a"}
    [group_name] = eks.list_nodegroups(clusterName="kubeflow")["nodegroups"]
    assert re.fullmatch("nodes-[0-9]{18}[0-9a-f]{8}", group_name), "a prefix, a time and a counter"
    group = eks.describe_nodegroup(clusterName="kubeflow", nodegroupName=group_name)["nodegroup"]
    assert group["scalingConfig"] == {"minSize": 1, "desiredSize": 2, "maxSize": 7}
    assert group["instanceTypes"] == ["m5.xlarge"]
    assert out["kubeconfig"].value == KUBECONFIG
    assert json.loads(out["kubeconfig_json"].value) == KUBECONFIG
    assert all(out[name].secret for name in ("kubeconfig", "kubeconfig_json", "password"))
    assert not out["vpc"].secret
    assert not out["issuer"].value.startswith("https://")
    assert found["identity"]["oidc"]["issuer"].split("://")[1] == out["issuer"].value
    provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=out["provider"].value)
    assert provider["ClientIDList"] == ["sts.amazonaws.com"]
    rules = cloud.client("ec2").describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": [out["group"].value]}]
    )["SecurityGroupRules"]
    ports = {(rule["FromPort"], rule["ToPort"]) for rule in rules if rule["IpProtocol"] == "tcp"}
    assert ports == {(1025, 65535), (443, 443)}

    record = emulator.record(cloud.root)
    assert recorded_kinds(record) == {"EKS cluster settings": 1, "EKS node group settings": 1}
    written = json.loads(record.read_text())
    assert written["EKS cluster settings"]["kubeflow"]["upgradePolicy"] == {"supportType": "STANDARD"}
    assert written["EKS cluster settings"]["kubeflow"]["accessConfig"]["authenticationMode"] == "API"
    assert sorted(eks.list_addons(clusterName="kubeflow")["addons"]) == ["coredns", "kube-proxy", "vpc-cni"]
    addon = eks.describe_addon(clusterName="kubeflow", addonName="vpc-cni")["addon"]
    assert json.loads(addon["configurationValues"])["env"]["ENABLE_PREFIX_DELEGATION"] == "true"
    [entry] = [one for one in eks.list_access_entries(clusterName="kubeflow")["accessEntries"] if ":role/" in one]
    [policy] = eks.list_associated_access_policies(clusterName="kubeflow", principalArn=entry)[
        "associatedAccessPolicies"
    ]
    assert policy["policyArn"].endswith("AmazonEKSClusterAdminPolicy")

    assert planned(stack.preview()) == {}
    assert changes(stack.refresh()) == {}
    password = out["password"].value
    size.desired, size.logs, size.disk, size.team = 5, ("api",), 100, "b"
    result = stack.up()
    assert changes(result) == {"update": 3}, "the cluster, the launch template and the node group"
    nodes = json.loads(record.read_text())["EKS node group settings"][f"kubeflow:{group_name}"]
    assert (nodes["launchTemplate"]["version"], nodes["scalingConfig"]["desiredSize"]) == ("2", 5)
    assert eks.list_tags_for_resource(resourceArn=group["nodegroupArn"])["tags"] == {"team": "b"}
    assert planned(stack.preview()) == changes(stack.refresh()) == {}
    assert result.outputs["password"].value == password
    stack.destroy()
    assert made_by_hand(eks, "list_clusters", "clusters") == []
    assert recorded_kinds(record) == {}
    leftover = cloud.client("ec2").describe_security_groups(
        Filters=[{"Name": "group-name", "Values": ["eks-cluster-sg-kubeflow"]}]
    )["SecurityGroups"]
    assert leftover == []


def test_an_unpinned_addon_is_refused(cloud: Cloud) -> None:
    def program() -> None:
        pulumi.export("version", aws.eks.get_addon_version(addon_name="coredns", kubernetes_version="1.35").version)

    stack = cloud.stack("unpinned", program)
    with pytest.raises(automation.CommandError) as caught:
        stack.up()
    assert "the newest version of the EKS add-on coredns for Kubernetes 1.35 is known to AWS only" in str(caught.value)
    stack.destroy()
