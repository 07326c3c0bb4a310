"""The stand-ins through a real gRPC channel, with no AWS behind: what Check, Diff and a preview answer."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bcrypt
import grpc
import pytest
from botocore.config import Config
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from localcloud.aws.provider import AwsStandIn
from localcloud.aws.record import Record
from localcloud.aws.table import KINDS as AWS
from localcloud.providers.naming import named
from localcloud.providers.server import StandIn, start
from localcloud.providers.values import UNKNOWN, decode, encode
from localcloud.random.provider import RandomStandIn
from tests.unit.aws_inputs import GOOD

NOWHERE = "http://127.0.0.1:9"  # the discard port: a call that goes there fails
VPC = "aws:ec2/vpc:Vpc"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ADDON_VERSION = "aws:eks/getAddonVersion:getAddonVersion"


def urn(type_: str, name: str = "main") -> str:
    return f"urn:pulumi:dev::p::kubeflow:infra:Network${type_}::{name}"


class Engine:
    """The engine's side of one connection."""

    def __init__(self, port: int) -> None:
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)])
        self.stub = provider_pb2_grpc.ResourceProviderStub(self.channel)

    def configure(self, **config: Any) -> None:
        self.stub.Configure(provider_pb2.ConfigureRequest(args=encode(config)))

    def check(self, type_: str, news: dict[str, Any], olds: dict[str, Any] | None = None, name: str = "main") -> Any:
        return self.stub.Check(
            provider_pb2.CheckRequest(
                urn=urn(type_, name), news=encode(news), olds=encode(olds or {}), randomSeed=b"seed"
            )
        )

    def inputs(self, type_: str, news: dict[str, Any], **more: Any) -> dict[str, Any]:
        answer = self.check(type_, news, **more)
        assert not answer.failures, answer.failures
        return decode(answer.inputs)

    def diff(self, type_: str, old: dict[str, Any], new: dict[str, Any]) -> Any:
        request = provider_pb2.DiffRequest(id="x", urn=urn(type_), olds=encode(old), old_inputs=encode(old))
        request.news.CopyFrom(encode(new))
        return self.stub.Diff(request)

    def create(self, type_: str, inputs: dict[str, Any], *, preview: bool) -> Any:
        return self.stub.Create(provider_pb2.CreateRequest(urn=urn(type_), properties=encode(inputs), preview=preview))


@contextmanager
def served(servicer: StandIn) -> Iterator[int]:
    server, port = start(servicer)
    try:
        yield port
    finally:
        server.stop(grace=None).wait()


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOWHERE)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setattr("localcloud.aws.session.CLIENT", Config(retries={"total_max_attempts": 1}))
    with served(AwsStandIn(Record(tmp_path / "record.json"))) as number:
        yield number


@pytest.fixture
def aws(port: int) -> Engine:
    engine = Engine(port)
    engine.configure(region="us-west-2")
    return engine


@pytest.fixture
def random() -> Iterator[Engine]:
    with served(RandomStandIn()) as number:
        engine = Engine(number)
        engine.configure()
        yield engine


def test_version_is_the_sdks(aws: Engine) -> None:
    assert aws.stub.GetPluginInfo(empty_pb2.Empty()).version == version("pulumi-aws")


def test_names_are_made_once_and_kept(aws: Engine) -> None:
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    first = aws.inputs("aws:iam/role:Role", {"assumeRolePolicy": trust}, name="node")
    assert first["name"].startswith("node-")
    assert len(first["name"]) == len("node-") + 7
    second = aws.inputs("aws:iam/role:Role", {"assumeRolePolicy": trust}, olds=first, name="node")
    assert second == first
    named = aws.inputs("aws:iam/role:Role", {"assumeRolePolicy": trust, "name": "mine"}, olds=first, name="node")
    assert named["name"] == "mine"
    bucket = aws.inputs("aws:s3/bucket:Bucket", {}, name="Kubeflow-Data")
    assert bucket["bucket"].startswith("kubeflow-data-")


def test_a_name_that_cannot_be_made_is_refused(aws: Engine) -> None:
    answer = aws.check("aws:s3/bucket:Bucket", {}, name="b" * 60)
    assert answer.failures[0].property == "bucket"
    assert "longer than 63" in answer.failures[0].reason


NODES = "aws:eks/nodeGroup:NodeGroup"


def test_a_prefix_leaves_the_name_out_of_inputs_and_plan(aws: Engine) -> None:
    given = {**GOOD[NODES], "nodeGroupNamePrefix": "k-"}
    first = aws.inputs(NODES, given)
    assert "nodeGroupName" not in first
    assert decode(aws.create(NODES, first, preview=True).properties)["nodeGroupName"] is UNKNOWN
    assert aws.inputs(NODES, given, olds={**first, "nodeGroupName": "k-1"}) == first
    assert aws.diff(NODES, first, {**first, "nodeGroupNamePrefix": "l-"}).replaces == ["nodeGroupNamePrefix"]
    both = aws.check(NODES, {**given, "nodeGroupName": "nodes"}).failures[0]
    assert both.property == "nodeGroupNamePrefix"
    assert both.reason == (
        f"{NODES} `main`: `nodeGroupNamePrefix` is 'k-', and `nodeGroupName` is set too; set one of them"
    )


def test_a_prefix_becomes_a_name_of_its_own_once() -> None:
    kind, inputs = AWS[NODES], {"nodeGroupNamePrefix": "k-"}
    one, other = (named(kind, inputs, {})["nodeGroupName"] for _ in range(2))
    assert one != other
    assert len(one) == len(other) == len("k-") + 26
    assert named(kind, inputs, {"nodeGroupName": one})["nodeGroupName"] == one
    assert inputs == {"nodeGroupNamePrefix": "k-"}


def test_defaults_and_documents(aws: Engine) -> None:
    assert aws.inputs(VPC, {"cidrBlock": "10.0.0.0/16"}) == {
        "cidrBlock": "10.0.0.0/16",
        "enableDnsSupport": True,
        "instanceTenancy": "default",
    }
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    inputs = aws.inputs(ROLE_POLICY, {"role": "node", "policy": policy})
    assert json.loads(inputs["policy"]) == policy
    partly = {"Statement": [{"Resource": UNKNOWN}]}
    assert aws.inputs(ROLE_POLICY, {"role": "node", "policy": partly})["policy"] is UNKNOWN
    broken = aws.check(ROLE_POLICY, {"role": "node", "policy": "{nonsense"})
    assert "`policy` is '{nonsense', which is not JSON" in broken.failures[0].reason


def test_an_unknown_property_is_refused(aws: Engine) -> None:
    failure = aws.check(VPC, {"cidr": "10.0.0.0/16"}).failures[0]
    assert failure.property == "cidr"
    assert failure.reason == f"{VPC} has no input `cidr`; did you mean `cidrBlock`?"


def test_an_unknown_type_is_refused(aws: Engine) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        aws.check("aws:rds/cluster:Cluster", {})
    assert caught.value.details() == "the local stand-in for aws does not know the type aws:rds/cluster:Cluster"


def test_an_unknown_function_or_argument_is_refused(aws: Engine) -> None:
    for token, arguments, words in (
        ("aws:ec2/getAmi:getAmi", {}, "does not know the function aws:ec2/getAmi:getAmi"),
        (ADDON_VERSION, {"adonName": "x"}, "has no argument `adonName`; did you mean `addonName`?"),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            aws.stub.Invoke(provider_pb2.InvokeRequest(tok=token, args=encode(arguments)))
        assert words in caught.value.details()


def test_each_connection_has_its_own_configuration(port: int) -> None:
    here, there = Engine(port), Engine(port)
    here.configure(region="us-west-2", defaultTags=json.dumps({"tags": {"team": "a"}}))
    there.configure(region="cn-north-1")
    assert here.inputs(VPC, {"tags": {"Name": "x"}})["tags"] == {"team": "a", "Name": "x"}
    assert here.inputs(VPC, {"tags": {"team": "b"}})["tags"] == {"team": "b"}
    assert there.inputs(VPC, {"tags": {"Name": "x"}})["tags"] == {"Name": "x"}
    partition = provider_pb2.InvokeRequest(tok="aws:index/getPartition:getPartition")
    found = [decode(getattr(engine.stub.Invoke(partition), "return")) for engine in (here, there)]
    assert [answer["partition"] for answer in found] == ["aws", "aws-cn"]


def test_a_preview_asks_no_cloud(aws: Engine) -> None:
    inputs = aws.inputs(VPC, {"cidrBlock": "10.0.0.0/16", "tags": {"a": "b"}})
    seen = decode(aws.create(VPC, inputs, preview=True).properties)
    assert seen["cidrBlock"] == "10.0.0.0/16"
    assert seen["tagsAll"] == {"a": "b"}
    assert seen["arn"] is UNKNOWN
    assert seen["defaultSecurityGroupId"] is UNKNOWN
    with pytest.raises(grpc.RpcError) as caught:
        aws.create(VPC, inputs, preview=False)
    assert caught.value.details().startswith(f"{VPC} `main`: Could not connect to the endpoint URL")


def test_diff_says_what_replaces(aws: Engine) -> None:
    old = {"cidrBlock": "10.0.0.0/16", "tags": {"kubernetes.io/role/elb": "1"}}
    tagged = aws.diff(VPC, old, {**old, "tags": {"kubernetes.io/role/elb": "2"}})
    assert tagged.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert list(tagged.replaces) == []
    assert list(tagged.diffs) == ["tags"]
    assert tagged.detailedDiff['tags["kubernetes.io/role/elb"]'].kind == provider_pb2.PropertyDiff.UPDATE
    moved = aws.diff(VPC, old, {**old, "cidrBlock": "10.1.0.0/16"})
    assert list(moved.replaces) == ["cidrBlock"]
    assert moved.detailedDiff["cidrBlock"].kind == provider_pb2.PropertyDiff.UPDATE_REPLACE
    assert aws.diff(VPC, old, old).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_only_this_machine_is_talked_to(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://ec2.us-west-2.amazonaws.com")
    with pytest.raises(grpc.RpcError) as caught:
        Engine(port).configure(region="us-west-2")
    assert "on this machine only" in caught.value.details()


def test_a_missing_region_is_said(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    answer = Engine(port).stub.CheckConfig(provider_pb2.CheckRequest(news=encode({})))
    assert "aws:region" in answer.failures[0].reason


def test_passwords_keep_their_rules(random: Engine) -> None:
    type_ = "random:index/randomPassword:RandomPassword"
    inputs = random.inputs(type_, {"length": 20, "overrideSpecial": "_-", "minSpecial": 3, "minNumeric": 4})
    made = random.create(type_, inputs, preview=False)
    live = decode(made.properties)
    assert made.id == "none"
    assert len(live["result"]) == 20
    assert sum(letter in "_-" for letter in live["result"]) >= 3
    assert sum(letter.isdigit() for letter in live["result"]) >= 4
    assert all(letter.isalnum() or letter in "_-" for letter in live["result"])
    assert bcrypt.checkpw(live["result"].encode(), live["bcryptHash"].encode())
    request = provider_pb2.ReadRequest(id=made.id, urn=urn(type_), properties=made.properties, inputs=encode(inputs))
    assert decode(random.stub.Read(request).properties) == live
    assert list(random.diff(type_, inputs, {**inputs, "keepers": {"turn": "2"}}).replaces) == ["keepers"]
    assert decode(random.create(type_, inputs, preview=True).properties)["result"] is UNKNOWN


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"length": 3, "minUpper": 4}, "`length` is 3"),
        ({"length": 0}, "`length` is 0"),
        ({"length": 3, "upper": False, "lower": False, "numeric": False, "special": False}, "nothing to draw from"),
    ],
)
def test_impossible_passwords_are_refused(random: Engine, inputs: dict[str, Any], words: str) -> None:
    answer = random.check("random:index/randomPassword:RandomPassword", inputs)
    assert words in answer.failures[0].reason


@pytest.mark.parametrize("name", ["aws", "eks", "random"])
def test_a_server_says_its_port_and_ends_cleanly_at_once(name: str) -> None:
    command = [sys.executable, "-m", "localcloud.providers", name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        server.terminate()
        assert server.wait(timeout=30) == 0
    assert 0 < port < 65536


def test_an_unknown_server_is_refused() -> None:
    command = [sys.executable, "-m", "localcloud.providers", "azure"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert (ran.returncode, ran.stderr) == (1, "error: name one provider to serve: aws, eks, random\n")
