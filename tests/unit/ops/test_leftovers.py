"""Leftovers, on moto: what two clusters left is planted, found by its owner alone, priced, and deleted."""

import functools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner
from moto import mock_aws

from ops import leftovers
from ops.commands import leftovers as leftovers_command
from ops.leftovers import Leftover, Owner, delete, find
from ordering.errors import UserError

REGION = "us-west-2"
DEV = Owner(project="kubeflow", stack="dev", cluster="kubeflow-dev", region=REGION)
BLUE = Owner(project="kubeflow", stack="dev-blue", cluster="kubeflow-dev-blue", region=REGION)
KINDS = [
    "load balancer",
    "classic load balancer",
    "network interface",
    "elastic IP",
    "volume",
    "volume snapshot",
    "security group",
    "security group",
    "log group",
    "repository of fetched images",
]


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS, empty, in this process."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield


@functools.cache
def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


def plant(owner: Owner) -> None:
    """What a cluster leaves: by its own controllers' tags, and by the stack's, which its volumes carry."""
    ec2 = client("ec2")
    cluster = [{"Key": f"kubernetes.io/cluster/{owner.cluster}", "Value": "owned"}]
    stack = [{"Key": "pulumi:project", "Value": owner.project}, {"Key": "pulumi:stack", "Value": owner.stack}]
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{index}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]
        for index, zone in enumerate("ab")
    ]
    groups = [
        ec2.create_security_group(
            GroupName=f"{owner.cluster}-{name}",
            Description="x",
            VpcId=vpc,
            TagSpecifications=[{"ResourceType": "security-group", "Tags": cluster}],
        )["GroupId"]
        for name in "ab"
    ]
    for one, other in (groups, groups[::-1]):
        pair = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [{"GroupId": other}]}
        ec2.authorize_security_group_ingress(GroupId=one, IpPermissions=[pair])
    ec2.create_network_interface(
        SubnetId=subnets[0]["SubnetId"],
        Description="aws-K8S-i-1",
        TagSpecifications=[
            {
                "ResourceType": "network-interface",
                "Tags": [{"Key": "cluster.k8s.amazonaws.com/name", "Value": owner.cluster}],
            }
        ],
    )
    volume = ec2.create_volume(
        AvailabilityZone=f"{REGION}a",
        Size=20,
        VolumeType="gp3",
        TagSpecifications=[
            {
                "ResourceType": "volume",
                "Tags": [*stack, {"Key": "kubernetes.io/created-for/pvc/name", "Value": "mysql"}],
            }
        ],
    )
    backup = [{"Key": "aws:backup:source-resource", "Value": volume["VolumeId"]}]
    for tags in (stack, [*stack, *backup]):
        ec2.create_snapshot(VolumeId=volume["VolumeId"], TagSpecifications=[{"ResourceType": "snapshot", "Tags": tags}])
    ec2.allocate_address(Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": cluster}])
    client("elbv2").create_load_balancer(
        Name=f"{owner.cluster}-web",
        Subnets=[one["SubnetId"] for one in subnets],
        Tags=[{"Key": "elbv2.k8s.aws/cluster", "Value": owner.cluster}],
    )
    client("elb").create_load_balancer(
        LoadBalancerName=f"{owner.cluster}-classic",
        Listeners=[{"Protocol": "tcp", "LoadBalancerPort": 80, "InstancePort": 80}],
        Subnets=[subnets[0]["SubnetId"]],
        Tags=cluster,
    )
    client("logs").create_log_group(logGroupName=f"/aws/eks/{owner.cluster}/cluster")
    # As ECR names what it fetches for the stack; nobody tags it.
    client("ecr").create_repository(repositoryName=f"kubeflow-{owner.stack}/quay/argoproj/argoexec")


def test_everything_that_a_cluster_left_is_found_by_its_tags_and_priced() -> None:
    plant(DEV)
    left = find(client, DEV)
    assert [one.kind for one in left] == KINDS
    assert not any(one.kept for one in left)
    monthly = {one.kind: one.monthly for one in left}
    assert monthly["volume"] == Decimal("1.60")
    assert monthly["volume snapshot"] == Decimal("1.00"), "what AWS Backup took goes with its vault"
    assert monthly["load balancer"] == Decimal("16.425")
    assert monthly["elastic IP"] == Decimal("3.65")
    assert monthly["network interface"] == monthly["security group"] == 0
    assert next(one.what for one in left if one.kind == "volume") == "20 GiB of gp3, available, of claim mysql"


def test_a_stack_sees_and_deletes_its_own_alone_though_its_name_begins_like_anothers() -> None:
    for owner in (DEV, BLUE):
        plant(owner)
    theirs = find(client, BLUE)
    mine = find(client, DEV)
    assert {one.id for one in mine}.isdisjoint(one.id for one in theirs)
    assert delete(client, mine) == []
    assert find(client, DEV) == []
    assert find(client, BLUE) == theirs


def test_what_others_have_is_never_found() -> None:
    ec2 = client("ec2")
    ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1)
    for tags in (
        {"kubernetes.io/cluster/kubeflow-dev": "shared"},
        {"pulumi:stack": "dev"},
        {"pulumi:project": "shop", "pulumi:stack": "dev"},
        {"elbv2.k8s.aws/cluster": "kubeflow-dev-blue"},
    ):
        told = [{"Key": key, "Value": value} for key, value in tags.items()]
        ec2.create_volume(
            AvailabilityZone=f"{REGION}a", Size=1, TagSpecifications=[{"ResourceType": "volume", "Tags": told}]
        )
    assert find(client, DEV) == []


def test_what_the_state_has_is_no_leftover() -> None:
    plant(DEV)
    known = {one.id for one in find(client, DEV) if one.kind in ("elastic IP", "security group", "log group")}
    assert {one.kind for one in find(client, DEV, known=known)} == set(KINDS) - {
        "elastic IP",
        "security group",
        "log group",
    }


def test_more_load_balancers_than_one_call_takes_are_all_asked_about() -> None:
    for index in range(23):
        client("elb").create_load_balancer(
            LoadBalancerName=f"lb-{index}",
            Listeners=[{"Protocol": "tcp", "LoadBalancerPort": 80, "InstancePort": 80}],
            AvailabilityZones=[f"{REGION}a"],
            Tags=[{"Key": "kubernetes.io/cluster/kubeflow-dev", "Value": "owned"}],
        )
    assert len(find(client, DEV)) == 23


def test_what_cannot_be_deleted_is_told_and_stops_nothing_else() -> None:
    plant(DEV)
    left = find(client, DEV)
    volume = next(one for one in left if one.kind == "volume")
    instance = client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    client("ec2").attach_volume(VolumeId=volume.id, InstanceId=instance, Device="/dev/sdh")
    [(failed, reason)] = delete(client, left)
    assert failed == volume
    assert "VolumeInUse" in reason
    assert [one.kind for one in find(client, DEV)] == ["volume"]


def test_what_is_gone_already_counts_as_deleted() -> None:
    plant(DEV)
    left = find(client, DEV)
    assert delete(client, left) == []
    once_more = [one for one in left if one.kind != "security group"]
    assert delete(client, once_more, patience=0.1) == []


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stack dev, with the ids of its state, which a test may change."""
    monkeypatch.setattr(leftovers_command, "environment", lambda stack: {})
    ids: list[str] = []
    monkeypatch.setattr(leftovers_command, "in_state", lambda stack: [{"id": one, "type": "aws:a:A"} for one in ids])
    return ids


def run(*arguments: str, answer: str | None = None) -> tuple[str, str]:
    """What the command prints, and what it refuses with."""
    done = CliRunner(env={"COLUMNS": "200"}).invoke(
        leftovers_command.command, ["--stack", "dev", *arguments], input=answer
    )
    assert done.exception is None or isinstance(done.exception, UserError), done.exception
    return done.output, str(done.exception or "")


def test_the_command_lists_with_a_total_and_deletes_only_when_told_twice(stack: list[str]) -> None:
    plant(DEV)
    output, refused = run()
    assert "dev: left in us-west-2" in output
    assert "40.92" in output, "16.425 + 18.25 + 3.65 + 1.60 + 1.00"
    assert refused == ""
    assert run("--delete", answer="n\n")[1] == "Nothing was deleted."
    assert len(find(client, DEV)) == len(KINDS)
    output, refused = run("--delete", "--yes")
    assert f"deleted {len(KINDS)} of {len(KINDS)}" in output
    assert refused == ""
    assert "dev: nothing is left in us-west-2." in run()[0]


def test_what_a_living_stack_uses_is_called_so_and_not_deleted(stack: list[str]) -> None:
    plant(DEV)
    stack.append("vpc-1")
    output, refused = run("--delete", "--yes")
    assert "created by its cluster, and in use" in output
    assert "run `make destroy STACK=dev`" in refused
    assert len(find(client, DEV)) == len(KINDS)


def rules() -> list[Any]:
    """The rules of all security groups."""
    return [group["IpPermissions"] for group in client("ec2").describe_security_groups()["SecurityGroups"]]


def living(cluster: str) -> None:
    network = {"subnetIds": ["subnet-1"]}
    client("eks").create_cluster(name=cluster, roleArn="arn:aws:iam::123456789012:role/x", resourcesVpcConfig=network)


def test_a_cluster_that_lives_is_not_cut_though_this_shell_knows_no_state_of_it(stack: list[str]) -> None:
    plant(DEV)
    living(DEV.cluster)
    before = rules()
    _, refused = run("--delete", "--yes")
    assert refused.startswith("The cluster kubeflow-dev is in EKS (active), and these may be in use: nothing was del")
    assert len(find(client, DEV)) == len(KINDS)
    assert rules() == before


class Silent:
    """EKS, which does not say what there is."""

    def describe_cluster(self, **_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeCluster")


def test_nothing_is_deleted_where_eks_does_not_say() -> None:
    with pytest.raises(UserError, match=r"^EKS does not say whether kubeflow-dev is gone"):
        leftovers.check_gone(lambda service: Silent(), DEV)
    leftovers.check_gone(client, DEV)


def test_a_group_that_an_interface_uses_is_not_touched() -> None:
    plant(DEV)
    left = find(client, DEV)
    used, free = (one for one in left if one.kind == "security group")
    [subnet, *_] = client("ec2").describe_subnets()["Subnets"]
    client("ec2").create_network_interface(SubnetId=subnet["SubnetId"], Groups=[used.id])
    before = client("ec2").describe_security_groups(GroupIds=[used.id])["SecurityGroups"]
    failed = delete(client, left, patience=0)
    assert [(one, reason.partition("-")[0]) for one, reason in failed if one == used] == [(used, "eni")]
    assert client("ec2").describe_security_groups(GroupIds=[used.id])["SecurityGroups"] == before
    assert {one.id for one, _ in failed} <= {used.id, free.id}


def test_what_is_in_the_stacks_network_is_found_without_tags_of_its_own() -> None:
    ec2 = client("ec2")
    tags = [{"Key": "pulumi:project", "Value": "kubeflow"}, {"Key": "pulumi:stack", "Value": "dev"}]
    about = [{"ResourceType": "vpc", "Tags": tags}]
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=about)["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="k8s-elb-a1", Description="x", VpcId=vpc)["GroupId"]
    interface = ec2.create_network_interface(SubnetId=subnet, Description="ELB a1")["NetworkInterface"]
    balancer = {"LoadBalancerPort": 80, "InstancePort": 80, "Protocol": "tcp"}
    client("elb").create_load_balancer(LoadBalancerName="a1", Listeners=[balancer], Subnets=[subnet])
    assert {one.id for one in find(client, DEV)} >= {"a1", group, interface["NetworkInterfaceId"]}
    assert find(client, BLUE) == []


def test_an_endpoint_that_aws_put_into_the_stacks_network_goes_with_its_group() -> None:
    """As GuardDuty does, whose endpoint and group carry no tag of the cluster's."""
    ec2 = client("ec2")
    tags = [{"Key": "pulumi:project", "Value": "kubeflow"}, {"Key": "pulumi:stack", "Value": "dev"}]
    mine, other = (ec2.create_vpc(CidrBlock=f"10.{index}.0.0/16")["Vpc"]["VpcId"] for index in (1, 2))
    ec2.create_tags(Resources=[mine], Tags=tags)
    subnet = ec2.create_subnet(VpcId=mine, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    ec2.create_security_group(GroupName=f"GuardDutyManagedSecurityGroup-{mine}", Description="x", VpcId=mine)
    guard = {"ServiceName": f"com.amazonaws.{REGION}.guardduty-data", "VpcEndpointType": "Interface"}
    ids = [ec2.create_vpc_endpoint(VpcId=vpc, **guard)["VpcEndpoint"]["VpcEndpointId"] for vpc in (mine, other)]
    ec2.modify_vpc_endpoint(VpcEndpointId=ids[0], AddSubnetIds=[subnet])
    left = find(client, DEV)
    assert [(one.kind, one.what, one.monthly) for one in left if one.id == ids[0]] == [
        ("endpoint", f"com.amazonaws.{REGION}.guardduty-data", Decimal("7.30"))
    ]
    assert delete(client, left) == []
    assert find(client, DEV) == []
    [theirs] = ec2.describe_vpc_endpoints(VpcEndpointIds=[ids[1]])["VpcEndpoints"]
    assert theirs["State"] == "available"


class Refusing:
    """EC2, which answers that it did not delete an endpoint (botocore's `DeleteVpcEndpointsResult`)."""

    def __init__(self, code: str) -> None:
        self.code = code

    def delete_vpc_endpoints(self, VpcEndpointIds: list[str]) -> Any:  # noqa: N803 - boto3's name
        error = {"Code": self.code, "Message": "no"}
        return {"Unsuccessful": [{"ResourceId": one, "Error": error} for one in VpcEndpointIds]}


def test_an_endpoint_that_aws_refused_to_delete_is_not_called_deleted() -> None:
    endpoint = Leftover(kind="endpoint", id="vpce-1", what="x")
    [(failed, reason)] = delete(lambda service: Refusing("OperationNotPermitted"), [endpoint])
    assert (failed, "OperationNotPermitted" in reason) == (endpoint, True)
    assert delete(lambda service: Refusing("InvalidVpcEndpoint.NotFound"), [endpoint]) == []


class Interfaces:
    """EC2 with an interface of each type; moto makes them all of one."""

    def get_paginator(self, operation: str) -> "Interfaces":
        return self

    def paginate(self, **_: Any) -> Any:
        about = {"Status": "in-use", "Description": ""}
        types = ("interface", "nat_gateway", "vpc_endpoint", "load_balancer")
        yield {"NetworkInterfaces": [{"NetworkInterfaceId": one, "InterfaceType": one, **about} for one in types]}


def test_the_interfaces_of_gateways_and_endpoints_go_with_these() -> None:
    place = leftovers.Place(DEV, frozenset({"vpc-1"}))
    found = [one.id for one in leftovers._interfaces(lambda service: Interfaces(), place)]
    assert found == ["interface", "load_balancer"]


def test_what_a_destroy_kept_is_listed_with_its_price_and_left_alone(stack: list[str]) -> None:
    tags = [{"Key": "pulumi:project", "Value": "kubeflow"}, {"Key": "pulumi:stack", "Value": "dev"}]
    s3 = client("s3")
    for name in ("kubeflow-dev-artifacts-1a2b3c4", "kubeflow-dev-artifacts-theirs0"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket=name, Key="model", Body=b"x" * 1000)
    s3.put_bucket_tagging(Bucket="kubeflow-dev-artifacts-1a2b3c4", Tagging={"TagSet": tags})
    client("ecr").create_repository(repositoryName="kubeflow-dev-images-1a2b3c4", tags=tags)
    client("efs").create_file_system(CreationToken="kubeflow-dev-files", Tags=tags)
    bucket, repository, system = find(client, DEV)
    assert (bucket.kind, bucket.id, bucket.kept) == ("bucket", "kubeflow-dev-artifacts-1a2b3c4", True)
    assert (bucket.what, bucket.monthly) == ("kept on purpose, 1 objects of 0.0 GB", Decimal("0.000000023"))
    assert (repository.kind, repository.id, repository.kept) == ("repository", "kubeflow-dev-images-1a2b3c4", True)
    assert (system.kind, system.what[:15], system.kept) == ("file system", "kept on purpose", True)
    output, refused = run("--delete", "--yes")
    assert "What was kept on purpose is left alone" in output
    assert refused == ""
    assert find(client, DEV) == [bucket, repository, system]
    stack += [bucket.id, repository.id, system.id]
    assert "nothing is left" in run()[0]


def test_aws_that_refuses_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    def unreachable(service: str) -> Any:
        from botocore.config import Config

        quick = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
        return boto3.client(service, region_name=REGION, endpoint_url="http://127.0.0.1:1", config=quick)  # type: ignore[call-overload]

    with pytest.raises(UserError, match="AWS does not say what is left"):
        find(unreachable, DEV)


def test_the_kinds_of_the_table_can_all_be_deleted() -> None:
    assert {*KINDS, "endpoint"} - {"security group"} == set(leftovers._DELETE)
    assert Leftover(kind="volume", id="v", what="").monthly == 0
