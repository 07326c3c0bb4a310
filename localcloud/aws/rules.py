"""What the official provider refuses in a plan, and AWS's models of the requests leave open.

Read in terraform-provider-aws (main of late 2025): internal/verify/validate.go, validate.go and the schemas of
internal/service/{ec2,ecr,eks,iam,kms,logs,s3}; what is AWS's own is said beside it.
"""

import json
import re

from localcloud.aws.checks import (
    Each,
    Fault,
    Only,
    Row,
    Whole,
    With,
    address,
    arn,
    between,
    block,
    both,
    https,
    json_object,
    length,
    matching,
    one_of,
    policy,
    trust,
)
from localcloud.aws.model import refusal
from localcloud.aws.optional import ROWS as OPTIONAL
from localcloud.providers.kinds import Kind
from localcloud.providers.naming import SUFFIX
from localcloud.providers.values import UNKNOWN, Properties

_LOG_DAYS = (0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)


def judge(kind: Kind, name: str, inputs: Properties) -> None:
    """Raises InvalidPropertyError for the first input of a resource that is refused."""
    tags = () if kind.retag is None else (_ANY_TAGS if kind.token.startswith("aws:ec2/") else _TAGS)
    for rule in (*_ROWS.get(kind.token, ()), *tags):
        for path, value, reason in rule.faults(inputs):
            raise refusal(kind, name, path, value, reason)


def _prefix(name: str, longest: int) -> Each:
    return Each(name, length(0, longest - SUFFIX))


# -- tags ----------------------------------------------------------------------------------------------------------


def _tags(inputs: Properties) -> Fault | None:
    tags = inputs.get("tags")
    if not isinstance(tags, dict):
        return None
    if len(tags) > 50:
        return "tags", None, f"with {len(tags)} entries, and AWS takes 50"
    for key, value in tags.items():
        path = f"tags.{key}"
        if not 1 <= len(key) <= 128 or key.lower().startswith("aws:"):
            return path, value, "whose name is not 1 to 128 characters, or is one of AWS's own (`aws:`)"
        if value is not UNKNOWN and len(value) > 256:
            return path, value, f"with {len(value)} characters, more than 256"
    return None


def _characters(inputs: Properties) -> Fault | None:
    """What every service takes; EC2 takes more (Tagging AWS resources, "Tag naming limits and requirements")."""
    tags = inputs.get("tags")
    for key, value in tags.items() if isinstance(tags, dict) else ():
        texts = (key,) if value is UNKNOWN else (key, value)
        if not all(re.fullmatch(r"[\w\s.:/=+@-]*", text) for text in texts):
            return f"tags.{key}", value, "with a character that is refused: letters, digits, spaces, _.:/=+-@ are taken"
    return None


_ANY_TAGS = (Whole(_tags),)
_TAGS = (*_ANY_TAGS, Whole(_characters))


def _same_tags(inputs: Properties) -> Fault | None:
    """IAM takes names that differ in case only for one (IAM user guide, "Rules for tagging in IAM and AWS STS")."""
    tags, seen = inputs.get("tags"), set[str]()
    for key, value in tags.items() if isinstance(tags, dict) else ():
        if key.lower() in seen:
            return f"tags.{key}", value, "and IAM takes no two names that differ in case only"
        seen.add(key.lower())
    return None


# -- what takes two inputs to tell ---------------------------------------------------------------------------------


def _sizes(inputs: Properties) -> Fault | None:
    size = inputs.get("scalingConfig")
    if not isinstance(size, dict):
        return None
    low, now, high = (size.get(name) for name in ("minSize", "desiredSize", "maxSize"))
    if all(isinstance(one, int) for one in (low, now, high)) and not low <= now <= high:  # type: ignore[operator]
        return "scalingConfig.desiredSize", now, f"which is not between minSize {low} and maxSize {high}"
    return None


def _architecture(inputs: Properties) -> Fault | None:
    ami, types = inputs.get("amiType"), inputs.get("instanceTypes")
    if not isinstance(ami, str) or ami == "CUSTOM" or not isinstance(types, list):
        return None
    for index, one in enumerate(types):
        # a1, and a `g` right after the generation (EC2 user guide, "Amazon EC2 instance type naming conventions").
        if isinstance(one, str) and ("ARM" in ami) != bool(re.match(r"(a1|[a-z]+\d+g[a-z]*)\.", one)):
            return f"instanceTypes[{index}]", one, f"which is of another architecture than amiType {ami}"
    return None


def _disk(inputs: Properties) -> Fault | None:
    if inputs.get("launchTemplate") is not None and inputs.get("diskSize") is not None:
        return "diskSize", inputs["diskSize"], "and the launch template of a node group says its disk's size"
    return None


def _ports(rule: Properties, path: str) -> Fault | None:
    if rule.get("protocol") not in ("tcp", "udp", "6", "17"):
        return None
    for name in ("fromPort", "toPort"):
        if isinstance(rule.get(name), int) and not 0 <= rule[name] <= 65535:
            return f"{path}{name}", rule[name], "which is not 0 to 65535"
    if (
        isinstance(rule.get("fromPort"), int)
        and isinstance(rule.get("toPort"), int)
        and rule["fromPort"] > rule["toPort"]
    ):
        return f"{path}fromPort", rule["fromPort"], f"which comes after toPort {rule['toPort']}"
    return None


def _inline_ports(inputs: Properties) -> Fault | None:
    for direction in ("ingress", "egress"):
        rules = inputs.get(direction)
        for index, rule in enumerate(rules if isinstance(rules, list) else ()):
            if isinstance(rule, dict) and (fault := _ports(rule, f"{direction}[{index}].")):
                return fault
    return None


def _all_ports(inputs: Properties) -> Fault | None:
    return _ports(inputs, "")


def _nat(inputs: Properties) -> Fault | None:
    if inputs.get("connectivityType") == "private" and inputs.get("allocationId") is not None:
        return "allocationId", inputs["allocationId"], "and a private NAT gateway (`connectivityType`) has none"
    return None


def _bucket_policy(inputs: Properties) -> Fault | None:
    """S3 takes a bucket's policy only if it names principals and nothing but this bucket."""
    bucket, text = inputs.get("bucket"), inputs.get("policy")
    if not isinstance(bucket, str) or not isinstance(text, str) or policy(20480)(text):
        return None
    statements = json.loads(text)["Statement"]
    for one in statements if isinstance(statements, list) else [statements]:
        if not one.keys() & {"Principal", "NotPrincipal"}:
            return "policy", text, "which is no bucket policy: a statement names no Principal"
        named = one.get("Resource", one.get("NotResource", []))
        for arn_ in named if isinstance(named, list) else [named]:
            if not re.fullmatch(rf"arn:[^:]+:s3:::{re.escape(bucket)}(/.*)?", str(arn_)):
                return "policy", text, f"which names {arn_}, not this bucket"
    return None


# -- the table -----------------------------------------------------------------------------------------------------

_BLOCK = block()
_GROUP_TEXT = both(
    length(0, 255),
    matching(r"[0-9A-Za-z_ .:/()#,@\[\]+=&;{}!$*-]*", "a text that EC2 takes (letters, digits, some signs)"),
)
_GROUP_NAME = both(_GROUP_TEXT, matching(r"(?!sg-).*", "a name: those that begin with sg- are EC2's"))
_PROTOCOL = matching(r"(?i)-1|all|tcp|udp|icmp|icmpv6|\d{1,3}", "a protocol: tcp, udp, icmp, -1 for all, or a number")
_TEMPLATE_NAME = both(length(3, 125), matching(r"[0-9A-Za-z()./_-]+", "a name of letters, digits and ()./_-"))
_ROLE_NAME = matching(r"[\w+=,.@-]*", "a name of letters, digits and +=,.@_-")
_CLUSTER_NAME = both(length(1, 100), matching(r"[0-9A-Za-z][A-Za-z0-9_-]*", "a cluster name"))
_BUCKET = matching(
    # Amazon S3 user guide, "General purpose bucket naming rules".
    r"(?!\d+\.\d+\.\d+\.\d+$)(?!xn--)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    "a bucket's name: 3 to 63 lower-case letters, digits, dots and dashes",
)
_NULLABLE = one_of("true", "false", "1", "0", "")
_VPC_ID = matching(r"vpc-[0-9a-zA-Z]+", "the id of a VPC")
_SUBNET_ID = matching(r"subnet-[0-9a-zA-Z]+", "the id of a subnet")
_GROUP_ID = matching(r"sg-[0-9a-zA-Z]+", "the id of a security group")
_RULE_SOURCES = ("cidrBlocks", "sourceSecurityGroupId", "self")
_DESTINATIONS = ("destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId")
_TARGETS = (
    "gatewayId",
    "natGatewayId",
    "carrierGatewayId",
    "coreNetworkArn",
    "egressOnlyGatewayId",
    "localGatewayId",
    "networkInterfaceId",
    "transitGatewayId",
    "vpcEndpointId",
    "vpcPeeringConnectionId",
)


def _inline(direction: str) -> tuple[Row, ...]:
    return (
        Each(f"{direction}.*.cidrBlocks.*", _BLOCK),
        Each(f"{direction}.*.description", _GROUP_TEXT),
        Each(f"{direction}.*.protocol", _PROTOCOL),
    )


_ROWS: dict[str, tuple[Row, ...]] = {
    **OPTIONAL,
    "aws:ec2/vpc:Vpc": (
        Each("cidrBlock", block(16, 28)),
        Each("instanceTenancy", one_of("default", "dedicated")),
        Each("ipv4NetmaskLength", between(16, 28)),
        Only(("cidrBlock", "ipv4NetmaskLength")),
        With("ipv4NetmaskLength", "ipv4IpamPoolId"),
    ),
    "aws:ec2/subnet:Subnet": (
        Each("vpcId", _VPC_ID),
        Each("cidrBlock", block(16, 28)),
        Each("availabilityZone", matching(r"[a-z]{2}(-[a-z]+)+-\d[a-z](-[a-z0-9-]+)?", "a zone like us-west-2a")),
        Only(("availabilityZone", "availabilityZoneId")),
    ),
    "aws:ec2/internetGateway:InternetGateway": (Each("vpcId", _VPC_ID),),
    "aws:ec2/eip:Eip": (Each("domain", one_of("vpc", "standard")), Only(("instance", "networkInterface"))),
    "aws:ec2/natGateway:NatGateway": (
        Each("subnetId", _SUBNET_ID),
        Each("allocationId", matching(r"eipalloc-[0-9a-zA-Z]+", "the id of an address")),
        Each("connectivityType", one_of("public", "private")),
        Each("privateIp", address),
        Whole(_nat),
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": (Each("vpcId", _VPC_ID), Each("policy", policy(20480))),
    "aws:ec2/routeTable:RouteTable": (Each("vpcId", _VPC_ID), Each("routes.*.cidrBlock", _BLOCK)),
    "aws:ec2/route:Route": (
        Each("destinationCidrBlock", _BLOCK),
        Only(_DESTINATIONS, needed=True),
        Only(_TARGETS, needed=True),
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": (
        Each("subnetId", _SUBNET_ID),
        Only(("subnetId", "gatewayId"), needed=True),
    ),
    "aws:ec2/securityGroup:SecurityGroup": (
        _prefix("namePrefix", 255),
        Each("vpcId", _VPC_ID),
        Each("name", _GROUP_NAME),
        Each("description", both(length(1, 255), _GROUP_TEXT)),
        *_inline("ingress"),
        *_inline("egress"),
        Whole(_inline_ports),
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": (
        Each("vpcId", _VPC_ID),
        *_inline("ingress"),
        *_inline("egress"),
        Whole(_inline_ports),
    ),
    "aws:ec2/securityGroupRule:SecurityGroupRule": (
        Each("type", one_of("ingress", "egress")),
        Each("securityGroupId", _GROUP_ID),
        Each("sourceSecurityGroupId", matching(r"(\d{12}/)?sg-[0-9a-zA-Z]+", "the id of a security group")),
        Each("protocol", _PROTOCOL),
        Each("cidrBlocks.*", _BLOCK),
        Each("description", _GROUP_TEXT),
        Only(_RULE_SOURCES),
        Whole(
            lambda inputs: (
                None
                if any(inputs.get(name) for name in (*_RULE_SOURCES, "ipv6CidrBlocks", "prefixListIds"))
                or UNKNOWN in inputs.values()
                else ("cidrBlocks", None, "and a rule needs a source, such as `cidrBlocks` or `self`")
            )
        ),
        Whole(_all_ports),
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": (
        _prefix("namePrefix", 125),
        Each("name", _TEMPLATE_NAME),
        Each("defaultVersion", between(1, 2**31)),
        Only(("defaultVersion", "updateDefaultVersion")),
        Only(("vpcSecurityGroupIds", "securityGroupNames")),
        Each("instanceType", matching(r"[a-z][a-z0-9-]*\.[a-z0-9-]+", "an instance type like m5.xlarge")),
        Each("blockDeviceMappings.*.ebs.encrypted", _NULLABLE),
        Each("blockDeviceMappings.*.ebs.deleteOnTermination", _NULLABLE),
        Each("blockDeviceMappings.*.ebs.volumeSize", between(1, 65536)),
        Each("blockDeviceMappings.*.ebs.throughput", between(125, 2000)),
        Each("blockDeviceMappings.*.ebs.kmsKeyId", arn),
        Each("metadataOptions.httpPutResponseHopLimit", between(1, 64)),
        Each("tagSpecifications.*.tags.*", length(0, 256)),
    ),
    "aws:iam/role:Role": (
        Whole(_same_tags),
        _prefix("namePrefix", 64),
        Each("name", both(length(1, 64), _ROLE_NAME)),
        Each("assumeRolePolicy", trust),
        Each("permissionsBoundary", arn),
        Each("managedPolicyArns.*", arn),
        Each("inlinePolicies.*.name", both(length(1, 128), _ROLE_NAME)),
        Each("inlinePolicies.*.policy", policy(10240)),
    ),
    "aws:iam/rolePolicy:RolePolicy": (
        _prefix("namePrefix", 128),
        Each("role", both(length(1, 64), matching(r"[\w+=,.@-]+", "a role's name (not its ARN)"))),
        Each("name", both(length(1, 128), _ROLE_NAME)),
        Each("policy", policy(10240)),
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": (
        Each("role", matching(r"[\w+=,.@-]+", "a role's name (not its ARN)")),
        Each("policyArn", arn),
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": (
        Whole(_same_tags),
        Each("url", https),
        Each("thumbprintLists.*", matching(r"[0-9a-fA-F]{40}", "a SHA-1 of 40 hex digits")),
    ),
    "aws:s3/bucket:Bucket": (_prefix("bucketPrefix", 63), Each("bucket", _BUCKET)),
    "aws:s3/bucketPolicy:BucketPolicy": (Each("policy", policy(20480)), Whole(_bucket_policy)),
    "aws:s3/bucketVersioning:BucketVersioning": (
        Each("versioningConfiguration.status", one_of("Enabled", "Suspended", "Disabled")),
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": (
        Each("rules.*.id", length(1, 255)),
        Each("rules.*.noncurrentVersionExpiration.noncurrentDays", between(1, 2**31)),
        Each("rules.*.abortIncompleteMultipartUpload.daysAfterInitiation", between(1, 2**31)),
        Each("rules.*.expiration.days", between(1, 2**31)),
    ),
    "aws:ecr/repository:Repository": (Each("encryptionConfigurations.*.kmsKey", arn),),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": (Each("policy", json_object),),
    "aws:kms/key:Key": (
        Each("policy", policy(32768)),
        Each("deletionWindowInDays", between(7, 30)),
        Each("rotationPeriodInDays", between(90, 2560)),
    ),
    "aws:kms/alias:Alias": (Each("name", matching(r"alias/(?!aws/)[0-9A-Za-z:/_-]+", "an alias like alias/name")),),
    "aws:cloudwatch/logGroup:LogGroup": (
        _prefix("namePrefix", 512),
        Each("retentionInDays", one_of(*_LOG_DAYS)),
        Each("kmsKeyId", arn),
    ),
    "aws:eks/cluster:Cluster": (
        Each("roleArn", arn),
        Each("version", matching(r"1\.\d{2}", "a version like 1.35")),
        Each("kubernetesNetworkConfig.serviceIpv4Cidr", both(block(12, 24), _BLOCK)),
        Each("vpcConfig.publicAccessCidrs.*", _BLOCK),
        Each("vpcConfig.subnetIds.*", _SUBNET_ID),
        Each("enabledClusterLogTypes.*", one_of("api", "audit", "authenticator", "controllerManager", "scheduler")),
        Each("encryptionConfig.resources.*", one_of("secrets")),
        Each("encryptionConfig.provider.keyArn", arn),
    ),
    "aws:eks/nodeGroup:NodeGroup": (
        _prefix("nodeGroupNamePrefix", 63),
        Each("clusterName", _CLUSTER_NAME),
        Each("nodeGroupName", both(length(1, 63), matching(r"[0-9A-Za-z][0-9A-Za-z_-]*", "a node group's name"))),
        Each("nodeRoleArn", arn),
        Each("subnetIds.*", _SUBNET_ID),
        Each("instanceTypes.*", matching(r"[a-z][a-z0-9-]*\.[a-z0-9-]+", "an instance type like m5.xlarge")),
        Each("scalingConfig.minSize", between(0, 2**31)),
        Each("scalingConfig.maxSize", between(1, 2**31)),
        Each("updateConfig.maxUnavailable", between(1, 100)),
        Each("updateConfig.maxUnavailablePercentage", between(1, 100)),
        Each("launchTemplate.id", matching(r"lt-[0-9a-z]+", "the id of a launch template")),
        Whole(_sizes),
        Whole(_architecture),
        Whole(_disk),
    ),
    "aws:eks/addon:Addon": (
        Each("clusterName", _CLUSTER_NAME),
        Each("addonVersion", matching(r"v\d+\.\d+\.\d+-eksbuild\.\d+", "a version like v1.2.3-eksbuild.1")),
        Each("configurationValues", json_object),
        Each("serviceAccountRoleArn", arn),
        Each("resolveConflictsOnCreate", one_of("NONE", "OVERWRITE")),
        Each("resolveConflictsOnUpdate", one_of("NONE", "OVERWRITE", "PRESERVE")),
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": (
        Each("roleArn", arn),
        Each("targetRoleArn", arn),
    ),
    "aws:eks/accessEntry:AccessEntry": (
        Each("clusterName", _CLUSTER_NAME),
        Each("principalArn", both(arn, matching(r"arn:[^:]+:iam::.*", "the ARN of an IAM role or user"))),
    ),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": (
        Each("clusterName", _CLUSTER_NAME),
        Each("principalArn", arn),
        Each("policyArn", both(arn, matching(r"arn:[^:]+:eks::aws:cluster-access-policy/\w+", "an access policy"))),
        Each("accessScope.type", one_of("cluster", "namespace")),
    ),
}
