"""MiniStack with what stands before its handlers, and a clock that the tests turn."""

import asyncio
import json
import re
import threading
from collections.abc import Coroutine, Iterator
from types import SimpleNamespace
from typing import Any, TypeVar
from urllib.parse import urlencode
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

    def user(self, actions: list[str]) -> str:
        """The access key of a new user who may do this and nothing else."""
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
        policy = {"PolicyName": "all", "PolicyDocument": json.dumps(document)}
        for action, more in (("CreateUser", {}), ("PutUserPolicy", policy), ("CreateAccessKey", {})):
            body = urlencode({"Action": action, "UserName": "ada", **more}).encode()
            _, _, answer = waited(iam.handle_request("POST", "/", {}, body, {}))
        return str(answer.decode().split("<AccessKeyId>")[1].split("<")[0])

    def ec2(self, action: str, key: str = "", /, **parameters: str) -> str:
        """The first id in the answer, or the code of the refusal; to whom a key belongs, or to nobody in particular."""
        body = urlencode({"Action": action, **parameters}).encode()
        headers = {"authorization": f"AWS4-HMAC-SHA256 Credential={key}/"} if key else {}
        _, _, answer = waited(self.handlers["ec2"]("POST", "/", headers, body, {}))
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
