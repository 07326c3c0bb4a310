"""How service accounts get at AWS: by roles of their own, in one of two ways, or by that of the nodes.

By IRSA a pod brings its account's token to STS, which asks the cluster's OIDC provider in IAM. By EKS Pod Identity an
agent on the node asks EKS for it, which knows from an association which role an account has. Either way the pods of an
account get what they need from EKS's webhook when they are made, and what runs goes on as it began; where an account
has both, the association wins (amazon-eks-pod-identity-webhook v0.6.9, pkg/handler/handler.go, buildPodPatchConfig).
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import eks
from pulumi_aws import iam as aws_iam

from infra.aws import iam
from infra.settings.pod_access import PodAccess

# Seconds. An association "may take several seconds to be effective" (EKS API reference, CreatePodIdentityAssociation),
# and a pod that is made before that never gets its role.
EFFECTIVE = 10


@dataclass(frozen=True, kw_only=True)
class IssuerArgs:
    """IRSA: the cluster's OIDC provider in IAM and its issuer, without `https://`."""

    provider_arn: pulumi.Input[str]
    issuer: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class PodIdentityArgs:
    """EKS Pod Identity in a cluster, whose agent, where it is the stack's own, comes before the first association.

    Where they are not `associated`, roles stay and pods get them no more: what precedes another way.
    """

    cluster_name: pulumi.Input[str]
    agent: pulumi.Resource | None = None
    associated: bool = True


@dataclass(frozen=True, kw_only=True)
class NodeArgs:
    """No account has a role: what any of them needs, the nodes' role may, and with it every pod."""

    role: aws_iam.Role


PodAccessArgs = IssuerArgs | PodIdentityArgs | NodeArgs


@dataclass(frozen=True, kw_only=True)
class AccountRole:
    """Where the rights of a service account go.

    `name` is that of the role that policies belong to, `arn` what the account has for its own. `annotated` is what the
    account, or the add-on that makes it, has to say for its pods to get the role. `needs` come before its pods.
    """

    way: PodAccess
    name: pulumi.Output[str]
    arn: pulumi.Output[str] | None
    annotated: pulumi.Output[str] | None = None
    needs: Sequence[pulumi.Resource] = ()


def account_role(
    name: str,
    access: PodAccessArgs,
    namespace: str,
    service_account: str,
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> AccountRole:
    """A role that only one service account of the cluster can take, or the nodes' where accounts have none."""
    if isinstance(access, NodeArgs):
        return AccountRole(way="node", name=access.role.name, arn=None)
    role = aws_iam.Role(
        iam.fitting(name, iam.LONGEST_ROLE),
        description=f"For the service account {namespace}/{service_account}",
        assume_role_policy=_trust(access, namespace, service_account),
        tags=dict(tags),
        opts=opts,
    )
    if isinstance(access, IssuerArgs):
        return AccountRole(way="irsa", name=role.name, arn=role.arn, annotated=role.arn)
    needs = [_association(name, access, role, namespace, service_account, tags, opts)] if access.associated else []
    return AccountRole(way="pod-identity", name=role.name, arn=role.arn, needs=needs)


def _trust(access: IssuerArgs | PodIdentityArgs, namespace: str, service_account: str) -> pulumi.Output[str]:
    if isinstance(access, IssuerArgs):
        return pulumi.Output.all(access.provider_arn, access.issuer).apply(
            lambda known: iam.to_json(iam.irsa_trust_policy(known[0], known[1], namespace, service_account))
        )
    return pulumi.Output.from_input(access.cluster_name).apply(
        lambda cluster: iam.to_json(iam.pod_identity_trust_policy(cluster, namespace, service_account))
    )


def _association(
    name: str,
    access: PodIdentityArgs,
    role: aws_iam.Role,
    namespace: str,
    service_account: str,
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> eks.PodIdentityAssociation:
    async def effective(_: pulumi.ResourceHookArgs) -> None:
        await asyncio.sleep(EFFECTIVE)

    return eks.PodIdentityAssociation(
        name,
        cluster_name=access.cluster_name,
        namespace=namespace,
        service_account=service_account,
        role_arn=role.arn,
        tags=dict(tags),
        opts=pulumi.ResourceOptions.merge(
            opts,
            pulumi.ResourceOptions(
                depends_on=[access.agent] if access.agent else None,
                hooks=pulumi.ResourceHookBinding(after_create=[effective]),
            ),
        ),
    )
