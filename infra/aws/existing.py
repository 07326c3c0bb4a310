"""A cluster that exists: how a stack gets at it."""

from dataclasses import dataclass

import pulumi

from infra.aws import iam
from infra.aws.cluster import ClusterAccess, kubernetes_provider
from infra.aws.pod_access import IssuerArgs, PodAccessArgs, PodIdentityArgs
from infra.settings import ClusterSettings


@dataclass(frozen=True, kw_only=True)
class ExistingClusterArgs:
    """Where a cluster is: the settings name a context or another stack; `kubeconfig` is a file's content.

    `with_roles` says whether its service accounts may get roles in AWS. `forced` is as `kubernetes_provider` takes it,
    `associated` as `PodIdentityArgs` has it.
    """

    cluster: ClusterSettings
    kubeconfig: str | None
    with_roles: bool
    forced: bool = True
    associated: bool = True


def existing_cluster(name: str, args: ExistingClusterArgs, opts: pulumi.ResourceOptions | None = None) -> ClusterAccess:
    """Access to a cluster that is there; nothing is made in AWS.

    From a stack come `kubeconfig` and, with roles and unless it is given, `oidc_provider_arn`.
    """
    kubeconfig = pulumi.Output.secret(args.kubeconfig) if args.kubeconfig else None
    provider_arn: pulumi.Output[str] | None = None
    if args.cluster.stack:
        reference = pulumi.StackReference(args.cluster.stack)
        kubeconfig = pulumi.Output.secret(reference.require_output("kubeconfig"))
        provider_arn = reference.require_output("oidc_provider_arn") if args.with_roles else None
    if args.cluster.oidc_provider_arn:
        provider_arn = pulumi.Output.from_input(args.cluster.oidc_provider_arn)
    issuer = provider_arn.apply(iam.oidc_issuer) if provider_arn else None
    pods: PodAccessArgs | None = None
    if args.cluster.pod_access == "pod-identity":
        pods = PodIdentityArgs(cluster_name=args.cluster.name, associated=args.associated)
    elif provider_arn and issuer:
        pods = IssuerArgs(provider_arn=provider_arn, issuer=issuer)
    provider = kubernetes_provider(
        f"{name}-kubernetes",
        cluster=name,
        kubeconfig=kubeconfig,
        context=args.cluster.context,
        forced=args.forced,
        opts=opts,
    )
    return ClusterAccess(kubeconfig=kubeconfig, issuer=issuer, pods=pods, provider=provider)
