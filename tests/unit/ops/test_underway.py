"""The wait for what AWS is still at, by its own statuses, and what comes of it."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.underway import check, status, wait
from ordering.errors import UserError

CLUSTER = {"type": "aws:eks/cluster:Cluster", "id": "dev"}
NODES = {"type": "aws:eks/nodeGroup:NodeGroup", "id": "dev:dev-1a2b"}
ADDON = {"type": "aws:eks/addon:Addon", "id": "dev:coredns"}
NAT = {"type": "aws:ec2/natGateway:NatGateway", "id": "nat-1"}
ENDPOINT = {"type": "aws:ec2/vpcEndpoint:VpcEndpoint", "id": "vpce-1"}
BUCKET = {"type": "aws:s3/bucket:Bucket", "id": "b"}

GONE: Any = ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "DescribeCluster")
NO_NAT: Any = ClientError({"Error": {"Code": "NatGatewayNotFound"}}, "DescribeNatGateways")
REFUSED: Any = ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeCluster")


class Aws:
    """AWS, which answers each question with what comes next in its list; the last answer stays."""

    def __init__(self, **answers: list[Any]) -> None:
        self.answers, self.asked = answers, 0

    def __call__(self, service: str) -> "Aws":
        return self

    def _next(self, kind: str, **asked: Any) -> Any:
        self.asked += 1
        answers = self.answers[kind]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def describe_cluster(self, *, name: str) -> Any:
        return {"cluster": {"status": self._next("cluster")}}

    def describe_nodegroup(self, *, clusterName: str, nodegroupName: str) -> Any:  # noqa: N803
        assert (clusterName, nodegroupName) == ("dev", "dev-1a2b")
        return {"nodegroup": {"status": self._next("nodes")}}

    def describe_addon(self, *, clusterName: str, addonName: str) -> Any:  # noqa: N803
        assert (clusterName, addonName) == ("dev", "coredns")
        return {"addon": {"status": self._next("addon")}}

    def describe_nat_gateways(self, **asked: Any) -> Any:
        return {"NatGateways": [{"State": self._next("nat")}]}

    def describe_vpc_endpoints(self, **asked: Any) -> Any:
        return {"VpcEndpoints": [{"State": one} for one in self._next("endpoint")]}


@pytest.fixture
def said() -> list[str]:
    return []


def test_a_cluster_is_waited_for_until_it_is_there(said: list[str]) -> None:
    aws = Aws(cluster=["CREATING", "CREATING", "ACTIVE"], nodes=["CREATING", "ACTIVE"])
    assert wait(aws, [CLUSTER, NODES, BUCKET], said.append, poll=0) == {"dev": "active", "dev:dev-1a2b": "active"}
    assert said == ["waiting until AWS has ended Cluster dev (creating), NodeGroup dev:dev-1a2b (creating), for 0 s"]
    assert aws.asked == 5


@pytest.mark.parametrize(
    ("kind", "resource", "gone"),
    [("cluster", CLUSTER, GONE), ("nodes", NODES, GONE), ("addon", ADDON, GONE), ("nat", NAT, NO_NAT)],
)
def test_what_is_being_deleted_is_waited_for_until_it_is_gone(
    kind: str, resource: dict[str, str], gone: Exception, said: list[str]
) -> None:
    aws = Aws(**{kind: ["DELETING", gone]})
    assert wait(aws, [resource], said.append, poll=0) == {}
    assert aws.asked == 2


def test_an_endpoint_that_is_listed_no_more_is_gone(said: list[str]) -> None:
    assert wait(Aws(endpoint=[["Pending"], []]), [ENDPOINT], said.append, poll=0) == {}
    assert wait(Aws(endpoint=[["available"]]), [ENDPOINT], said.append, poll=0) == {"vpce-1": "available"}


def test_what_is_there_as_soon_as_asked_for_is_asked_about_by_nobody(said: list[str]) -> None:
    assert wait(Aws(), [BUCKET], said.append) == {}
    assert said == []


def test_aws_that_refuses_to_say_is_not_taken_for_a_cluster_that_is_gone() -> None:
    with pytest.raises(ClientError):
        status(Aws(cluster=[REFUSED]), CLUSTER)


def test_what_never_ends_is_one_sentence(said: list[str]) -> None:
    with pytest.raises(UserError, match=r"^AWS is still at work on Cluster dev \(deleting\) of the interrupted run"):
        wait(Aws(cluster=["DELETING"]), [CLUSTER], said.append, patience=-1, poll=0)


def test_what_aws_gave_up_on_is_named() -> None:
    check([CLUSTER, BUCKET], {"dev": "active"})
    with pytest.raises(UserError, match=r"^AWS gave up on NodeGroup dev:dev-1a2b \(create_failed\), which"):
        check([CLUSTER, NODES], {"dev": "active", "dev:dev-1a2b": "create_failed"})
