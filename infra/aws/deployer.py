"""What whoever deploys needs on AWS, from the types of resources that the program makes.

For each type: the calls by which its provider makes, changes, tags and deletes it, from the services' API references;
reads are named whole where the names allow, for a provider's next version reads more. `python -m infra.aws.deployer`
prints the policy, with `options` what settings that are off by default take beside it, and with `preview` that of
whoever previews only.
"""

import json
import sys
from collections.abc import Iterable

from infra.aws.iam import BACKUPS, Document, document

# By type: actions of the service in front, or of several between semicolons. Read actions of a service are below, once
# for all its types.
TYPES = {
    "aws:acm/certificate:Certificate": (
        "acm: RequestCertificate DeleteCertificate AddTagsToCertificate RemoveTagsFromCertificate"
    ),
    "aws:acm/certificateValidation:CertificateValidation": "acm: DescribeCertificate",
    "aws:autoscaling/attachment:Attachment": (
        "autoscaling: AttachLoadBalancerTargetGroups DetachLoadBalancerTargetGroups"
    ),
    "aws:backup/plan:Plan": "backup: CreateBackupPlan UpdateBackupPlan DeleteBackupPlan TagResource UntagResource",
    "aws:backup/selection:Selection": "backup: CreateBackupSelection DeleteBackupSelection",
    # The key of AWS's own that encrypts a vault lets in whoever comes through AWS Backup.
    "aws:backup/vault:Vault": (
        # With `make restore`.
        "backup: CreateBackupVault DeleteBackupVault DeleteRecoveryPoint StartRestoreJob TagResource UntagResource; "
        "backup-storage: MountCapsule"
    ),
    "aws:budgets/budget:Budget": "budgets: ModifyBudget TagResource UntagResource",
    "aws:cloudwatch/logGroup:LogGroup": (
        "logs: CreateLogGroup DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy TagResource UntagResource"
    ),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": "logs: PutMetricFilter DeleteMetricFilter",
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("cloudwatch: PutMetricAlarm DeleteAlarms TagResource UntagResource"),
    "aws:cognito/user:User": "cognito-idp: AdminCreateUser AdminUpdateUserAttributes AdminDeleteUser",
    "aws:cognito/userGroup:UserGroup": "cognito-idp: CreateGroup UpdateGroup DeleteGroup",
    "aws:cognito/userInGroup:UserInGroup": "cognito-idp: AdminAddUserToGroup AdminRemoveUserFromGroup",
    "aws:cognito/userPool:UserPool": (
        "cognito-idp: CreateUserPool UpdateUserPool DeleteUserPool SetUserPoolMfaConfig TagResource UntagResource"
    ),
    "aws:cognito/userPoolClient:UserPoolClient": (
        "cognito-idp: CreateUserPoolClient UpdateUserPoolClient DeleteUserPoolClient"
    ),
    "aws:cognito/userPoolDomain:UserPoolDomain": (
        "cognito-idp: CreateUserPoolDomain UpdateUserPoolDomain DeleteUserPoolDomain"
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
    # EC2 associates a zone of names in the deployer's name (Service Authorization Reference, "Amazon EC2").
    "aws:ec2/vpcEndpoint:VpcEndpoint": (
        "ec2: CreateVpcEndpoint ModifyVpcEndpoint DeleteVpcEndpoints; route53: AssociateVPCWithHostedZone"
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": "ecr: PutLifecyclePolicy DeleteLifecyclePolicy",
    "aws:ecr/pullThroughCacheRule:PullThroughCacheRule": (
        "ecr: CreatePullThroughCacheRule UpdatePullThroughCacheRule DeletePullThroughCacheRule; "
        "secretsmanager: DescribeSecret"
    ),
    "aws:ecr/repository:Repository": (
        "ecr: CreateRepository PutImageTagMutability PutImageScanningConfiguration DeleteRepository BatchDeleteImage "
        "TagResource UntagResource"
    ),
    "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate": (
        "ecr: CreateRepositoryCreationTemplate UpdateRepositoryCreationTemplate DeleteRepositoryCreationTemplate"
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
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": (
        "eks: CreatePodIdentityAssociation UpdatePodIdentityAssociation DeletePodIdentityAssociation"
    ),
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
    "aws:lb/listener:Listener": (
        "elasticloadbalancing: CreateListener ModifyListener ModifyListenerAttributes DeleteListener AddTags RemoveTags"
    ),
    "aws:lb/loadBalancer:LoadBalancer": (
        "elasticloadbalancing: CreateLoadBalancer ModifyLoadBalancerAttributes SetSecurityGroups SetSubnets "
        "DeleteLoadBalancer AddTags RemoveTags"
    ),
    "aws:lb/targetGroup:TargetGroup": (
        "elasticloadbalancing: CreateTargetGroup ModifyTargetGroup ModifyTargetGroupAttributes DeleteTargetGroup "
        "AddTags RemoveTags"
    ),
    "aws:route53/record:Record": "route53: ChangeResourceRecordSets",
    "aws:rds/instance:Instance": (
        "rds: CreateDBInstance ModifyDBInstance RebootDBInstance DeleteDBInstance CreateDBSnapshot DeleteDBSnapshot "
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
    "aws:sns/topic:Topic": "sns: CreateTopic SetTopicAttributes DeleteTopic TagResource UntagResource",
    "aws:sns/topicSubscription:TopicSubscription": "sns: Subscribe SetSubscriptionAttributes Unsubscribe",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "ec2: AuthorizeSecurityGroupEgress",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "ec2: AuthorizeSecurityGroupIngress",
    "aws:wafv2/webAcl:WebAcl": "wafv2: CreateWebACL UpdateWebACL DeleteWebACL TagResource UntagResource",
    # They want a right at the load balancer, too: SetWebACL (Service Authorization Reference, "AWS WAF V2",
    # AssociateWebACL), and those that the same reference has in its table of Elastic Load Balancing V2.
    "aws:wafv2/webAclAssociation:WebAclAssociation": (
        "wafv2: AssociateWebACL DisassociateWebACL; elasticloadbalancing: CreateWebACLAssociation "
        "DeleteWebACLAssociation SetWebACL"
    ),
}

# What a setting brings that is off by default. IAM bounds each managed policy, so what these take is one of its own.
_OPTIONAL = (
    "aws:acm/",
    "aws:autoscaling/",
    "aws:backup/",
    "aws:budgets/",
    "aws:cloudwatch/logMetricFilter:",
    "aws:cloudwatch/metricAlarm:",
    "aws:cognito/",
    "aws:ecr/pullThroughCacheRule:",
    "aws:ecr/repositoryCreationTemplate:",
    "aws:efs/",
    "aws:eks/podIdentityAssociation:",
    "aws:lb/",
    "aws:rds/",
    "aws:route53/",
    "aws:sns/",
    "aws:wafv2/",
)
CORE = tuple(one for one in TYPES if not one.startswith(_OPTIONAL))

# No object and no secret is read by these.
_READS = {
    "acm": "DescribeCertificate ListCertificates ListTagsForCertificate",
    "autoscaling": "DescribeAutoScalingGroups",
    "backup": (
        "DescribeBackupVault DescribeRecoveryPoint DescribeRestoreJob GetBackupPlan GetBackupSelection "
        "GetRecoveryPointRestoreMetadata ListBackupPlans ListBackupSelections ListBackupVaults "
        "ListRecoveryPointsByBackupVault ListTags"
    ),
    "budgets": "ListTagsForResource ViewBudget",
    "cloudwatch": "DescribeAlarms ListTagsForResource",
    "cognito-idp": (
        "AdminGetUser AdminListGroupsForUser DescribeUserPool DescribeUserPoolClient DescribeUserPoolDomain GetGroup "
        "GetUserPoolMfaConfig ListTagsForResource ListUserPools"
    ),
    "ec2": "Describe* GetSecurityGroupsForVpc",
    "ecr": (
        "DescribeImages DescribePullThroughCacheRules DescribeRepositories DescribeRepositoryCreationTemplates "
        "GetLifecyclePolicy GetRepositoryPolicy ListImages ListTagsForResource"
    ),
    "eks": "Describe* List*",
    "elasticfilesystem": "Describe* ListTagsForResource",
    "elasticloadbalancing": "Describe* GetLoadBalancerWebACL",
    "iam": (
        "GetOpenIDConnectProvider GetRole GetRolePolicy ListAttachedRolePolicies ListInstanceProfilesForRole "
        "ListOpenIDConnectProviders ListRolePolicies ListRoleTags"
    ),
    "kms": "DescribeKey GetKeyPolicy GetKeyRotationStatus ListAliases ListKeys ListResourceTags",
    "logs": "DescribeLogGroups DescribeMetricFilters ListTagsForResource",
    "route53": "GetChange GetHostedZone ListResourceRecordSets",
    "rds": "Describe* ListTagsForResource",
    # Whether a secret is there, and nothing of what it holds.
    "secretsmanager": "DescribeSecret",
    "sns": "GetSubscriptionAttributes GetTopicAttributes ListTagsForResource",
    "wafv2": "GetWebACL GetWebACLForResource ListTagsForResource ListWebACLs",
    "s3": (
        "GetAccelerateConfiguration GetBucket* GetEncryptionConfiguration GetLifecycleConfiguration "
        "GetReplicationConfiguration ListAllMyBuckets ListBucket ListBucketVersions ListTagsForResource"
    ),
}

# What the commands ask and delete beside the engine: doctor, cost and leftovers.
_ASKED = (
    "ce: ListCostAllocationTags",
    "servicequotas: GetServiceQuota ListAWSDefaultServiceQuotas",
    "sts: GetCallerIdentity",
)
_COMMANDS = (
    *_ASKED,
    "elasticloadbalancing: DeleteLoadBalancer",
    "ec2: DeleteNetworkInterface DeleteSnapshot DeleteVolume",
)

# `make mirror` pushes, in whoever's name it runs.
_MIRROR = (
    "ecr: BatchCheckLayerAvailability BatchGetImage CompleteLayerUpload GetAuthorizationToken "
    "GetDownloadUrlForLayer InitiateLayerUpload PutImage UploadLayerPart",
)

# Of these `leftovers` lists what is kept, whether or not the settings want it any more.
_LISTED = {"backup", "elasticfilesystem"}

# Public parameters of AWS's own, such as the image that it recommends for nodes; any other may be a secret.
_PARAMETERS: Document = {
    "Effect": "Allow",
    "Action": ["ssm:GetParameter"],
    "Resource": "arn:*:ssm:*::parameter/aws/service/eks/*",
}

# `make upgrade` saves everything first, and after a kill looks what was there; no other object is anybody's business.
_BACKUPS: Document = {
    "Effect": "Allow",
    "Action": ["s3:GetObject", "s3:PutObject"],
    "Resource": f"arn:*:s3:::*/{BACKUPS}*",
}

# Roles are handed to these, which make a role of their own when they are first used in an account.
_TAKERS = ("backup.amazonaws.com", "ec2.amazonaws.com", "eks.amazonaws.com", "pods.eks.amazonaws.com")
_LINKED = (
    "eks.amazonaws.com",
    "eks-nodegroup.amazonaws.com",
    "autoscaling.amazonaws.com",
    "elasticloadbalancing.amazonaws.com",
    "elasticfilesystem.amazonaws.com",
    "pullthroughcache.ecr.amazonaws.com",
    "rds.amazonaws.com",
    "backup.amazonaws.com",
    "spot.amazonaws.com",
)


def actions(types: Iterable[str]) -> list[str]:
    """All actions that deploying resources of these types takes, sorted; KeyError for a type that is not known."""
    rows = [*(row for one in types for row in TYPES[one].split("; ")), *_COMMANDS]
    services = {row.split(":")[0] for row in rows} | _LISTED
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


def options_policy() -> Document:
    """What whoever deploys needs beside `policy` for settings that are off by default."""
    core = set(actions(CORE))
    return document(*_by_service(sorted({*actions(TYPES), *_named(_MIRROR)} - core)))


def policies() -> list[Document]:
    """All that whoever deploys needs, whatever the settings say."""
    return [policy(), options_policy()]


def policy(types: Iterable[str] = CORE) -> Document:
    """The policy of whoever deploys; IAM bounds a managed policy to 6,144 characters without white space."""
    return document(
        *_by_service(actions(types)),
        _PARAMETERS,
        _BACKUPS,
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


def _by_service(named: Iterable[str]) -> list[Document]:
    by_service: dict[str, list[str]] = {}
    for action in named:
        by_service.setdefault(action.split(":")[0], []).append(action)
    return [_allowed(found) for found in by_service.values()]


if __name__ == "__main__":
    printed = {"preview": preview_policy, "options": options_policy}.get("".join(sys.argv[1:]), policy)
    print(json.dumps(printed(), indent=2))
