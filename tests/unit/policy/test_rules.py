import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.aws import iam
from infra.kubeflow.credentials import Credentials, replace
from policy import RULES, UNKNOWN, Resource, Violation, check

MANIFESTS = Path(__file__).resolve().parents[3] / "manifests" / "sample"

OWN_TAGS = {"pulumi:project": "kubeflow", "pulumi:stack": "dev"}
ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/policy:Policy"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
NODES = "aws:eks/nodeGroup:NodeGroup"
CLUSTER = "aws:eks/cluster:Cluster"
BUCKET = "aws:s3/bucket:Bucket"
GROUP, LISTENER = "aws:ec2/securityGroup:SecurityGroup", "aws:lb/listener:Listener"
REPOSITORY = "aws:ecr/repository:Repository"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
CLOSED = {
    "blockPublicAcls": True,
    "blockPublicPolicy": True,
    "ignorePublicAcls": True,
    "restrictPublicBuckets": True,
}
OIDC = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/A"


def found(
    rule: str, kind: str, inputs: dict[str, Any], *, stack: str = "dev", protect: bool = False
) -> list[Violation]:
    urn = f"urn:pulumi:{stack}::kubeflow::kubeflow:infra:Part${kind}::it"
    resource = Resource(type=kind, urn=urn, inputs=inputs, protect=protect)
    rules = [one for one in RULES if one.name == rule]
    assert rules, rule
    return check([resource], rules)


def allow(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]})


def disk(**ebs: Any) -> dict[str, Any]:
    return {"blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": ebs}]}


def ingress(port: int, source: str = "0.0.0.0/0") -> dict[str, Any]:
    return {"protocol": "tcp", "fromPort": port, "toPort": port, "cidrBlocks": [source]}


def load_balancer(**annotations: str) -> dict[str, Any]:
    prefix = "service.beta.kubernetes.io/aws-load-balancer-"
    named = {prefix + name: value for name, value in annotations.items()}
    return {"kind": "Service", "metadata": {"name": "door", "annotations": named}, "spec": {"type": "LoadBalancer"}}


ALLOWED: list[tuple[str, str, dict[str, Any]]] = [
    ("encryption", TEMPLATE, disk(encrypted="true")),
    ("encryption", TEMPLATE, disk(encrypted=UNKNOWN)),
    ("encryption", "aws:ebs/volume:Volume", {"encrypted": True}),
    ("encryption", CLUSTER, {"encryptionConfig": {"resources": ["secrets"], "provider": {"keyArn": UNKNOWN}}}),
    ("encryption", CLUSTER, {"encryptionConfig": UNKNOWN}),
    (
        "encryption",
        "kubernetes:storage.k8s.io/v1:StorageClass",
        {"provisioner": "ebs.csi.aws.com", "parameters": {"encrypted": "true"}},
    ),
    ("encryption", "kubernetes:storage.k8s.io/v1:StorageClass", {"provisioner": "example.com/nfs"}),
    ("public-access", BLOCK, CLOSED),
    ("public-access", BUCKET, {"acl": "private"}),
    ("public-access", "aws:s3/bucketPolicy:BucketPolicy", {"policy": iam.to_json(iam.tls_only_policy("arn:b"))}),
    ("public-access", "aws:s3/bucketPolicy:BucketPolicy", {"policy": UNKNOWN}),
    ("public-access", "aws:ec2/subnet:Subnet", {"mapPublicIpOnLaunch": False}),
    (
        "public-access",
        "aws:ec2/securityGroup:SecurityGroup",
        {"ingress": [{"fromPort": 443, "toPort": 443, "cidrBlocks": ["0.0.0.0/0"]}]},
    ),
    (
        "public-access",
        "aws:ec2/securityGroupRule:SecurityGroupRule",
        {"type": "egress", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]},
    ),
    ("iam-wildcards", POLICY, {"policy": iam.to_json(iam.bucket_policy("arn:b", ["shared/"]))}),
    ("iam-wildcards", POLICY, {"policy": iam.to_json(iam.repository_policy("arn:r"))}),
    ("iam-wildcards", POLICY, {"policy": UNKNOWN}),
    (
        "iam-wildcards",
        POLICY,
        {"policy": allow({"Action": "ec2:RunInstances", "Resource": "*", "Condition": {"StringEquals": {"a": "b"}}})},
    ),
    (
        "iam-wildcards",
        ROLE,
        {"assumeRolePolicy": iam.to_json(iam.irsa_trust_policy(OIDC, "issuer", "kubeflow", "ml-pipeline"))},
    ),
    ("iam-wildcards", ROLE, {"assumeRolePolicy": iam.to_json(iam.service_trust_policy("ec2.amazonaws.com"))}),
    (
        "iam-wildcards",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        {"policyArn": iam.managed_policy("us-west-2", "AmazonEKSWorkerNodePolicy")},
    ),
    ("imds-v2", TEMPLATE, {"metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1}}),
    ("imds-v2", TEMPLATE, {"metadataOptions": {"httpEndpoint": "disabled"}}),
    ("imds-v2", TEMPLATE, {"metadataOptions": UNKNOWN}),
    ("tags", BUCKET, {"tags": {**OWN_TAGS, "team": "ml"}}),
    ("tags", BUCKET, {"tags": UNKNOWN}),
    ("tags", "aws:ec2/route:Route", {}),
    ("instance-size", NODES, {"instanceTypes": ["m5.xlarge", "m5.2xlarge"]}),
    ("instance-size", NODES, {"instanceTypes": [UNKNOWN]}),
    ("public-access", GROUP, {"ingress": [ingress(443), ingress(80)]}),
    ("public-endpoints-elsewhere", GROUP, {"ingress": [ingress(443, "203.0.113.0/24")]}),
    ("listeners", LISTENER, {"protocol": "HTTP", "defaultActions": [{"redirect": {"protocol": "HTTPS"}}]}),
    ("listeners", LISTENER, {"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"}),
    ("listeners", LISTENER, {"protocol": "HTTPS", "sslPolicy": UNKNOWN}),
    ("public-endpoints-elsewhere", CLUSTER, {"vpcConfig": {"publicAccessCidrs": ["203.0.113.0/24"]}}),
    ("public-endpoints-elsewhere", CLUSTER, {"vpcConfig": {"endpointPublicAccess": False}}),
    ("public-endpoints-elsewhere", CLUSTER, {"vpcConfig": {"publicAccessCidrs": UNKNOWN}}),
    ("public-endpoints-elsewhere", "kubernetes:core/v1:Service", load_balancer(scheme="internal")),
    ("public-endpoints-elsewhere", "kubernetes:core/v1:Service", {"spec": {"type": "ClusterIP"}}),
    ("protected-data", BUCKET, {"forceDestroy": True}),
]

REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    ("encryption", TEMPLATE, disk(volumeSize=100), "has a disk that is not encrypted"),
    ("encryption", TEMPLATE, disk(encrypted="false"), "has a disk that is not encrypted"),
    ("encryption", "aws:ec2/instance:Instance", {"rootBlockDevice": {"volumeSize": 8}}, "has a disk"),
    ("encryption", "aws:ebs/volume:Volume", {}, "is not encrypted; set encrypted"),
    ("encryption", "aws:rds/instance:Instance", {}, "set storageEncrypted"),
    ("encryption", CLUSTER, {}, "keeps Kubernetes Secrets without a key"),
    (
        "encryption",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        {"rules": [{"applyServerSideEncryptionByDefault": {}}]},
        "names no algorithm",
    ),
    (
        "encryption",
        "kubernetes:storage.k8s.io/v1:StorageClass",
        {"provisioner": "ebs.csi.aws.com", "parameters": {"type": "gp3"}},
        "makes volumes that are not encrypted",
    ),
    ("public-access", BLOCK, {**CLOSED, "blockPublicPolicy": False}, "set blockPublicPolicy"),
    ("public-access", BUCKET, {"acl": "public-read"}, "is public (acl"),
    (
        "public-access",
        "aws:s3/bucketPolicy:BucketPolicy",
        {"policy": allow({"Principal": "*", "Action": "s3:GetObject", "Resource": "arn:b/*"})},
        "lets everybody in",
    ),
    (
        "public-access",
        "aws:ecr/repositoryPolicy:RepositoryPolicy",
        {"policy": allow({"Principal": {"AWS": ["*"]}, "Action": "ecr:BatchGetImage"})},
        "lets everybody in",
    ),
    ("public-access", "aws:ec2/subnet:Subnet", {"mapPublicIpOnLaunch": True}, "unset mapPublicIpOnLaunch"),
    ("public-access", "aws:rds/instance:Instance", {"publiclyAccessible": True}, "unset publiclyAccessible"),
    (
        "public-access",
        "aws:ec2/securityGroup:SecurityGroup",
        {"ingress": [{"fromPort": 22, "toPort": 22, "cidrBlocks": ["0.0.0.0/0"]}]},
        "on ports 22 to 22",
    ),
    (
        "public-access",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        {"fromPort": 0, "toPort": 65535, "cidrIpv6": "::/0"},
        "on ports 0 to 65535",
    ),
    ("public-access", TEMPLATE, {"networkInterfaces": [{"associatePublicIpAddress": "true"}]}, "public addresses"),
    ("iam-wildcards", POLICY, {"policy": allow({"Action": "*", "Resource": "arn:b"})}, "allows the actions *"),
    ("iam-wildcards", POLICY, {"policy": allow({"Action": ["S3:*"], "Resource": "arn:b"})}, "allows the actions s3:*"),
    ("iam-wildcards", POLICY, {"policy": allow({"NotAction": "iam:*", "Resource": "arn:b"})}, "all actions but some"),
    (
        "iam-wildcards",
        "aws:iam/rolePolicy:RolePolicy",
        {"policy": allow({"Action": ["s3:GetObject"], "Resource": ["*"]})},
        "allows s3:getobject on every resource",
    ),
    (
        "iam-wildcards",
        ROLE,
        {"inlinePolicies": [{"policy": allow({"Action": "*", "Resource": "arn:b"})}]},
        "allows the actions *",
    ),
    (
        "iam-wildcards",
        ROLE,
        {"assumeRolePolicy": allow({"Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"})},
        "lets everybody in",
    ),
    (
        "iam-wildcards",
        ROLE,
        {
            "assumeRolePolicy": allow(
                {
                    "Principal": {"Federated": OIDC},
                    "Action": "sts:AssumeRoleWithWebIdentity",
                    "Condition": {"StringEquals": {"issuer:aud": "sts.amazonaws.com"}},
                }
            )
        },
        "lets every service account of the cluster take the role",
    ),
    (
        "iam-wildcards",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        {"policyArn": "arn:aws:iam::aws:policy/AmazonS3FullAccess"},
        "has AmazonS3FullAccess",
    ),
    ("imds-v2", TEMPLATE, {}, "IMDSv1"),
    ("imds-v2", TEMPLATE, {"metadataOptions": {"httpTokens": "optional"}}, "IMDSv1"),
    (
        "imds-v2",
        TEMPLATE,
        {"metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 2}},
        "lets pods take the node's role",
    ),
    ("tags", BUCKET, {"tags": {"pulumi:project": "kubeflow"}}, "has the tag pulumi:stack None, not 'dev'"),
    ("tags", NODES, {"tags": {**OWN_TAGS, "pulumi:stack": "other"}}, "has the tag pulumi:stack 'other', not 'dev'"),
    ("instance-size", NODES, {"instanceTypes": ["m5.4xlarge"]}, "m5.4xlarge, and stack dev may have 8 vCPUs a node"),
    ("instance-size", "aws:ec2/instance:Instance", {"instanceType": "m5.metal"}, "m5.metal"),
    ("public-access", GROUP, {"ingress": [ingress(80)]}, "ports 80 to 80"),
    ("public-access", GROUP, {"ingress": [ingress(443, "10.0.0.0/8"), ingress(80)]}, "ports 80 to 80"),
    ("public-access", GROUP, {"ingress": [ingress(443), ingress(8080)]}, "ports 8080 to 8080"),
    ("public-endpoints-elsewhere", GROUP, {"ingress": [ingress(443)]}, "name who may in addressCidrs"),
    ("listeners", LISTENER, {"protocol": "HTTP", "defaultActions": [{"type": "forward"}]}, "redirect to HTTPS"),
    ("listeners", LISTENER, {"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-2016-08"}, "old versions of TLS"),
    ("listeners", LISTENER, {"protocol": "HTTPS"}, "old versions of TLS"),
    ("public-endpoints-elsewhere", CLUSTER, {}, "the whole internet reaches"),
    (
        "public-endpoints-elsewhere",
        CLUSTER,
        {"vpcConfig": {"endpointPublicAccess": True, "publicAccessCidrs": ["10.0.0.0/8", "0.0.0.0/0"]}},
        "the whole internet reaches",
    ),
    ("public-endpoints-elsewhere", "kubernetes:core/v1:Service", load_balancer(), "makes a load balancer"),
    (
        "public-endpoints-elsewhere",
        "kubernetes:networking.k8s.io/v1:Ingress",
        {"metadata": {"annotations": {"alb.ingress.kubernetes.io/scheme": "internet-facing"}}},
        "makes a load balancer",
    ),
]


@pytest.mark.parametrize(("rule", "kind", "inputs"), ALLOWED)
def test_what_is_sound_passes(rule: str, kind: str, inputs: dict[str, Any]) -> None:
    assert found(rule, kind, inputs) == []


@pytest.mark.parametrize(("rule", "kind", "inputs", "sentence"), REFUSED)
def test_what_is_not_is_told(rule: str, kind: str, inputs: dict[str, Any], sentence: str) -> None:
    (violation,) = found(rule, kind, inputs)
    assert sentence in violation.message
    assert str(violation).startswith("it: ")
    assert violation.level == ("advisory" if rule == "public-endpoints-elsewhere" else "mandatory")


def test_a_stack_that_people_rely_on_may_have_large_nodes_and_no_open_api() -> None:
    assert found("instance-size", NODES, {"instanceTypes": ["m5.16xlarge"]}, stack="prod-eu") == []
    assert len(found("instance-size", NODES, {"instanceTypes": ["m5.24xlarge"]}, stack="prod")) == 1
    (violation,) = found("public-endpoints", CLUSTER, {}, stack="staging")
    assert violation.level == "mandatory"
    assert found("public-endpoints", CLUSTER, {}, stack="dev") == []
    assert found("public-endpoints-elsewhere", CLUSTER, {}, stack="staging") == []


@pytest.mark.parametrize("kind", [BUCKET, REPOSITORY])
def test_the_data_of_a_stack_that_people_rely_on_is_protected(kind: str) -> None:
    switch = "forceDestroy" if kind == BUCKET else "forceDelete"
    assert found("protected-data", kind, {switch: False}, stack="prod", protect=True) == []
    messages = [violation.message for violation in found("protected-data", kind, {switch: True}, stack="prod")]
    assert messages == [
        "can be deleted by a destroy; set protect to true",
        "is emptied by a destroy; set storageOnDestroy to keep",
    ]


@pytest.mark.parametrize(("stack", "on", "broken"), [("prod", True, 0), ("prod", False, 1), ("dev", False, 0)])
def test_nobody_deletes_the_cluster_that_people_rely_on(stack: str, on: bool, broken: int) -> None:
    assert len(found("protected-data", CLUSTER, {"deletionProtection": on}, stack=stack)) == broken


def test_the_data_of_a_stack_that_people_rely_on_has_old_versions() -> None:
    kind = "aws:s3/bucketVersioning:BucketVersioning"
    assert found("protected-data", kind, {"versioningConfiguration": {"status": "Enabled"}}, stack="prod") == []
    (violation,) = found("protected-data", kind, {"versioningConfiguration": {"status": "Suspended"}}, stack="prod")
    assert "keeps no old versions" in violation.message


def test_the_samples_own_secrets_are_refused_until_they_are_replaced() -> None:
    objects = list(yaml.safe_load_all((MANIFESTS / "login.yaml").read_text()))

    def violations(manifests: list[dict[str, Any]]) -> list[str]:
        kinds = [(f"kubernetes:core/v1:{manifest['kind']}", manifest) for manifest in manifests]
        return [one.message for kind, manifest in kinds for one in found("known-passwords", kind, manifest)]

    told = violations(objects)
    assert told
    assert all("well-known credentials are left" in message for message in told)
    names = Credentials.__dataclass_fields__
    secret: Any = UNKNOWN
    assert (
        violations(replace(objects, Credentials(**{**dict.fromkeys(names, secret), "email": "me@example.org"}))) == []
    )


@pytest.mark.parametrize("inputs", [{}, {"kind": "Secret"}, {"kind": "Secret", "metadata": UNKNOWN}, {"kind": UNKNOWN}])
def test_an_object_that_is_not_known_yet_has_no_known_password(inputs: dict[str, Any]) -> None:
    assert found("known-passwords", "kubernetes:core/v1:Secret", inputs) == []
