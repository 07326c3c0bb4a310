"""The service role component, and the security groups of control plane and nodes."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi_aws import ec2, eks, iam

from localcloud.eks.inputs import merged_tags


class ServiceRole(pulumi.ComponentResource):
    """`eks:index:ServiceRole`: a role for an AWS service, with managed policies.

    `ready` is the role once its policies are attached.
    """

    def __init__(
        self,
        name: str,
        *,
        service: str,
        description: str | None,
        policies: Sequence[str],
        partition: str,
        tags: Any,
        actions: Sequence[str] = ("sts:AssumeRole",),
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("eks:index:ServiceRole", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        statement = {"Action": list(actions), "Effect": "Allow", "Principal": {"Service": [service]}}
        self.role = iam.Role(
            f"{name}-role",
            description=description,
            assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
            tags=tags,
            opts=child,
        )
        attached = []
        for policy in policies:
            # The real component names an attachment by a hash of the policy's name in the first partition.
            digest = hashlib.sha1(f"arn:aws:iam::aws:policy/{policy}".encode(), usedforsecurity=False).hexdigest()[:8]
            arn = f"arn:{partition}:iam::aws:policy/{policy}"
            attached.append(
                iam.RolePolicyAttachment(f"{name}-{digest}", policy_arn=arn, role=self.role.name, opts=child)
            )
        self.ready = pulumi.Output.all(*(attachment.id for attachment in attached)).apply(lambda _: self.role)
        self.attachments = attached
        self.register_outputs({"role": self.role})


def cluster_security_group(name: str, *, vpc_id: Any, tags: Any, opts: pulumi.ResourceOptions) -> ec2.SecurityGroup:
    """The control plane's own group, which may reach everything."""
    group = ec2.SecurityGroup(
        f"{name}-eksClusterSecurityGroup", vpc_id=vpc_id, revoke_rules_on_delete=True, tags=tags, opts=opts
    )
    _rule(
        f"{name}-eksClusterInternetEgressRule",
        "Allow internet access.",
        group.id,
        opts,
        type="egress",
        protocol="-1",
        from_port=0,
        to_port=0,
        cidr_blocks=["0.0.0.0/0"],
    )
    return group


def node_security_group(
    name: str,
    *,
    vpc_id: Any,
    cluster: eks.Cluster,
    cluster_group: ec2.SecurityGroup,
    tags: Any,
    opts: pulumi.ResourceOptions,
) -> tuple[ec2.SecurityGroup, ec2.SecurityGroupRule]:
    """The nodes' group with the rules that EKS asks for, and the rule that lets nodes reach the API server."""
    owned = cluster.name.apply(lambda known: {f"kubernetes.io/cluster/{known}": "owned"})
    group = ec2.SecurityGroup(
        f"{name}-nodeSecurityGroup",
        vpc_id=vpc_id,
        revoke_rules_on_delete=True,
        tags=merged_tags(owned, tags, Name=f"{name}-nodeSecurityGroup"),
        opts=opts,
    )
    _rule(
        f"{name}-eksNodeIngressRule",
        "Allow nodes to communicate with each other",
        group.id,
        opts,
        type="ingress",
        protocol="-1",
        from_port=0,
        to_port=0,
        self_=True,
    )
    _rule(
        f"{name}-eksNodeClusterIngressRule",
        "Allow worker Kubelets and pods to receive communication from the cluster control plane",
        group.id,
        opts,
        type="ingress",
        protocol="tcp",
        from_port=1025,
        to_port=65535,
        source_security_group_id=cluster_group.id,
    )
    _rule(
        f"{name}-eksExtApiServerClusterIngressRule",
        "Allow pods running extension API servers on port 443 to receive communication from cluster control plane",
        group.id,
        opts,
        type="ingress",
        protocol="tcp",
        from_port=443,
        to_port=443,
        source_security_group_id=cluster_group.id,
    )
    _rule(
        f"{name}-eksNodeInternetEgressRule",
        "Allow internet access.",
        group.id,
        opts,
        type="egress",
        protocol="-1",
        from_port=0,
        to_port=0,
        cidr_blocks=["0.0.0.0/0"],
    )
    ingress = _rule(
        f"{name}-eksClusterIngressRule",
        "Allow pods to communicate with the cluster API Server",
        cluster_group.id,
        opts,
        type="ingress",
        protocol="tcp",
        from_port=443,
        to_port=443,
        source_security_group_id=group.id,
    )
    return group, ingress


def _rule(
    name: str,
    description: str,
    group_id: pulumi.Output[str],
    opts: pulumi.ResourceOptions,
    *,
    self_: bool | None = None,
    **rule: Any,
) -> ec2.SecurityGroupRule:
    return ec2.SecurityGroupRule(
        name, description=description, security_group_id=group_id, self=self_, opts=opts, **rule
    )
