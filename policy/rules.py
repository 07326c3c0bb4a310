"""The rules, each a function from a resource to sentences; what is not known yet is never a violation."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infra.aws.iam import POD_ACCESS_TAG
from infra.kubeflow.credentials import assert_none_left
from ordering.errors import UserError
from policy.documents import listed, open_principals, wildcards
from policy.model import UNKNOWN, Resource, Rule

# Stacks that people rely on, by the first part of their name; any other may go at any time.
LASTING = ("prod", "production", "staging", "live")

# vCPUs of one node.
LARGEST_NODE, LARGEST_LASTING_NODE = 8, 64

WORLD = ("0.0.0.0/0", "::/0")

# What takes tags and costs something or holds something.
TAGGED = frozenset(
    (
        "aws:backup/vault:Vault",
        "aws:acm/certificate:Certificate",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:cognito/userPool:UserPool",
        "aws:ebs/volume:Volume",
        "aws:ec2/eip:Eip",
        "aws:ec2/instance:Instance",
        "aws:ec2/launchTemplate:LaunchTemplate",
        "aws:ec2/natGateway:NatGateway",
        "aws:ec2/subnet:Subnet",
        "aws:ec2/vpc:Vpc",
        "aws:ecr/repository:Repository",
        "aws:efs/fileSystem:FileSystem",
        "aws:eks/cluster:Cluster",
        "aws:eks/nodeGroup:NodeGroup",
        "aws:kms/key:Key",
        "aws:lb/loadBalancer:LoadBalancer",
        "aws:rds/instance:Instance",
        "aws:s3/bucket:Bucket",
    )
)

_SCHEME = "alb.ingress.kubernetes.io/scheme"

_BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")


def encryption(resource: Resource) -> Iterator[str]:
    """Disks, buckets, images and Kubernetes Secrets are encrypted at rest."""
    kind, inputs = resource.type, resource.inputs
    if kind in ("aws:ebs/volume:Volume", "aws:efs/fileSystem:FileSystem") and not _is(inputs, "encrypted"):
        yield "is not encrypted; set encrypted"
    elif kind in ("aws:rds/instance:Instance", "aws:rds/cluster:Cluster") and not _is(inputs, "storageEncrypted"):
        yield "is not encrypted; set storageEncrypted"
    elif kind in ("aws:ec2/launchTemplate:LaunchTemplate", "aws:ec2/instance:Instance"):
        for disk in _disks(resource):
            if not _is(disk, "encrypted"):
                yield "has a disk that is not encrypted; set encrypted on each"
    elif kind == "aws:eks/cluster:Cluster":
        config = inputs.get("encryptionConfig")
        if config is not UNKNOWN and "secrets" not in listed(_mapping(config).get("resources")):
            yield "keeps Kubernetes Secrets without a key of the stack's; set encryptionConfig for secrets"
    elif kind == "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration":
        for rule in _items(inputs.get("rules")):
            default = _mapping(rule.get("applyServerSideEncryptionByDefault"))
            if default.get("sseAlgorithm") not in ("AES256", "aws:kms", "aws:kms:dsse", UNKNOWN):
                yield "names no algorithm; use AES256 or aws:kms"
    elif (
        kind == "kubernetes:storage.k8s.io/v1:StorageClass"
        and inputs.get("provisioner") == "ebs.csi.aws.com"
        and not _is(_mapping(inputs.get("parameters")), "encrypted")
    ):
        yield "makes volumes that are not encrypted; set the parameter encrypted to 'true'"


def public_access(resource: Resource) -> Iterator[str]:
    """Nothing but a load balancer's HTTPS port is open to the internet, and no data is."""
    kind, inputs = resource.type, resource.inputs
    if kind in _BUCKETS and str(inputs.get("acl")).startswith(("public-", "authenticated-")):
        yield f"is public (acl {inputs['acl']}); remove the acl"
    elif kind == "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock":
        for switch in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"):
            if not _is(inputs, switch):
                yield f"leaves the bucket's public access possible; set {switch}"
    elif kind in (
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:ecr/repositoryPolicy:RepositoryPolicy",
        "aws:kms/key:Key",
    ):
        yield from open_principals(inputs.get("policy"))
    elif kind == "aws:ec2/securityGroup:SecurityGroup":
        for rule in _items(inputs.get("ingress")):
            # Beside HTTPS, HTTP is where people are sent on from (`listeners`).
            if not (_ports(rule) == (80, 80) and _open_to(inputs, 443) >= set(_sources(rule))):
                yield from _ingress(rule, _sources(rule))
    elif kind == "aws:ec2/securityGroupRule:SecurityGroupRule" and inputs.get("type") == "ingress":
        yield from _ingress(inputs, [*listed(inputs.get("cidrBlocks")), *listed(inputs.get("ipv6CidrBlocks"))])
    elif kind == "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":
        yield from _ingress(inputs, [inputs.get("cidrIpv4"), inputs.get("cidrIpv6")])
    elif kind == "aws:ec2/subnet:Subnet" and _says(inputs.get("mapPublicIpOnLaunch")):
        yield "gives every machine a public address; unset mapPublicIpOnLaunch"
    elif kind == "aws:ec2/instance:Instance" and _says(inputs.get("associatePublicIpAddress")):
        yield "has a public address; unset associatePublicIpAddress"
    elif kind == "aws:ec2/launchTemplate:LaunchTemplate":
        for interface in _items(inputs.get("networkInterfaces")):
            if _says(interface.get("associatePublicIpAddress")):
                yield "gives its machines public addresses; unset associatePublicIpAddress"
    elif kind == "aws:rds/instance:Instance" and _says(inputs.get("publiclyAccessible")):
        yield "is reached from the internet; unset publiclyAccessible"


def iam_wildcards(resource: Resource) -> Iterator[str]:
    """Policies name actions and resources, and roles name who takes them."""
    kind, inputs = resource.type, resource.inputs
    if not kind.startswith("aws:iam/"):
        return
    if re.search(r":(Role|User|Group)?Policy$", kind):
        yield from wildcards(inputs.get("policy"))
    elif kind == "aws:iam/role:Role":
        yield from open_principals(inputs.get("assumeRolePolicy"))
        for inline in _items(inputs.get("inlinePolicies")):
            yield from wildcards(inline.get("policy"))
    arns = listed(inputs.get("policyArn")) + listed(inputs.get("managedPolicyArns"))
    for arn in arns:
        if str(arn).endswith(("/AdministratorAccess", "/PowerUserAccess", "FullAccess")):
            yield f"has {str(arn).rpartition('/')[2]}, which allows `*`; attach a narrower policy"


def imds_v2(resource: Resource) -> Iterator[str]:
    """The metadata service wants a session token, and pods do not reach it, unless `podAccess` lets them."""
    if resource.type not in ("aws:ec2/launchTemplate:LaunchTemplate", "aws:ec2/instance:Instance"):
        return
    if resource.inputs.get("metadataOptions") is UNKNOWN:
        return
    options = _mapping(resource.inputs.get("metadataOptions"))
    if options.get("httpEndpoint") == "disabled":
        return
    if options.get("httpTokens") not in ("required", UNKNOWN):
        yield "answers metadata requests without a token (IMDSv1); set metadataOptions.httpTokens to required"
    hops = options.get("httpPutResponseHopLimit", 1)
    on_purpose = _mapping(resource.inputs.get("tags")).get(POD_ACCESS_TAG) == "node"
    if hops is not UNKNOWN and float(hops) > (2 if on_purpose else 1):
        yield "lets pods take the node's role; set metadataOptions.httpPutResponseHopLimit to 1"


def tags(resource: Resource) -> Iterator[str]:
    """What costs or holds something says which stack it belongs to."""
    given = resource.inputs.get("tags")
    if resource.type not in TAGGED or given is UNKNOWN:
        return
    wanted = {"pulumi:project": resource.project, "pulumi:stack": resource.stack}
    for key, value in wanted.items():
        found = _mapping(given).get(key)
        if found is not UNKNOWN and found != value:
            yield f"has the tag {key} {found!r}, not {value!r}; give it the stack's tags"


def known_passwords(resource: Resource) -> Iterator[str]:
    """No object carries a password or a key that ships with every copy of a release."""
    if not resource.type.startswith("kubernetes:") or not isinstance(resource.inputs.get("kind"), str):
        return
    if not isinstance(_mapping(resource.inputs.get("metadata")).get("name"), str):
        return
    try:
        assert_none_left([dict(resource.inputs)])
    except UserError as error:
        yield f"{error} Put a value of the stack's own in its place."


def instance_size(resource: Resource) -> Iterator[str]:
    """Nodes are no larger than the stack's kind needs."""
    if resource.type not in (
        "aws:ec2/instance:Instance",
        "aws:ec2/launchTemplate:LaunchTemplate",
        "aws:eks/nodeGroup:NodeGroup",
    ):
        return
    largest = LARGEST_LASTING_NODE if is_lasting(resource.stack) else LARGEST_NODE
    for name in listed(resource.inputs.get("instanceTypes")) + listed(resource.inputs.get("instanceType")):
        size = vcpus(str(name)) if name is not UNKNOWN else 0
        if size is None or size > largest:
            yield (
                f"has nodes of {name}, and stack {resource.stack} may have {largest} vCPUs a node; "
                "choose a smaller type in nodesInstanceType or nodePools"
            )


def public_endpoints(resource: Resource) -> Iterator[str]:
    """The Kubernetes API and the platform's doors are open to known addresses only."""
    kind, inputs = resource.type, resource.inputs
    if kind == "aws:eks/cluster:Cluster":
        vpc = _mapping(inputs.get("vpcConfig"))
        # EKS opens the endpoint, and to the world, unless it is told otherwise.
        if _is(vpc, "endpointPublicAccess", default=True) and vpc.get("endpointPublicAccess") is not UNKNOWN:
            sources = vpc.get("publicAccessCidrs", [WORLD[0]])
            if sources is not UNKNOWN and any(source in WORLD for source in listed(sources) or [WORLD[0]]):
                yield "has an API endpoint that the whole internet reaches; set clusterPublicAccessCidrs"
        return
    if kind == "aws:ec2/securityGroup:SecurityGroup" and _open_to(inputs, 443) & set(WORLD):
        yield "lets the whole internet try the platform's login; name who may in addressCidrs"
        return
    annotations = _mapping(_mapping(inputs.get("metadata")).get("annotations"))
    if kind == "kubernetes:core/v1:Service" and _mapping(inputs.get("spec")).get("type") == "LoadBalancer":
        prefix = "service.beta.kubernetes.io/aws-load-balancer"
        if annotations.get(f"{prefix}-scheme") != "internal" and not _says(annotations.get(f"{prefix}-internal")):
            yield f"makes a load balancer that the internet may reach; annotate it {prefix}-scheme: internal"
    elif kind == "kubernetes:networking.k8s.io/v1:Ingress" and annotations.get(_SCHEME) == "internet-facing":
        yield f"makes a load balancer that the internet reaches; annotate it {_SCHEME}: internal"


def listeners(resource: Resource) -> Iterator[str]:
    """A load balancer speaks TLS 1.2 and newer, and whoever comes by HTTP is sent to that."""
    if resource.type != "aws:lb/listener:Listener":
        return
    inputs = resource.inputs
    if inputs.get("protocol") == "HTTP":
        for action in _items(inputs.get("defaultActions")):
            if _mapping(action.get("redirect")).get("protocol") != "HTTPS":
                yield "answers over plain HTTP; let it redirect to HTTPS"
    elif inputs.get("protocol") == "HTTPS" and not _is_tls(inputs.get("sslPolicy")):
        yield f"takes old versions of TLS (sslPolicy {inputs.get('sslPolicy')}); use an ELBSecurityPolicy-TLS13-1-2 one"


def _is_tls(policy: Any) -> bool:
    return policy is UNKNOWN or bool(re.match(r"ELBSecurityPolicy-TLS13-1-[23]-", str(policy)))


def protected_data(resource: Resource) -> Iterator[str]:
    """In a stack that people rely on, what holds data is protected, and destroy does not empty it."""
    if not is_lasting(resource.stack):
        return
    if resource.type in (*_BUCKETS, "aws:backup/vault:Vault", "aws:ecr/repository:Repository"):
        if not resource.protect:
            yield "can be deleted by a destroy; set protect to true"
        if _says(resource.inputs.get("forceDestroy")) or _says(resource.inputs.get("forceDelete")):
            yield "is emptied by a destroy; set storageOnDestroy to keep"
    elif resource.type == "aws:eks/cluster:Cluster":
        if not _says(resource.inputs.get("deletionProtection")):
            yield "can be deleted with all that people made in it; set protect to true"
    elif resource.type == "aws:s3/bucketVersioning:BucketVersioning":
        status = _mapping(resource.inputs.get("versioningConfiguration")).get("status")
        if status not in ("Enabled", UNKNOWN):
            yield f"keeps no old versions (status {status}); enable it"


def is_lasting(stack: str) -> bool:
    """Whether people rely on a stack of this name: `prod`, `prod-eu`, `staging`.

    >>> is_lasting("prod-eu"), is_lasting("product-demo"), is_lasting("dev")
    (True, False, False)
    """
    return stack.partition("-")[0] in LASTING


def vcpus(instance_type: str) -> int | None:
    """The vCPUs that the size of an EC2 instance type stands for; None for a size that names none, such as metal.

    >>> vcpus("m5.large"), vcpus("m5.4xlarge"), vcpus("m5.metal")
    (2, 16, None)
    """
    size = instance_type.partition(".")[2]
    if size in ("nano", "micro", "small", "medium", "large"):
        return 2
    match = re.fullmatch(r"(\d*)xlarge", size)
    return 4 * int(match[1] or 1) if match else None


def _disks(resource: Resource) -> Iterator[Mapping[str, Any]]:
    if resource.type == "aws:ec2/instance:Instance":
        for field in ("rootBlockDevice", "ebsBlockDevices"):
            if resource.inputs.get(field) is not UNKNOWN:
                yield from (_mapping(disk) for disk in listed(resource.inputs.get(field)))
    for mapping in _items(resource.inputs.get("blockDeviceMappings")):
        if isinstance(mapping.get("ebs"), Mapping):
            yield mapping["ebs"]


def _ingress(rule: Mapping[str, Any], sources: list[Any]) -> Iterator[str]:
    ports = (rule.get("fromPort"), rule.get("toPort"))
    if any(source in WORLD for source in sources) and ports != (443, 443):
        yield f"lets the whole internet in on ports {ports[0]} to {ports[1]}; name who may"


def _sources(rule: Mapping[str, Any]) -> list[Any]:
    return [*listed(rule.get("cidrBlocks")), *listed(rule.get("ipv6CidrBlocks"))]


def _ports(rule: Mapping[str, Any]) -> tuple[Any, Any]:
    return rule.get("fromPort"), rule.get("toPort")


def _open_to(inputs: Mapping[str, Any], port: int) -> set[Any]:
    """Whom a security group lets in at a port."""
    return {one for rule in _items(inputs.get("ingress")) if _ports(rule) == (port, port) for one in _sources(rule)}


def _items(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in listed(value) if isinstance(item, Mapping)]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _says(value: Any) -> bool:
    """Whether a switch is on: providers take `true` as a boolean and, here and there, as a text."""
    return value is True or value == "true"


def _is(inputs: Mapping[str, Any], switch: str, *, default: bool = False) -> bool:
    """Whether a switch is on, or may be."""
    value = inputs.get(switch, default)
    return value is UNKNOWN or _says(value)


def _here(resource: Resource) -> Iterator[str]:
    return public_endpoints(resource) if not is_lasting(resource.stack) else iter(())


def _lasting(resource: Resource) -> Iterator[str]:
    return public_endpoints(resource) if is_lasting(resource.stack) else iter(())


def _rule(name: str, find: Callable[[Resource], Iterator[str]]) -> Rule:
    return Rule(name=name, description=find.__doc__ or name, level="mandatory", find=find)


RULES = (
    _rule("encryption", encryption),
    _rule("public-access", public_access),
    _rule("iam-wildcards", iam_wildcards),
    _rule("imds-v2", imds_v2),
    _rule("listeners", listeners),
    _rule("tags", tags),
    _rule("known-passwords", known_passwords),
    _rule("instance-size", instance_size),
    _rule("protected-data", protected_data),
    Rule(
        name="public-endpoints",
        description=f"{public_endpoints.__doc__} (Stacks that people rely on.)",
        level="mandatory",
        find=_lasting,
    ),
    Rule(
        name="public-endpoints-elsewhere",
        description=f"{public_endpoints.__doc__} (All other stacks.)",
        level="advisory",
        find=_here,
    ),
)
