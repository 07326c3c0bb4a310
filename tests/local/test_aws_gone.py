"""What was made and is gone, as after a restart of the emulator: each type reads it as gone and deletes it in peace."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from localcloud import emulator
from localcloud.aws.provider import AwsStandIn
from localcloud.aws.record import Record
from localcloud.providers.values import encode
from tests.local.stack import REGION
from tests.unit.aws_inputs import GOOD, ROLE_ARN
from tests.unit.test_aws_standin_protocol import Engine, served, urn

POLICY_ARN = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"
ACCESS = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
# As the provider numbers them.
ACM = f"arn:aws:acm:{REGION}:123456789012"
ELB = f"arn:aws:elasticloadbalancing:{REGION}:123456789012"
IDS = {
    "aws:ec2/vpc:Vpc": "vpc-0123456789abcdef0",
    "aws:ec2/subnet:Subnet": "subnet-0123456789abcdef0",
    "aws:ec2/internetGateway:InternetGateway": "igw-0123456789abcdef0",
    "aws:ec2/eip:Eip": "eipalloc-0123456789abcdef0",
    "aws:ec2/natGateway:NatGateway": "nat-0123456789abcdef0",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "vpce-0123456789abcdef0",
    "aws:ec2/routeTable:RouteTable": "rtb-0123456789abcdef0",
    "aws:ec2/route:Route": "r-rtb-11080289494",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "rtbassoc-0123456789abcdef0",
    "aws:ec2/securityGroup:SecurityGroup": "sg-0a1b2c3d4e5f60718",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "sg-0a1b2c3d4e5f60718",
    "aws:ec2/securityGroupRule:SecurityGroupRule": "sgrule-1",
    "aws:ec2/launchTemplate:LaunchTemplate": "lt-0123456789abcdef0",
    "aws:iam/role:Role": "node",
    "aws:iam/rolePolicy:RolePolicy": "node:inline",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": f"node/{POLICY_ARN}",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "arn:aws:iam::123456789012:oidc-provider/issuer",
    "aws:ecr/repository:Repository": "team/images",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": "team/images",
    "aws:ecr/pullThroughCacheRule:PullThroughCacheRule": "team/quay",
    "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate": "team",
    "aws:kms/key:Key": "12345678-1234-1234-1234-123456789012",
    "aws:kms/alias:Alias": "alias/secrets",
    "aws:cloudwatch/logGroup:LogGroup": "/aws/eks/k/cluster",
    "aws:backup/vault:Vault": "k-backups",
    "aws:backup/plan:Plan": "12345678-1234-1234-1234-123456789012",
    "aws:backup/selection:Selection": "12345678-1234-1234-1234-123456789013",
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": "k-failed-runs",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "k-api",
    "aws:wafv2/webAcl:WebAcl": "12345678-1234-1234-1234-123456789014",
    "aws:wafv2/webAclAssociation:WebAclAssociation": (
        f"arn:aws:wafv2:{REGION}:123456789012:regional/webacl/k/12345678-1234-1234-1234-123456789014,"
        f"{ELB}:loadbalancer/app/team/0123456789abcdef"
    ),
    "aws:budgets/budget:Budget": "123456789012:kubeflow-dev-monthly",
    "aws:sns/topic:Topic": f"arn:aws:sns:{REGION}:123456789012:k-alarms",
    "aws:sns/topicSubscription:TopicSubscription": f"arn:aws:sns:{REGION}:123456789012:k-alarms:1",
    "aws:cognito/userPool:UserPool": f"{REGION}_aBcDeFgHi",
    "aws:cognito/userPoolDomain:UserPoolDomain": "k-1",
    "aws:cognito/userPoolClient:UserPoolClient": "1example23456789",
    "aws:cognito/userGroup:UserGroup": f"{REGION}_aBcDeFgHi/kubeflow",
    "aws:cognito/user:User": f"{REGION}_aBcDeFgHi/ada@example.com",
    "aws:cognito/userInGroup:UserInGroup": f"{REGION}_aBcDeFgHi/kubeflow/ada@example.com",
    "aws:rds/instance:Instance": "k-database",
    "aws:rds/subnetGroup:SubnetGroup": "k-database",
    "aws:rds/parameterGroup:ParameterGroup": "k-database",
    "aws:efs/fileSystem:FileSystem": "fs-0123456789abcdef0",
    "aws:efs/mountTarget:MountTarget": "fsmt-0123456789abcdef0",
    "aws:acm/certificate:Certificate": f"{ACM}:certificate/12345678-1234-1234-1234-123456789012",
    "aws:acm/certificateValidation:CertificateValidation": "2026-11-27 04:00:00 +0000 UTC",
    "aws:autoscaling/attachment:Attachment": "eks-base-0123456789",
    "aws:lb/loadBalancer:LoadBalancer": f"{ELB}:loadbalancer/app/team/0123456789abcdef",
    "aws:lb/targetGroup:TargetGroup": f"{ELB}:targetgroup/team/0123456789abcdef",
    "aws:lb/listener:Listener": f"{ELB}:listener/app/team/0123456789abcdef/0123456789abcdef",
    "aws:route53/record:Record": "Z0123456789ABCDEFGHIJ_kubeflow.example.com_A",
    "aws:eks/cluster:Cluster": "k",
    "aws:eks/nodeGroup:NodeGroup": "k:k-1",
    "aws:eks/addon:Addon": "k:coredns",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": "a-0123456789abcdefg",
    "aws:eks/accessEntry:AccessEntry": f"k:{ROLE_ARN}",
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": f"k#{ROLE_ARN}#{ACCESS}",
    **{token: "team-data" for token in GOOD if token.startswith("aws:s3/")},
}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    root: Path = tmp_path_factory.mktemp("cloud")
    emulator.start(root)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.environment(root).items():
            patch.setenv(name, value)
        with served(AwsStandIn(Record(root / "record.json"))) as port:
            engine = Engine(port)
            engine.configure(region=REGION)
            yield engine
    emulator.stop(root)


@pytest.mark.parametrize("token", GOOD)
def test_what_is_gone_reads_as_gone_and_deletes_in_peace(aws: Engine, token: str) -> None:
    about: dict[str, Any] = {
        "id": IDS[token],
        "urn": urn(token),
        "properties": encode({**GOOD[token], "region": REGION}),
    }
    read = aws.stub.Read(provider_pb2.ReadRequest(inputs=encode(GOOD[token]), **about))
    assert read.id == ""
    aws.stub.Delete(provider_pb2.DeleteRequest(old_inputs=encode(GOOD[token]), **about))
