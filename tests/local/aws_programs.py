"""The programs that the local tests of the aws stand-ins run, and what the tests change in them."""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_eks
import pulumi_random

from tests.local.stack import REGION

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


@dataclass
class Settings:
    """What the tests change between two runs of the platform program."""

    team: str = "a"
    public_cidr: str = "10.0.0.0/20"
    retention: int = 7


def platform(settings: Settings) -> None:
    """A network, identities, a bucket with its settings and a repository."""
    tags = {"team": settings.team}
    vpc = aws.ec2.Vpc("main", cidr_block="10.0.0.0/16", enable_dns_hostnames=True, tags={**tags, "Name": "main"})
    gateway = aws.ec2.InternetGateway("main", vpc_id=vpc.id, tags=tags)
    public = aws.ec2.Subnet(
        "public",
        vpc_id=vpc.id,
        cidr_block=settings.public_cidr,
        availability_zone=f"{REGION}a",
        map_public_ip_on_launch=True,
        tags={**tags, "kubernetes.io/role/elb": "1"},
    )
    private = aws.ec2.Subnet("private", vpc_id=vpc.id, cidr_block="10.0.64.0/18", availability_zone=f"{REGION}b")
    address = aws.ec2.Eip("nat", domain="vpc", opts=pulumi.ResourceOptions(depends_on=[gateway]))
    nat = aws.ec2.NatGateway("main", allocation_id=address.id, subnet_id=private.id)
    table = aws.ec2.RouteTable("public", vpc_id=vpc.id)
    aws.ec2.Route("out", route_table_id=table.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id)
    aws.ec2.RouteTableAssociation("public", route_table_id=table.id, subnet_id=public.id)
    inner = aws.ec2.RouteTable("private", vpc_id=vpc.id, routes=[{"cidr_block": "0.0.0.0/0", "nat_gateway_id": nat.id}])
    aws.ec2.RouteTableAssociation("private", route_table_id=inner.id, subnet_id=private.id)
    aws.ec2.VpcEndpoint(
        "s3", vpc_id=vpc.id, service_name=f"com.amazonaws.{REGION}.s3", route_table_ids=[table.id, inner.id]
    )
    aws.ec2.DefaultSecurityGroup("none", vpc_id=vpc.id)
    web = aws.ec2.SecurityGroup(
        "web",
        vpc_id=vpc.id,
        ingress=[{"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": ["10.0.0.0/16"]}],
        egress=[{"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"]}],
    )
    nodes = aws.ec2.SecurityGroup("nodes", vpc_id=vpc.id)
    aws.ec2.SecurityGroupRule(
        "from-web",
        type="ingress",
        security_group_id=nodes.id,
        protocol="tcp",
        from_port=80,
        to_port=80,
        source_security_group_id=web.id,
    )

    role = aws.iam.Role("node", assume_role_policy=TRUST, tags=tags)
    aws.iam.RolePolicyAttachment(
        "worker", role=role.name, policy_arn="arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"
    )
    bucket = aws.s3.Bucket("data", force_destroy=True, tags=tags)
    reading = bucket.arn.apply(
        lambda arn: json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": arn}]}
        )
    )
    aws.iam.RolePolicy("inline", role=role.name, policy=reading)
    aws.s3.BucketVersioning("data", bucket=bucket.id, versioning_configuration={"status": "Enabled"})
    aws.s3.BucketPublicAccessBlock(
        "data",
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        "data",
        bucket=bucket.id,
        rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}, "bucket_key_enabled": True}],
    )
    aws.s3.BucketLifecycleConfiguration(
        "data",
        bucket=bucket.id,
        rules=[
            {
                "id": "old",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "noncurrent_version_expiration": {"noncurrent_days": 30},
                "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
            }
        ],
    )
    aws.s3.BucketOwnershipControls("data", bucket=bucket.id, rule={"object_ownership": "BucketOwnerEnforced"})
    repository = aws.ecr.Repository(
        "images",
        image_tag_mutability="IMMUTABLE",
        image_scanning_configuration={"scan_on_push": True},
        force_delete=True,
        tags=tags,
    )
    rule = {
        "rulePriority": 1,
        "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 5},
        "action": {"type": "expire"},
    }
    aws.ecr.LifecyclePolicy("images", repository=repository.name, policy=json.dumps({"rules": [rule]}))
    key = aws.kms.Key("secrets", enable_key_rotation=True, deletion_window_in_days=7)
    aws.kms.Alias("secrets", name="alias/secrets", target_key_id=key.id)
    aws.cloudwatch.LogGroup("logs", name="/aws/eks/x/cluster", retention_in_days=settings.retention)
    pulumi.export("vpc", vpc.id)
    pulumi.export("public", public.id)
    pulumi.export("private", private.id)
    pulumi.export("bucket", bucket.id)
    pulumi.export("repository", repository.name)
    pulumi.export("role", role.name)


@dataclass
class Size:
    """The node group's size, disk and tags, and the cluster's logs, which the test changes."""

    desired: int = 2
    disk: int = 80
    team: str = "a"
    logs: tuple[str, ...] = ("api", "audit")


def cluster(size: Size) -> None:
    """A cluster as the platform makes it, with a node group and add-ons."""
    vpc = aws.ec2.Vpc("main", cidr_block="10.0.0.0/16")
    subnets = [
        aws.ec2.Subnet(zone, vpc_id=vpc.id, cidr_block=f"10.0.{index}.0/24", availability_zone=f"{REGION}{zone}")
        for index, zone in enumerate("ab")
    ]
    ids = [subnet.id for subnet in subnets]
    role = aws.iam.Role("node", assume_role_policy=TRUST)
    key = aws.kms.Key("secrets")
    made = pulumi_eks.Cluster(
        "eks",
        name="kubeflow",
        version="1.35",
        vpc_id=vpc.id,
        private_subnet_ids=ids,
        authentication_mode=pulumi_eks.AuthenticationMode.API,
        access_entries={
            "admin": pulumi_eks.AccessEntryArgs(
                principal_arn=role.arn,
                access_policies={
                    "all": pulumi_eks.AccessPolicyAssociationArgs(
                        policy_arn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
                        access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
                    )
                },
            )
        },
        create_oidc_provider=True,
        skip_default_node_group=True,
        public_access_cidrs=["192.0.2.0/24"],
        enabled_cluster_log_types=list(size.logs),
        encryption_config_key_arn=key.arn,
        upgrade_policy=aws.eks.ClusterUpgradePolicyArgs(support_type="STANDARD"),
        vpc_cni_options=pulumi_eks.VpcCniOptionsArgs(addon_version="v1.20.4-eksbuild.2", enable_prefix_delegation=True),
        kube_proxy_addon_options=pulumi_eks.KubeProxyAddonOptionsArgs(enabled=True, version="v1.35.0-eksbuild.2"),
        coredns_addon_options=pulumi_eks.CoreDnsAddonOptionsArgs(enabled=True, version="v1.12.4-eksbuild.1"),
        tags={"team": "a"},
    )
    template = aws.ec2.LaunchTemplate(
        "node",
        block_device_mappings=[{"device_name": "/dev/xvda", "ebs": {"volume_size": size.disk, "encrypted": "true"}}],
        tag_specifications=[{"resource_type": kind, "tags": {"Name": "node"}} for kind in ("instance", "volume")],
        tags={"team": size.team},
    )
    nodes = pulumi_eks.ManagedNodeGroup(
        "nodes",
        cluster=made,
        node_group_name_prefix="nodes-",
        node_role_arn=role.arn,
        instance_types=["m5.xlarge"],
        ami_type="AL2023_x86_64_STANDARD",
        launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
            id=template.id, version=template.latest_version.apply(lambda version: str(int(version)))
        ),
        tags={"team": size.team},
        scaling_config=aws.eks.NodeGroupScalingConfigArgs(min_size=1, desired_size=size.desired, max_size=7),
        labels={"pool": "main"},
    )
    password = pulumi_random.RandomPassword("db", length=24, special=False)
    pulumi.export("kubeconfig", made.kubeconfig)
    pulumi.export("kubeconfig_json", made.kubeconfig_json)
    pulumi.export("issuer", made.oidc_issuer)
    pulumi.export("provider", made.oidc_provider_arn)
    pulumi.export("nodes", nodes.node_group.status)
    pulumi.export("vpc", made.core.vpc_id)
    pulumi.export("group", made.node_security_group_id)
    pulumi.export("password", password.result)
