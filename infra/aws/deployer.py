"""What whoever deploys needs on AWS, from the types of resources that the program makes.

For each type: the calls by which its provider makes, changes, tags and deletes it, from the services' API references;
reads are named whole where the names allow, for a provider's next version reads more. `python -m infra.aws.deployer`
prints the policy, and with `preview` that of whoever previews only.
"""

import json
import sys
from collections.abc import Iterable

from infra.aws.iam import Document, document

# By type: actions of the service in front, or of several between semicolons. Read actions of a service are below, once
# for all its types.
TYPES = {
    "aws:cloudwatch/logGroup:LogGroup": (
        "logs: CreateLogGroup DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy TagResource UntagResource"
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "ec2: RevokeSecurityGroupIngress RevokeSecurityGroupEgress",
    "aws:ec2/eip:Eip": "ec2: AllocateAddress ReleaseAddress DisassociateAddress",
    "aws:ec2/internetGateway:InternetGateway": (
        "ec2: CreateInternetGateway AttachInternetGateway DetachInternetGateway DeleteInternetGateway"
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": (
        "ec2: CreateLaunchTemplate CreateLaunchTemplateVersion ModifyLaunchTemplate DeleteLaunchTemplate RunInstances"
    ),
    "aws:ec2/natGateway:NatGateway": "ec2: CreateNatGateway DeleteNatGateway",
    "aws:ec2/route:Route": "ec2: CreateRoute ReplaceRoute DeleteRoute",
    "aws:ec2/routeTable:RouteTable": "ec2: CreateRouteTable DeleteRouteTable",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": (
        "ec2: AssociateRouteTable ReplaceRouteTableAssociation DisassociateRouteTable"
    ),
    "aws:ec2/securityGroup:SecurityGroup": "ec2: CreateSecurityGroup DeleteSecurityGroup",
    "aws:ec2/securityGroupRule:SecurityGroupRule": (
        "ec2: AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress RevokeSecurityGroupIngress "
        "RevokeSecurityGroupEgress"
    ),
    "aws:ec2/subnet:Subnet": "ec2: CreateSubnet ModifySubnetAttribute DeleteSubnet",
    "aws:ec2/tag:Tag": "ec2: CreateTags DeleteTags",
    "aws:ec2/vpc:Vpc": "ec2: CreateVpc ModifyVpcAttribute DeleteVpc CreateTags DeleteTags",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "ec2: CreateVpcEndpoint ModifyVpcEndpoint DeleteVpcEndpoints",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": "ecr: PutLifecyclePolicy DeleteLifecyclePolicy",
    "aws:ecr/repository:Repository": (
        "ecr: CreateRepository PutImageTagMutability PutImageScanningConfiguration DeleteRepository BatchDeleteImage "
        "TagResource UntagResource"
    ),
    "aws:efs/fileSystem:FileSystem": (
        "elasticfilesystem: CreateFileSystem UpdateFileSystem PutLifecycleConfiguration DeleteFileSystem TagResource "
        "UntagResource"
    ),
    # EFS makes and deletes their interfaces in the deployer's name (EFS API reference, "CreateMountTarget").
    "aws:efs/mountTarget:MountTarget": (
        "elasticfilesystem: CreateMountTarget ModifyMountTargetSecurityGroups DeleteMountTarget; "
        "ec2: CreateNetworkInterface DeleteNetworkInterface"
    ),
    "aws:eks/accessEntry:AccessEntry": "eks: CreateAccessEntry UpdateAccessEntry DeleteAccessEntry",
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": "eks: AssociateAccessPolicy DisassociateAccessPolicy",
    "aws:eks/addon:Addon": "eks: CreateAddon UpdateAddon DeleteAddon",
    "aws:eks/cluster:Cluster": (
        "eks: CreateCluster UpdateClusterConfig UpdateClusterVersion DeleteCluster TagResource UntagResource"
    ),
    "aws:eks/nodeGroup:NodeGroup": "eks: CreateNodegroup UpdateNodegroupConfig UpdateNodegroupVersion DeleteNodegroup",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": (
        "iam: CreateOpenIDConnectProvider UpdateOpenIDConnectProviderThumbprint AddClientIDToOpenIDConnectProvider "
        "RemoveClientIDFromOpenIDConnectProvider DeleteOpenIDConnectProvider TagOpenIDConnectProvider "
        "UntagOpenIDConnectProvider"
    ),
    "aws:iam/role:Role": (
        "iam: CreateRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy DeleteRole TagRole UntagRole"
    ),
    "aws:iam/rolePolicy:RolePolicy": "iam: PutRolePolicy DeleteRolePolicy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "iam: AttachRolePolicy DetachRolePolicy",
    "aws:kms/alias:Alias": "kms: CreateAlias UpdateAlias DeleteAlias",
    # EKS encrypts with the key by a grant that it makes in the deployer's name.
    "aws:kms/key:Key": (
        "kms: CreateKey EnableKeyRotation DisableKeyRotation PutKeyPolicy UpdateKeyDescription ScheduleKeyDeletion "
        "TagResource UntagResource CreateGrant"
    ),
    "aws:rds/instance:Instance": (
        "rds: CreateDBInstance ModifyDBInstance RebootDBInstance DeleteDBInstance CreateDBSnapshot "
        "RestoreDBInstanceFromDBSnapshot AddTagsToResource RemoveTagsFromResource"
    ),
    "aws:rds/parameterGroup:ParameterGroup": (
        "rds: CreateDBParameterGroup ModifyDBParameterGroup ResetDBParameterGroup DeleteDBParameterGroup"
    ),
    "aws:rds/subnetGroup:SubnetGroup": "rds: CreateDBSubnetGroup ModifyDBSubnetGroup DeleteDBSubnetGroup",
    "aws:s3/bucket:Bucket": (
        "s3: CreateBucket DeleteBucket PutBucketTagging DeleteObject DeleteObjectVersion TagResource UntagResource"
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "s3: PutLifecycleConfiguration",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "s3: PutBucketOwnershipControls",
    "aws:s3/bucketPolicy:BucketPolicy": "s3: PutBucketPolicy DeleteBucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "s3: PutBucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "s3: PutEncryptionConfiguration"
    ),
    "aws:s3/bucketVersioning:BucketVersioning": "s3: PutBucketVersioning",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "ec2: AuthorizeSecurityGroupEgress",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "ec2: AuthorizeSecurityGroupIngress",
}

# No object and no secret is read by these.
_READS = {
    "ec2": "Describe* GetSecurityGroupsForVpc",
    "ecr": "DescribeImages DescribeRepositories GetLifecyclePolicy GetRepositoryPolicy ListImages ListTagsForResource",
    "eks": "Describe* List*",
    "elasticfilesystem": "Describe* ListTagsForResource",
    "iam": (
        "GetOpenIDConnectProvider GetRole GetRolePolicy ListAttachedRolePolicies ListInstanceProfilesForRole "
        "ListOpenIDConnectProviders ListRolePolicies ListRoleTags"
    ),
    "kms": "DescribeKey GetKeyPolicy GetKeyRotationStatus ListAliases ListKeys ListResourceTags",
    "logs": "DescribeLogGroups ListTagsForResource",
    "rds": "Describe* ListTagsForResource",
    "s3": (
        "GetAccelerateConfiguration GetBucket* GetEncryptionConfiguration GetLifecycleConfiguration "
        "GetReplicationConfiguration ListAllMyBuckets ListBucket ListBucketVersions ListTagsForResource"
    ),
}

# What the commands ask and delete beside the engine: doctor, cost and leftovers.
_ASKED = (
    "servicequotas: GetServiceQuota ListAWSDefaultServiceQuotas",
    "elasticloadbalancing: DescribeLoadBalancers DescribeTags",
    "sts: GetCallerIdentity",
)
_COMMANDS = (*_ASKED, "elasticloadbalancing: DeleteLoadBalancer", "ec2: DeleteNetworkInterface DeleteVolume")

# Public parameters of AWS's own, such as the image that it recommends for nodes; any other may be a secret.
_PARAMETERS: Document = {
    "Effect": "Allow",
    "Action": ["ssm:GetParameter"],
    "Resource": "arn:*:ssm:*::parameter/aws/service/eks/*",
}

# Roles are handed to these, which make a role of their own when they are first used in an account.
_TAKERS = ("ec2.amazonaws.com", "eks.amazonaws.com")
_LINKED = (
    "eks.amazonaws.com",
    "eks-nodegroup.amazonaws.com",
    "autoscaling.amazonaws.com",
    "elasticfilesystem.amazonaws.com",
    "rds.amazonaws.com",
    "spot.amazonaws.com",
)


def actions(types: Iterable[str]) -> list[str]:
    """All actions that deploying resources of these types takes, sorted; KeyError for a type that is not known."""
    rows = [*(row for one in types for row in TYPES[one].split("; ")), *_COMMANDS]
    services = {row.split(":")[0] for row in rows}
    rows += [f"{service}: {names}" for service, names in _READS.items() if service in services]
    return _named(rows)


def _named(rows: Iterable[str]) -> list[str]:
    return sorted(
        {f"{service}:{name}" for row in rows for service, _, names in [row.partition(": ")] for name in names.split()}
    )


def preview_policy() -> Document:
    """The policy of whoever previews a stack and runs `doctor`, and changes nothing."""
    asked = _named([*_ASKED, *(f"{service}: {names}" for service, names in _READS.items())])
    return document(_allowed(asked), _PARAMETERS)


def _allowed(named: list[str]) -> Document:
    return {"Effect": "Allow", "Action": named, "Resource": "*"}


def policy(types: Iterable[str] = tuple(TYPES)) -> Document:
    """The policy of whoever deploys; IAM bounds a managed policy to 6,144 characters without white space."""
    by_service: dict[str, list[str]] = {}
    for action in actions(types):
        by_service.setdefault(action.split(":")[0], []).append(action)
    return document(
        *(_allowed(named) for named in by_service.values()),
        _PARAMETERS,
        {
            "Effect": "Allow",
            "Action": ["iam:PassRole"],
            "Resource": "*",
            "Condition": {"StringEquals": {"iam:PassedToService": list(_TAKERS)}},
        },
        {
            "Effect": "Allow",
            "Action": ["iam:CreateServiceLinkedRole"],
            "Resource": "*",
            "Condition": {"StringEquals": {"iam:AWSServiceName": list(_LINKED)}},
        },
    )


if __name__ == "__main__":
    print(json.dumps(preview_policy() if sys.argv[1:] == ["preview"] else policy(), indent=2))
