"""What AWS does with load balancers, certificates and node groups, and MiniStack leaves out."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest
from ministack.services import acm, alb, autoscaling, route53, s3, waf

from infra.aws import iam
from tests.unit.conduct.conftest import ACCOUNT, Cloud, waited

HOST = "kubeflow.example.com"


class Front:
    """The part of an account that an address is made of."""

    def __init__(self, account: Cloud) -> None:
        self.account, self.handlers = account, account.handlers
        gateway = account.ec2("CreateInternetGateway")
        account.ec2("AttachInternetGateway", InternetGatewayId=gateway, VpcId=account.vpc)
        self.group = account.ec2("CreateSecurityGroup", GroupName="p", GroupDescription="p", VpcId=account.vpc)

    def ask(self, service: str, action: str, **parameters: Any) -> tuple[str, str]:
        """The code of a refusal, or an empty text; and the answer."""
        flat: dict[str, str] = {"Action": action}
        for name, value in parameters.items():
            if isinstance(value, list):
                flat |= {f"{name}.member.{n}": one for n, one in enumerate(value, 1)}
            else:
                flat[name.replace("_", ".")] = str(value)
        _, _, answer = waited(self.handlers[service]("POST", "/", {}, urlencode(flat).encode(), {}))
        text = answer.decode()
        return text.split("<Code>")[1].split("</Code>")[0] if "<Error>" in text else "", text

    def elb(self, action: str, **parameters: Any) -> tuple[str, str]:
        return self.ask("elasticloadbalancing", action, **parameters)

    def balancer(self, **more: Any) -> tuple[str, str]:
        wanted = {"Name": "k", "Subnets": self.account.subnets, "SecurityGroups": [self.group], "Type": "application"}
        code, text = self.elb("CreateLoadBalancer", **{**wanted, **more})
        return code, first(text, "LoadBalancerArn")

    def targets(self) -> str:
        _, text = self.elb("CreateTargetGroup", Name="k", Port=30080, Protocol="HTTP", VpcId=self.account.vpc)
        return first(text, "TargetGroupArn")

    def acm(self, action: str, **body: Any) -> dict[str, Any]:
        return self.told("acm", f"CertificateManager.{action}", body)

    def waf(self, action: str, **body: Any) -> dict[str, Any]:
        return self.told("wafv2", f"AWSWAF_20190729.{action}", body)

    def told(self, service: str, target: str, body: dict[str, Any]) -> dict[str, Any]:
        """What a service of the JSON protocol says."""
        asked = self.handlers[service]("POST", "/", {"x-amz-target": target}, json.dumps(body).encode(), {})
        told: dict[str, Any] = json.loads(waited(asked)[2])
        return told

    def status(self, arn: str) -> str:
        return str(self.acm("DescribeCertificate", CertificateArn=arn)["Certificate"]["Status"])


def first(text: str, tag: str) -> str:
    found = next((one for one in ET.fromstring(text).iter() if one.tag.endswith(f"}}{tag}")), None)
    return (found.text or "") if found is not None else ""


@pytest.fixture
def front(cloud: Cloud) -> Iterator[Front]:
    yield Front(cloud)
    for service in (acm, alb, autoscaling, route53, s3, waf):
        service.reset()


def test_a_load_balancer_takes_its_time_and_holds_its_subnets_and_its_group(front: Front) -> None:
    code, arn = front.balancer()
    assert code == ""
    told = front.elb("DescribeLoadBalancers", LoadBalancerArns=[arn])[1]
    assert (first(told, "VpcId"), "provisioning" in told) == (front.account.vpc, True)
    front.account.minutes(2)
    assert "active" in front.elb("DescribeLoadBalancers", LoadBalancerArns=[arn])[1]
    front.elb("DeleteLoadBalancer", LoadBalancerArn=arn)
    assert front.account.ec2("DeleteSubnet", SubnetId=front.account.subnets[0]) == "DependencyViolation"
    assert front.account.ec2("DeleteSecurityGroup", GroupId=front.group) == "DependencyViolation"
    front.account.minutes(1)
    assert "DependencyViolation" not in front.account.ec2("DeleteSecurityGroup", GroupId=front.group)


def test_what_is_not_there_or_not_enough_is_refused(front: Front) -> None:
    assert front.balancer(Subnets=["subnet-1", "subnet-2"])[0] == "SubnetNotFound"
    assert front.balancer(Subnets=front.account.subnets[:1])[0] == "ValidationError"
    assert front.balancer(SecurityGroups=["sg-1"])[0] == "InvalidSecurityGroup"
    vpc = front.account.ec2("CreateVpc", CidrBlock="10.1.0.0/16")
    closed = [
        front.account.ec2("CreateSubnet", VpcId=vpc, CidrBlock=f"10.1.{n}.0/24", AvailabilityZone=f"us-west-2{zone}")
        for n, zone in enumerate("ab")
    ]
    assert front.balancer(Subnets=closed)[0] == "InvalidSubnet"
    assert front.balancer(Subnets=closed, Scheme="internal")[0] == ""


def test_logs_go_to_a_bucket_that_lets_them_in_alone(front: Front) -> None:
    _, arn = front.balancer()
    wanted = {"enabled": "true", "bucket": "b", "prefix": "access-logs"}
    attributes = {
        f"Attributes_member_{n}_{part}": text
        for n, (key, value) in enumerate(wanted.items(), 1)
        for part, text in (("Key", f"access_logs.s3.{key}"), ("Value", value))
    }

    def log() -> str:
        return front.elb("ModifyLoadBalancerAttributes", LoadBalancerArn=arn, **attributes)[0]

    assert log() == "InvalidConfigurationRequest"
    s3._bucket_policies["b"] = iam.to_json(iam.tls_only_policy("arn:aws:s3:::b"))
    assert log() == "InvalidConfigurationRequest"
    other = iam.balancer_logs(ACCOUNT, "arn:aws:s3:::b", "elsewhere")
    s3._bucket_policies["b"] = iam.to_json(iam.tls_only_policy("arn:aws:s3:::b", other))
    assert log() == "InvalidConfigurationRequest"
    right = iam.balancer_logs(ACCOUNT, "arn:aws:s3:::b", "access-logs")
    s3._bucket_policies["b"] = iam.to_json(iam.tls_only_policy("arn:aws:s3:::b", right))
    assert log() == ""


def test_a_certificate_is_issued_once_its_record_is_there_and_kept_while_it_is_used(front: Front) -> None:
    arn = front.acm("RequestCertificate", DomainName=HOST, ValidationMethod="DNS")["CertificateArn"]
    front.account.minutes(60)
    assert front.status(arn) == "PENDING_VALIDATION"
    _, balancer = front.balancer()
    targets = front.targets()

    def listen(port: int = 443, balancer: str = balancer) -> str:
        forward = {"DefaultActions_member_1_Type": "forward", "DefaultActions_member_1_TargetGroupArn": targets}
        certificate = {"Certificates_member_1_CertificateArn": arn, "Protocol": "HTTPS", "Port": port}
        return front.elb("CreateListener", LoadBalancerArn=balancer, **forward, **certificate)[0]

    assert listen() == "UnsupportedCertificate"
    [asked] = front.acm("DescribeCertificate", CertificateArn=arn)["Certificate"]["DomainValidationOptions"]
    record = asked["ResourceRecord"]
    route53._records["Z1"] = [{"Name": record["Name"], "Type": "CNAME", "ResourceRecords": ["elsewhere."]}]
    assert front.status(arn) == "PENDING_VALIDATION"
    route53._records["Z1"] = [{"Name": record["Name"], "Type": "CNAME", "ResourceRecords": [record["Value"]]}]
    assert front.status(arn) == "PENDING_VALIDATION"
    front.account.minutes(1)
    assert front.status(arn) == "ISSUED"
    assert listen() == ""
    assert listen() == "DuplicateListener"
    _, second = front.balancer(Name="l")
    assert listen(balancer=second) == "TargetGroupAssociationLimit"
    assert front.elb("DeleteTargetGroup", TargetGroupArn=targets)[0] == "ResourceInUse"
    assert "in use" in str(front.acm("DeleteCertificate", CertificateArn=arn))


def test_a_node_group_s_autoscaling_group_takes_target_groups(front: Front) -> None:
    front.account.running()
    front.account.nodes()
    front.account.minutes(3)
    [group] = front.account.eks("GET", "/clusters/k/node-groups/n")[1]["nodegroup"]["resources"]["autoScalingGroups"]
    about: dict[str, Any] = {"AutoScalingGroupName": group["name"], "TargetGroupARNs": [front.targets()]}
    assert front.ask("autoscaling", "AttachLoadBalancerTargetGroups", **about)[0] == ""
    told = front.ask("autoscaling", "DescribeAutoScalingGroups", AutoScalingGroupNames=[group["name"]])[1]
    assert about["TargetGroupARNs"][0] in told
    assert front.ask("autoscaling", "DetachLoadBalancerTargetGroups", **about)[0] == ""
    told = front.ask("autoscaling", "DescribeAutoScalingGroups", AutoScalingGroupNames=[group["name"]])[1]
    assert about["TargetGroupARNs"][0] not in told
    nowhere = {**about, "AutoScalingGroupName": "nowhere"}
    assert front.ask("autoscaling", "AttachLoadBalancerTargetGroups", **nowhere)[0] == "ValidationError"
    unknown = {**about, "TargetGroupARNs": ["arn:x"]}
    assert front.ask("autoscaling", "AttachLoadBalancerTargetGroups", **unknown)[0] == "ValidationError"


def test_a_web_acl_is_kept_while_it_stands_before_a_load_balancer(front: Front) -> None:
    about = {"Name": "k", "Scope": "REGIONAL", "Id": front.waf("CreateWebACL", Name="k")["Summary"]["Id"]}
    acl = front.waf("GetWebACL", **about)
    pair = {"WebACLArn": acl["WebACL"]["ARN"], "ResourceArn": front.balancer()[1]}
    nobody = {**pair, "ResourceArn": f"{pair['ResourceArn']}0"}
    assert front.waf("AssociateWebACL", **nobody)["__type"] == "WAFNonexistentItemException"
    assert front.waf("AssociateWebACL", **pair) == {}
    gone = {**about, "LockToken": acl["LockToken"]}
    assert front.waf("DeleteWebACL", **gone)["__type"] == "WAFAssociatedItemException"
    assert front.waf("DisassociateWebACL", ResourceArn=pair["ResourceArn"]) == {}
    assert front.waf("DeleteWebACL", **gone) == {}
