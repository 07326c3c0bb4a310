"""The AWS half of the cluster autoscaler: a role of its own, which changes nothing but the cluster's own groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import iam as aws_iam

from infra.aws import iam
from infra.aws.pod_access import PodAccessArgs, account_role

# What it reads, for which AWS knows no narrower resource (cluster-autoscaler 1.35, cloudprovider/aws/README.md).
_READS = (
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeLaunchConfigurations",
    "autoscaling:DescribeScalingActivities",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:GetInstanceTypesFromInstanceRequirements",
)


@dataclass(frozen=True, kw_only=True)
class AutoscalerArgs:
    """The cluster, and the service account of it that takes the role."""

    cluster_name: str
    region: str
    account: str
    pods: PodAccessArgs
    namespace: str
    service_account: str
    tags: Mapping[str, str]


class Autoscaler(pulumi.ComponentResource):
    """The rights of the cluster autoscaler."""

    role_arn: pulumi.Output[str] | None
    """The role that its account has to name, if any."""
    ready: Sequence[pulumi.Resource]
    """What comes before its pods, for them to get their role, and for that to do something."""

    def __init__(self, name: str, args: AutoscalerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:Autoscaler", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        full = f"{name}-autoscaler"
        role = account_role(full, args.pods, args.namespace, args.service_account, args.tags, child)
        granted = aws_iam.RolePolicy(
            full,
            role=role.name,
            policy=iam.to_json(scaling_policy(args.region, args.account, args.cluster_name)),
            opts=child,
        )
        self.role_arn = role.annotated
        self.ready = [granted, *role.needs]
        self.register_outputs({"role_arn": self.role_arn})


def scaling_policy(region: str, account: str, cluster: str) -> iam.Document:
    """Read groups, types and templates; change the size of the groups that EKS has tagged as the cluster's.

    Of an empty group EKS says which labels and taints its nodes get, so that no tags have to.
    """
    groups = f"arn:{iam.partition(region)}:eks:{region}:{account}:nodegroup/{cluster}/*"
    return iam.document(
        {"Effect": "Allow", "Action": list(_READS), "Resource": "*"},
        {"Effect": "Allow", "Action": ["eks:DescribeNodegroup"], "Resource": groups},
        {
            "Effect": "Allow",
            "Action": ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
            "Resource": "*",
            "Condition": {"StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{cluster}": "owned"}},
        },
    )
