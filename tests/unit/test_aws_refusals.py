"""Values that AWS, or its official provider, refuses: the stand-in refuses each in Check, before anything is made."""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from localcloud.aws.model import rehearse
from localcloud.aws.provider import AwsStandIn
from localcloud.aws.record import Record
from localcloud.aws.session import Session
from localcloud.aws.table import KINDS
from localcloud.providers.kinds import Call
from localcloud.providers.naming import named
from localcloud.providers.schema import resource_schema
from localcloud.providers.values import UNKNOWN
from tests.unit.aws_inputs import ACCOUNT, GOOD, IMAGES, POLICY, ROLE_ARN, TRUST
from tests.unit.aws_inputs import BUCKET_POLICY as BUCKET_TEXT
from tests.unit.test_aws_standin_protocol import NOWHERE, Engine, served

VPC, SUBNET, ROUTE = "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:ec2/route:Route"
EIP, NAT, ENDPOINT = "aws:ec2/eip:Eip", "aws:ec2/natGateway:NatGateway", "aws:ec2/vpcEndpoint:VpcEndpoint"
TABLE, JOIN = "aws:ec2/routeTable:RouteTable", "aws:ec2/routeTableAssociation:RouteTableAssociation"
GROUP, RULE = "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/securityGroupRule:SecurityGroupRule"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
ROLE, INLINE = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"
ATTACHED, ISSUER = (
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    ("aws:iam/openIdConnectProvider:OpenIdConnectProvider"),
)
BUCKET, VERSIONS = "aws:s3/bucket:Bucket", "aws:s3/bucketVersioning:BucketVersioning"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
BUCKET_POLICY, OWNERS = "aws:s3/bucketPolicy:BucketPolicy", "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
REPOSITORY, EXPIRY = "aws:ecr/repository:Repository", "aws:ecr/lifecyclePolicy:LifecyclePolicy"
KEY, ALIAS, LOGS = "aws:kms/key:Key", "aws:kms/alias:Alias", "aws:cloudwatch/logGroup:LogGroup"
CACHE = "aws:ecr/pullThroughCacheRule:PullThroughCacheRule"
MADE_ALIKE = "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate"
FILES, TARGET = "aws:efs/fileSystem:FileSystem", "aws:efs/mountTarget:MountTarget"
DATABASE, DATABASE_SUBNETS = "aws:rds/instance:Instance", "aws:rds/subnetGroup:SubnetGroup"
DATABASE_PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
PEOPLE, SIGN_IN = "aws:cognito/userPool:UserPool", "aws:cognito/userPoolDomain:UserPoolDomain"
APPLICATION, PERSON = "aws:cognito/userPoolClient:UserPoolClient", "aws:cognito/user:User"
PEOPLES_GROUP, MEMBER = "aws:cognito/userGroup:UserGroup", "aws:cognito/userInGroup:UserInGroup"
FILTER, ALARM = "aws:cloudwatch/logMetricFilter:LogMetricFilter", "aws:cloudwatch/metricAlarm:MetricAlarm"
VAULT, PLAN = "aws:backup/vault:Vault", "aws:backup/plan:Plan"
SELECTION = "aws:backup/selection:Selection"
BUDGET = "aws:budgets/budget:Budget"
ACL, ACL_OF = "aws:wafv2/webAcl:WebAcl", "aws:wafv2/webAclAssociation:WebAclAssociation"
TOPIC, SUBSCRIPTION = "aws:sns/topic:Topic", "aws:sns/topicSubscription:TopicSubscription"
BALANCER, LISTENER = "aws:lb/loadBalancer:LoadBalancer", "aws:lb/listener:Listener"
TARGETS, ATTACHMENT = "aws:lb/targetGroup:TargetGroup", "aws:autoscaling/attachment:Attachment"
CERTIFICATE, RECORD = "aws:acm/certificate:Certificate", "aws:route53/record:Record"
ISSUED = "aws:acm/certificateValidation:CertificateValidation"
CLUSTER, NODES, ADDON = "aws:eks/cluster:Cluster", "aws:eks/nodeGroup:NodeGroup", "aws:eks/addon:Addon"
ENTRY, ACCESS = "aws:eks/accessEntry:AccessEntry", "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"

PODS = "aws:eks/podIdentityAssociation:PodIdentityAssociation"

LONG = "x" * 2000
NO_PRINCIPAL = POLICY.replace('"Resource": "*"', '"Sid": "a"')

BAD: list[tuple[str, str, Any]] = [
    # A type, the path of an input (`a.b`, `a.0.b`), and its value; None takes it away.
    (VPC, "cidrBlock", "10.0.0.0"),
    (VPC, "cidrBlock", "10.0.0.0/8"),
    (VPC, "cidrBlock", "10.0.0.0/29"),
    (VPC, "cidrBlock", "10.0.0.1/16"),
    (VPC, "cidrBlock", "10.0.0.0/99"),
    (VPC, "instanceTenancy", "shared"),
    (VPC, "ipv4NetmaskLength", 20),
    (VPC, "tags", {f"key{number}": "x" for number in range(51)}),
    (VPC, "tags.aws:team", "a"),
    (VPC, "tags.team", "x" * 257),
    (VPC, f"tags.{'k' * 129}", "a"),
    (SUBNET, "cidrBlock", "10.0.0.0/15"),
    (SUBNET, "cidrBlock", "10.0.0.5/24"),
    (SUBNET, "cidrBlock", "ten"),
    (SUBNET, "availabilityZone", "us-west-2"),
    (SUBNET, "availabilityZoneId", "usw2-az1"),
    (SUBNET, "vpcId", "main"),
    (ROUTE, "destinationCidrBlock", "0.0.0.0"),
    (ROUTE, "destinationCidrBlock", None),
    (ROUTE, "destinationPrefixListId", "pl-1"),
    (ROUTE, "gatewayId", None),
    (ROUTE, "natGatewayId", "nat-1"),
    (TABLE, "routes.0.cidrBlock", "0.0.0.1/0"),
    (TABLE, "vpcId", "vpc"),
    (JOIN, "subnetId", None),
    (JOIN, "gatewayId", "igw-1"),
    (EIP, "domain", "internet"),
    (NAT, "connectivityType", "both"),
    (NAT, "connectivityType", "private"),
    (NAT, "privateIp", "10.0.0"),
    (NAT, "subnetId", "public"),
    (NAT, "allocationId", "203.0.113.1"),
    (ENDPOINT, "vpcEndpointType", "Gate"),
    (ENDPOINT, "policy", "{"),
    (ENDPOINT, "vpcId", "main"),
    (GROUP, "name", "sg-nodes"),
    (GROUP, "name", "x" * 256),
    (GROUP, "description", "für alle"),
    (GROUP, "description", "x" * 256),
    (GROUP, "ingress.0.cidrBlocks.0", "10.0.0.1/16"),
    (GROUP, "ingress.0.fromPort", 70000),
    (GROUP, "ingress.0.fromPort", 500),
    (GROUP, "ingress.0.protocol", "http"),
    (GROUP, "namePrefix", "x" * 230),
    (RULE, "type", "inbound"),
    (RULE, "cidrBlocks.0", "10.0.0.0/33"),
    (RULE, "cidrBlocks", None),
    (RULE, "self", True),
    (RULE, "sourceSecurityGroupId", "nodes"),
    (RULE, "toPort", 70000),
    (RULE, "fromPort", 90),
    (RULE, "description", "a\tb"),
    (RULE, "protocol", "tls"),
    (RULE, "securityGroupId", "nodes"),
    (TEMPLATE, "name", "x"),
    (TEMPLATE, "name", "a b c"),
    (TEMPLATE, "blockDeviceMappings.0.ebs.volumeType", "gp9"),
    (TEMPLATE, "blockDeviceMappings.0.ebs.encrypted", "yes"),
    (TEMPLATE, "blockDeviceMappings.0.ebs.volumeSize", 0),
    (TEMPLATE, "blockDeviceMappings.0.ebs.throughput", 100),
    (TEMPLATE, "metadataOptions.httpTokens", "sometimes"),
    (TEMPLATE, "metadataOptions.httpEndpoint", "on"),
    (TEMPLATE, "metadataOptions.httpPutResponseHopLimit", 65),
    (TEMPLATE, "tagSpecifications.0.resourceType", "node"),
    (TEMPLATE, "instanceType", "big"),
    (ROLE, "name", "x" * 65),
    (ROLE, "name", "a b"),
    (ROLE, "namePrefix", "x" * 39),
    (ROLE, "path", "teams"),
    (ROLE, "tags", {"team": "a", "Team": "b"}),
    (ROLE, "tags.R&D", "a"),
    (BUCKET, "tags.team", "R&D"),
    (ROLE, "maxSessionDuration", 60),
    (ROLE, "maxSessionDuration", 90000),
    (ROLE, "assumeRolePolicy", "{nonsense"),
    (ROLE, "assumeRolePolicy", NO_PRINCIPAL),
    (ROLE, "assumeRolePolicy", TRUST.replace('"Action"', '"Resource": "*", "Action"')),
    (ROLE, "description", LONG),
    (ROLE, "permissionsBoundary", "PowerUserAccess"),
    (ROLE, "managedPolicyArns", ["AmazonEKSWorkerNodePolicy"]),
    (INLINE, "policy", "[]"),
    (INLINE, "policy", POLICY.replace("Allow", "Permit")),
    (INLINE, "policy", POLICY.replace("*", "*" * 10300)),
    (INLINE, "role", ROLE_ARN),
    (INLINE, "name", "x" * 129),
    (ATTACHED, "policyArn", "AmazonEKSWorkerNodePolicy"),
    (ATTACHED, "role", ROLE_ARN),
    (ISSUER, "url", "http://issuer"),
    (ISSUER, "url", "https://issuer?a=b"),
    (ISSUER, "clientIdLists.0", "x" * 256),
    (ISSUER, "thumbprintLists.0", "abc"),
    (BUCKET, "bucket", "Team_Data"),
    (BUCKET, "bucket", "ab"),
    (BUCKET, "bucket", "192.168.0.1"),
    (BUCKET, "bucket", "a..b"),
    (BUCKET, "bucketPrefix", "x"),
    (VERSIONS, "versioningConfiguration.status", "On"),
    (VERSIONS, "versioningConfiguration.mfaDelete", "On"),
    (ENCRYPTION, "rules.0.applyServerSideEncryptionByDefault.sseAlgorithm", "AES128"),
    (BUCKET_POLICY, "policy", "nonsense"),
    (BUCKET_POLICY, "policy", "{}"),
    (BUCKET_POLICY, "policy", POLICY),
    (BUCKET_POLICY, "policy", BUCKET_TEXT.replace("team-data", "other")),
    (OWNERS, "rule.objectOwnership", "Mine"),
    (LIFECYCLE, "rules.0.status", "On"),
    (LIFECYCLE, "rules.0.id", "x" * 256),
    (LIFECYCLE, "rules.0.noncurrentVersionExpiration.noncurrentDays", 0),
    (LIFECYCLE, "rules.0.abortIncompleteMultipartUpload", {"daysAfterInitiation": -1}),
    (REPOSITORY, "name", "Team/Images"),
    (REPOSITORY, "name", "x"),
    (REPOSITORY, "imageTagMutability", "FIXED"),
    (REPOSITORY, "encryptionConfigurations.0.encryptionType", "AES128"),
    (REPOSITORY, "encryptionConfigurations.0.kmsKey", "secrets"),
    (EXPIRY, "policy", json.dumps(IMAGES)[:-1]),
    (EXPIRY, "policy", "{}"),
    (KEY, "deletionWindowInDays", 3),
    (KEY, "keyUsage", "ENCRYPT"),
    (KEY, "customerMasterKeySpec", "AES_256"),
    (KEY, "description", "x" * 8193),
    (KEY, "policy", "{}x"),
    (ALIAS, "name", "secrets"),
    (ALIAS, "name", "alias/aws/secrets"),
    (ALIAS, "name", "alias/a b"),
    (LOGS, "name", "a b"),
    (LOGS, "retentionInDays", 31),
    (LOGS, "kmsKeyId", "alias/secrets"),
    (LOGS, "logGroupClass", "RARE"),
    (CLUSTER, "name", "k.8"),
    (CLUSTER, "name", "x" * 101),
    (CLUSTER, "roleArn", "node"),
    (CLUSTER, "version", "latest"),
    (CLUSTER, "vpcConfig.publicAccessCidrs.0", "203.0.113.7/24"),
    (CLUSTER, "vpcConfig.subnetIds.0", "private"),
    (CLUSTER, "kubernetesNetworkConfig.serviceIpv4Cidr", "10.0.0.0/28"),
    (CLUSTER, "kubernetesNetworkConfig.ipFamily", "ipv5"),
    (CLUSTER, "enabledClusterLogTypes.0", "kubelet"),
    (CLUSTER, "encryptionConfig.resources.0", "configmaps"),
    (CLUSTER, "encryptionConfig.provider.keyArn", "alias/secrets"),
    (CLUSTER, "accessConfig.authenticationMode", "IAM"),
    (CLUSTER, "upgradePolicy.supportType", "FOREVER"),
    (NODES, "nodeGroupNamePrefix", "x" * 38),
    (NODES, "nodeGroupName", "nodes"),
    (NODES, "amiType", "UBUNTU"),
    (NODES, "capacityType", "CHEAP"),
    (NODES, "nodeRoleArn", "node"),
    (NODES, "instanceTypes.0", "m7g.xlarge"),
    (NODES, "instanceTypes.0", "large"),
    (NODES, "scalingConfig.desiredSize", 4),
    (NODES, "scalingConfig.minSize", -1),
    (NODES, "taints", [{"key": "a", "effect": "NoSchedule"}]),
    (NODES, "taints", [{"key": "x" * 64, "effect": "NO_SCHEDULE"}]),
    (NODES, "updateConfig", {"maxUnavailable": 101}),
    (NODES, "launchTemplate.id", "template"),
    (NODES, "diskSize", 100),
    (NODES, "subnetIds.0", "private"),
    (CACHE, "ecrRepositoryPrefix", "p" * 31),
    (CACHE, "credentialArn", f"arn:aws:secretsmanager:us-west-2:{'1' * 12}:secret:of-another-name-0123456789"),
    (MADE_ALIKE, "prefix", "Upper"),
    (MADE_ALIKE, "appliedFors.0", "PULL"),
    (MADE_ALIKE, "imageTagMutability", "FIXED"),
    (MADE_ALIKE, "lifecyclePolicy", "[]"),
    (FILES, "creationToken", "t" * 65),
    (FILES, "throughputMode", "fast"),
    (FILES, "lifecyclePolicies.0.transitionToIa", "AFTER_31_DAYS"),
    (FILES, "lifecyclePolicies.0.transitionToPrimaryStorageClass", "AFTER_2_ACCESSES"),
    (TARGET, "subnetId", "x" * 48),
    (TARGET, "ipAddress", "10.0.0"),
    (CERTIFICATE, "domainName", "kubeflow"),
    (CERTIFICATE, "domainName", f"{'k' * 250}.com"),
    (CERTIFICATE, "validationMethod", "HTTP"),
    (ISSUED, "certificateArn", "kubeflow.example.com"),
    (ATTACHMENT, "lbTargetGroupArn", "k"),
    (BALANCER, "name", "k" * 33),
    (BALANCER, "name", "internal-k"),
    (BALANCER, "idleTimeout", 4001),
    (BALANCER, "subnets.0", "public"),
    (BALANCER, "securityGroups.0", "people"),
    (BALANCER, "loadBalancerType", "classic"),
    (TARGETS, "port", 0),
    (TARGETS, "protocol", "HTTP2"),
    (TARGETS, "targetType", "node"),
    (TARGETS, "healthCheck.interval", 4),
    (TARGETS, "healthCheck.healthyThreshold", 1),
    (TARGETS, "healthCheck.port", "status"),
    (LISTENER, "port", 65536),
    (LISTENER, "protocol", "FTP"),
    (LISTENER, "loadBalancerArn", "k"),
    (LISTENER, "certificateArn", "k"),
    (LISTENER, "defaultActions.0.type", "answer"),
    (LISTENER, "defaultActions.0.targetGroupArn", "k"),
    (RECORD, "type", "ALIAS"),
    (RECORD, "zoneId", "example.com"),
    (RECORD, "ttl", -1),
    (RECORD, "records", None),
    (FILTER, "name", "a:b"),
    (FILTER, "logGroupName", "a group"),
    (ALARM, "name", "x" * 256),
    (ALARM, "comparisonOperator", "MoreThanThreshold"),
    (ALARM, "statistic", "Median"),
    (ALARM, "alarmActions", ["k-alarms"]),
    (ALARM, "evaluationPeriods", 0),
    (ALARM, "tags.aws:team", "a"),
    (VAULT, "name", "x" * 51),
    (VAULT, "kmsKeyArn", "alias/aws/backup"),
    (PLAN, "name", "daily backups"),
    (PLAN, "rules.0.lifecycle.deleteAfter", 0),
    (PLAN, "rules.0.targetVaultName", "a b"),
    (SELECTION, "iamRoleArn", "backup"),
    (ACL, "name", "k.address"),
    (ACL, "scope", "GLOBAL"),
    (ACL, "rules.0.statement.rateBasedStatement.limit", 5),
    (ACL, "rules.0.statement.rateBasedStatement.aggregateKeyType", "HOST"),
    (ACL, "visibilityConfig.metricName", "all of them"),
    (ACL_OF, "webAclArn", "k-address"),
    (BUDGET, "name", "k:monthly"),
    (BUDGET, "limitAmount", "much"),
    (BUDGET, "budgetType", "MONEY"),
    (BUDGET, "notifications.0.notificationType", "NEVER"),
    (BUDGET, "tags.aws:team", "a"),
    (TOPIC, "name", "k.alarms"),
    (SUBSCRIPTION, "topic", "k-alarms"),
    (SUBSCRIPTION, "protocol", "mail"),
    (PEOPLE, "name", "k/users"),
    (PEOPLE, "mfaConfiguration", "SOMETIMES"),
    (PEOPLE, "passwordPolicy.minimumLength", 5),
    (PEOPLE, "usernameAttributes", ["name"]),
    (PEOPLE, "accountRecoverySetting.recoveryMechanisms.0.priority", 3),
    (PEOPLE, "tags.aws:team", "a"),
    (SIGN_IN, "domain", "Kubeflow_Dev"),
    (APPLICATION, "allowedOauthFlows", ["password"]),
    (APPLICATION, "preventUserExistenceErrors", "OFF"),
    (APPLICATION, "userPoolId", "users"),
    (PEOPLES_GROUP, "name", ""),
    (PERSON, "desiredDeliveryMediums", ["PIGEON"]),
    (MEMBER, "groupName", ""),
    (DATABASE, "identifier", None),
    (DATABASE, "tags.aws:team", "a"),
    (DATABASE_SUBNETS, "tags.aws:team", "a"),
    (DATABASE_PARAMETERS, "tags.aws:team", "a"),
    (ADDON, "addonVersion", "latest"),
    (ADDON, "configurationValues", "replicas: 2"),
    (ADDON, "resolveConflictsOnCreate", "PRESERVE"),
    (ADDON, "resolveConflictsOnUpdate", "FORCE"),
    (ADDON, "serviceAccountRoleArn", "ebs"),
    (PODS, "roleArn", "node"),
    (PODS, "targetRoleArn", "node"),
    (ENTRY, "principalArn", "node"),
    (ENTRY, "principalArn", f"arn:aws:sts::{ACCOUNT}:assumed-role/node/me"),
    (ACCESS, "policyArn", "AmazonEKSClusterAdminPolicy"),
    (ACCESS, "policyArn", "arn:aws:iam::aws:policy/AdministratorAccess"),
    (ACCESS, "accessScope.type", "everything"),
]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", NOWHERE)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        with served(AwsStandIn(Record(tmp_path_factory.mktemp("record") / "record.json"))) as port:
            engine = Engine(port)
            engine.configure(region="us-west-2")
            yield engine


def changed(token: str, path: str, value: Any) -> dict[str, Any]:
    inputs = deepcopy(GOOD[token])
    at: Any = inputs
    *way, last = path.split(".")
    for name in way:
        at = at[int(name)] if isinstance(at, list) else at.setdefault(name, {})
    if isinstance(at, list):
        at[int(last)] = value
    elif value is None:
        at.pop(last)
    else:
        at[last] = value
    return inputs


def test_every_type_has_good_inputs_and_a_bad_value() -> None:
    assert GOOD.keys() == KINDS.keys()
    without_values = {
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        "aws:ec2/internetGateway:InternetGateway",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    }
    assert {token for token, _, _ in BAD} == KINDS.keys() - without_values
    assert len(BAD) > 100


@pytest.mark.parametrize("token", GOOD)
def test_good_inputs_pass_and_are_held_against_the_requests_they_become(aws: Engine, token: str) -> None:
    inputs = aws.inputs(token, GOOD[token])
    session = Session({"region": "us-west-2", "accessKey": "x", "secretKey": "x"}, Record(Path("/nowhere")))
    inputs = named(KINDS[token], inputs, {})
    asked = rehearse(KINDS[token], Call(session=session, urn="", name="main", inputs=inputs))
    assert asked, "the rehearsal ends before the first request"


def test_ec2_takes_any_character_in_a_tag(aws: Engine) -> None:
    assert aws.inputs(VPC, {**GOOD[VPC], "tags": {"R&D": "a#b"}})["tags"] == {"R&D": "a#b"}


@pytest.mark.parametrize("token", GOOD)
def test_what_is_not_known_yet_is_no_fault(aws: Engine, token: str) -> None:
    required = {name for name, type_ in resource_schema(token).inputs.items() if not type_.optional}
    for name in GOOD[token]:
        aws.inputs(token, {**GOOD[token], name: UNKNOWN})
    aws.inputs(token, dict.fromkeys(GOOD[token].keys() | required, UNKNOWN))


@pytest.mark.parametrize(
    ("token", "path", "value"), BAD, ids=[f"{t.split(':')[2]}-{p}-{str(v)[:20]}" for t, p, v in BAD]
)
def test_a_bad_value_is_refused_before_anything_is_made(aws: Engine, token: str, path: str, value: Any) -> None:
    answer = aws.check(token, changed(token, path, value))
    assert [failure.property for failure in answer.failures], "it passes"
    reason = answer.failures[0].reason
    assert reason.startswith(f"{token} `main`: `"), reason
    assert path.split(".")[0] in reason
    assert "\n" not in reason
    if isinstance(value, str) and len(value) < 60 and answer.failures[0].property.endswith(path.rpartition(".")[2]):
        assert repr(value) in reason
