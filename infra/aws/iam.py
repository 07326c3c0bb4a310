"""IAM documents: pure functions from names to policies, so that who may do what is read, and tested, in one place."""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

Document = dict[str, Any]

POD_ACCESS_TAG = "kubeflow-on-pulumi:pod-access"
"""Of a launch template: that its nodes let pods take their role, on purpose (`node`)."""

BACKUPS = "backups/"
"""Where `make upgrade` keeps its backups in the stack's bucket."""

# What IAM allows for the names of a role and of a policy in it, and S3 for a bucket's, less the provider's own suffix.
LONGEST_ROLE, LONGEST_POLICY, LONGEST_BUCKET = 64 - 8, 128 - 8, 63 - 8

NAMESPACE_TAG = "${aws:PrincipalTag/kubernetes-namespace}"
"""In a policy, the namespace of the pod that asks, which EKS Pod Identity tags its session with."""

CLUSTER_ADMIN_POLICY = "AmazonEKSClusterAdminPolicy"
# Reads most of what is in namespaces, and no Secret ("Review access policy permissions", EKS user guide).
CLUSTER_VIEW_POLICY = "AmazonEKSViewPolicy"


def longest_stack_name(project: str) -> int:
    """How long a stack's name may be: pulumi-eks (4.4, cluster.ts) names its role after it, and shortens nothing.

    >>> longest_stack_name("kubeflow")
    30
    """
    return LONGEST_ROLE - len(f"{project}--eks-eksRole-role")


def access_entry_name(arn: str) -> str:
    """A name for the access entry of a user or role: `role-team-ops` for `arn:aws:iam::123456789012:role/team/ops`."""
    return arn.rpartition(":")[2].replace("/", "-")


def partition(region: str) -> str:
    """The part of AWS that a region belongs to, as it stands in ARNs."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def plain(name: str) -> str:
    """A name with hyphens in the place of dots, for services that take letters, digits and hyphens alone.

    >>> plain("kubeflow-v1.2-address")
    'kubeflow-v1-2-address'
    """
    return re.sub(r"[^A-Za-z0-9-]+", "-", name)


def fitting(name: str, longest: int) -> str:
    """A name of at most `longest` characters: itself, or its start and a hash that keeps two long names apart.

    The provider adds 8 random characters to what it names after a resource, and fails when there is no room for them.
    """
    if len(name) <= longest:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: longest - len(digest) - 1].rstrip('-')}-{digest}"


def managed_policy(region: str, name: str) -> str:
    """The ARN of a policy that AWS keeps."""
    return f"arn:{partition(region)}:iam::aws:policy/{name}"


def document(*statements: Document) -> Document:
    """A policy of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def service_trust_policy(service: str, *, account: str | None = None) -> Document:
    """Lets an AWS service (`ec2.amazonaws.com`) take the role; with `account`, for what that account asks alone."""
    statement: Document = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if account is not None:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": account}}
    return document(statement)


def principal_trust_policy(principals: Sequence[str]) -> Document:
    """Lets users, roles or a whole account (`arn:…:root`: all whom its own policies allow) take the role."""
    return document({"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole"})


def account_root(region: str, account: str) -> str:
    """The ARN that stands for everybody in an account."""
    return f"arn:{partition(region)}:iam::{account}:root"


def oidc_issuer(provider_arn: str) -> str:
    """The issuer, without `https://`, of an IAM OIDC provider; ValueError if the ARN is of something else."""
    _, found, issuer = provider_arn.partition(":oidc-provider/")
    if not found or not issuer:
        raise ValueError(f"{provider_arn!r} is not the ARN of an OIDC provider")
    return issuer


def irsa_trust_policy(provider_arn: str, issuer: str, namespace: str, service_account: str) -> Document:
    """Lets one Kubernetes service account of one cluster take the role.

    Both conditions are needed: without `sub` every account of the cluster could, and without `aud` a token that was
    made for somebody else would do.
    """
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Federated": provider_arn},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    f"{issuer}:sub": f"system:serviceaccount:{namespace}:{service_account}",
                    f"{issuer}:aud": "sts.amazonaws.com",
                }
            },
        }
    )


def pod_identity_trust_policy(cluster: str, namespace: str, service_account: str) -> Document:
    """Lets EKS take the role for the pods of one service account of one cluster, whatever is associated with it.

    EKS tags each session with where its pod is (EKS user guide, "Grant Pods access to AWS resources based on tags").
    """
    tags = {
        "eks-cluster-name": cluster,
        "kubernetes-namespace": namespace,
        "kubernetes-service-account": service_account,
    }
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {"StringEquals": {f"aws:RequestTag/{key}": value for key, value in tags.items()}},
        }
    )


def describe_cluster_policy(region: str, account: str, cluster: str) -> Document:
    """What `aws eks update-kubeconfig` asks for; all else the cluster's own access entry decides."""
    arn = f"arn:{partition(region)}:eks:{region}:{account}:cluster/{cluster}"
    return document({"Effect": "Allow", "Action": ["eks:DescribeCluster"], "Resource": arn})


def bucket_policy(bucket_arn: str, prefixes: Sequence[str]) -> Document:
    """Objects under some prefixes (`private/team/`), to read, write and delete.

    With the prefix `` all of them, but for backups, which hold everybody's Secrets.
    """
    # The two multipart actions let an upload that broke off be taken up again, or cleared away.
    actions = [
        "s3:GetObject",
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
    ]
    listing: Document = {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": bucket_arn}
    if "" not in prefixes:
        # A request that names no prefix, such as HeadBucket, has no such key, and then not even `*` fits.
        listing["Condition"] = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}}
    backups: Document = {"Effect": "Deny", "Action": ["s3:*"], "Resource": f"{bucket_arn}/{BACKUPS}*"}
    return document(
        {"Effect": "Allow", "Action": ["s3:GetBucketLocation"], "Resource": bucket_arn},
        listing,
        {"Effect": "Allow", "Action": actions, "Resource": [f"{bucket_arn}/{prefix}*" for prefix in prefixes]},
        *([backups] if "" in prefixes else ()),
    )


def repository_policy(repository_arn: str, *more: Document) -> Document:
    """Pull the images of one repository; `more` are statements beside it."""
    return document(
        *more,
        # A token is for the whole registry: AWS accepts no narrower resource here.
        {"Effect": "Allow", "Action": ["ecr:GetAuthorizationToken"], "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": [
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:DescribeImages",
                "ecr:GetDownloadUrlForLayer",
            ],
            "Resource": repository_arn,
        },
    )


def tls_only_policy(bucket_arn: str, *more: Document) -> Document:
    """Denies every request to a bucket that is not encrypted on its way; `more` are statements beside it."""
    return document(
        *more,
        {
            "Sid": "DenyPlainHttp",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [bucket_arn, f"{bucket_arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )


def balancer_logs(account: str, bucket_arn: str, prefix: str) -> Document:
    """Lets load balancers of an account write their logs under a prefix of a bucket, and nothing else.

    The principal is that of all regions (Elastic Load Balancing user guide, "Access logs for your ALB", step 2).
    """
    return {
        "Sid": "WriteAccessLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"{bucket_arn}/{prefix}/AWSLogs/{account}/*",
    }


def to_json(policy: Document) -> str:
    """A policy as AWS takes it, the same text for the same policy."""
    return json.dumps(policy, sort_keys=True)
