"""What its provider named after a prefix, found in an account by that and its tags."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from infra.aws.iam import repository_policy, to_json
from ops import named
from ops.identify import Account, identify
from tests.unit.ops.test_interrupted import Tagged


@pytest.fixture(scope="module")
def prefixed() -> Iterator[Account]:
    """An account with what was named after a prefix, beside others' of the same beginning."""
    with mock_aws():
        account = Tagged("us-west-2", frozenset({"dev:dev-old"}))
        eks, iam, s3, logs = (account.client(name) for name in ("eks", "iam", "s3", "logs"))
        eks.create_cluster(
            name="dev", roleArn="arn:aws:iam::123456789012:role/x", resourcesVpcConfig={"subnetIds": ["subnet-1"]}
        )
        for name, stack in (("dev-old", "dev"), ("dev-new", "dev"), ("dev-theirs", "blue"), ("other", "dev")):
            eks.create_nodegroup(
                clusterName="dev",
                nodegroupName=name,
                subnets=["subnet-1"],
                nodeRole="arn:aws:iam::123456789012:role/x",
                tags={"stack": stack, "team": "ml"},
            )
        for name, stack in (("dev-role-1", "dev"), ("dev-role-2", "blue")):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}", Tags=[{"Key": "stack", "Value": stack}])
        policy = to_json(repository_policy("*"))
        iam.put_role_policy(RoleName="dev-role-1", PolicyName="read-1", PolicyDocument=policy)
        for name in ("dev-data-1", "dev-data-2"):
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        s3.put_bucket_tagging(Bucket="dev-data-2", Tagging={"TagSet": [{"Key": "stack", "Value": "dev"}]})
        for name, stack in (("/dev/a", "dev"), ("/dev/b", "blue")):
            logs.create_log_group(logGroupName=name, tags={"stack": stack})
        key = account.client("kms").create_key()["KeyMetadata"]["KeyId"]
        account.client("kms").create_alias(AliasName="alias/dev-1", TargetKeyId=key)
        yield account


STACK = {"tags": {"stack": "dev"}}


@pytest.mark.parametrize(
    ("kind", "inputs", "expected"),
    [
        # Two of this stack begin so, and one of them is in the state: it is what this one replaces.
        ("eks/nodeGroup:NodeGroup", {"clusterName": "dev", "nodeGroupNamePrefix": "dev-", **STACK}, "dev:dev-new"),
        ("eks/nodeGroup:NodeGroup", {"clusterName": "dev", "nodeGroupNamePrefix": "prod-", **STACK}, None),
        ("iam/role:Role", {"namePrefix": "dev-role-", **STACK}, "dev-role-1"),
        ("iam/rolePolicy:RolePolicy", {"role": "dev-role-1", "namePrefix": "read-"}, "dev-role-1:read-1"),
        ("kms/alias:Alias", {"namePrefix": "alias/dev-"}, "alias/dev-1"),
        ("s3/bucket:Bucket", {"bucketPrefix": "dev-data-", **STACK}, "dev-data-2"),
        ("cloudwatch/logGroup:LogGroup", {"namePrefix": "/dev/", **STACK}, "/dev/a"),
    ],
)
def test_what_its_provider_named_after_a_prefix_is_found_by_that_and_its_tags(
    prefixed: Account, kind: str, inputs: dict[str, Any], expected: str | None
) -> None:
    assert identify({"type": f"aws:{kind}", "inputs": inputs}, prefixed) == expected


class Closed(Account):
    """An account with two keys, buckets and plans: ours, and one that tells nobody what it is, with this code."""

    def __init__(self, code: str) -> None:
        super().__init__("us-west-2", frozenset())
        self.code = code

    def client(self, service: str) -> Any:
        return self

    def get_paginator(self, operation: str) -> Any:
        plans = [{"BackupPlanName": one, "BackupPlanId": one, "BackupPlanArn": one} for one in NAMES]
        page = {"Keys": [{"KeyId": one} for one in NAMES], "BackupPlansList": plans}
        return SimpleNamespace(paginate=lambda: [page])

    def list_buckets(self) -> Any:
        return {"Buckets": [{"Name": one} for one in NAMES]}

    def _told(self, asked: str, answer: dict[str, Any]) -> Any:
        if asked == "k-closed":
            raise ClientError({"Error": {"Code": self.code}}, "Describe")
        return answer

    def describe_key(self, KeyId: str) -> Any:  # noqa: N803 - boto3's names
        return self._told(KeyId, {"KeyMetadata": {"KeyState": "Enabled", "Description": "d"}})

    def list_resource_tags(self, KeyId: str) -> Any:  # noqa: N803
        return {"Tags": [{"TagKey": "stack", "TagValue": "dev"}]}

    def get_bucket_tagging(self, Bucket: str) -> Any:  # noqa: N803
        return self._told(Bucket, {"TagSet": [{"Key": "stack", "Value": "dev"}]})

    def list_tags(self, ResourceArn: str) -> Any:  # noqa: N803
        return self._told(ResourceArn, {"Tags": STACK["tags"]})


NAMES = ("k-closed", "k-ours")


@pytest.mark.parametrize(
    ("kind", "inputs", "codes"),
    [
        ("kms/key:Key", {"description": "d"}, ("AccessDeniedException", "NotFoundException")),
        ("s3/bucket:Bucket", {"bucketPrefix": "k-"}, ("AccessDenied", "NoSuchBucket")),
        ("backup/plan:Plan", {"name": "k-ours"}, ("AccessDeniedException",)),
    ],
)
def test_one_of_somebody_elses_that_tells_nobody_what_it_is_stops_nothing(
    kind: str, inputs: dict[str, Any], codes: tuple[str, ...]
) -> None:
    about = {"type": f"aws:{kind}", "inputs": {**inputs, **STACK}}
    for code in codes:
        assert identify(about, Closed(code)) == "k-ours"


def test_what_aws_fails_to_say_is_not_passed_over() -> None:
    with pytest.raises(ClientError):
        identify({"type": "aws:kms/key:Key", "inputs": {"description": "d", **STACK}}, Closed("KMSInternalException"))


class NoCluster:
    """EKS, which knows no such cluster; or does not say."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __call__(self, service: str) -> "NoCluster":
        return self

    def get_paginator(self, operation: str) -> "NoCluster":
        return self

    def paginate(self, **arguments: str) -> Any:
        raise ClientError({"Error": {"Code": self.code}}, "ListNodegroups")


def test_a_cluster_that_is_gone_has_no_node_groups() -> None:
    about = {"clusterName": "gone", "nodeGroupNamePrefix": "dev-"}
    assert named.beginning(NoCluster("ResourceNotFoundException"), "aws:eks/nodeGroup:NodeGroup", about) == set()
    with pytest.raises(ClientError):
        named.beginning(NoCluster("AccessDeniedException"), "aws:eks/nodeGroup:NodeGroup", about)
