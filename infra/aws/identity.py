"""Who may do what: the cluster's administrators, and the AWS roles of pipeline service accounts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import eks
from pulumi_aws import iam as aws_iam

from infra.aws import iam
from infra.aws.pod_access import NodeArgs, PodAccessArgs, PodIdentityArgs, account_role


@dataclass(frozen=True, kw_only=True)
class Runner:
    """A service account that reads and writes artifacts, and the prefixes that it may use."""

    namespace: str
    service_account: str
    prefixes: tuple[str, ...]


def runners(profile_namespaces: Sequence[str]) -> tuple[Runner, ...]:
    """The service accounts of Kubeflow Pipelines 2 in release 26.03.

    In `kubeflow` the API server reads and writes everybody's artifacts, and so do steps where there are no profiles. In
    a profile, steps run as `default-editor` and see the profile's own prefixes and the shared one: what the release's
    policy for SeaweedFS (sync.py) gives them. The UI of Pipelines has no role: with one for the whole bucket, the
    namespace in a request would be all that keeps profiles apart (kubeflow/pipelines issue 9889).
    """
    profiles = [
        Runner(
            namespace=namespace,
            service_account="default-editor",
            prefixes=(f"private-artifacts/{namespace}/", f"private/{namespace}/", "shared/"),
        )
        for namespace in profile_namespaces
    ]
    return (
        Runner(namespace="kubeflow", service_account="ml-pipeline", prefixes=("",)),
        Runner(namespace="kubeflow", service_account="pipeline-runner", prefixes=("",)),
        *profiles,
    )


def by_tag(runner: Runner) -> tuple[str, ...]:
    """A runner's prefixes with, in the place of its namespace, what EKS tags the sessions of its pods with."""
    return tuple(prefix.replace(f"/{runner.namespace}/", f"/{iam.NAMESPACE_TAG}/") for prefix in runner.prefixes)


@dataclass(frozen=True, kw_only=True)
class AdministratorArgs:
    """A role that administers one EKS cluster, for principals (ARNs) to take."""

    role_name: str
    cluster_name: pulumi.Input[str]
    principals: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class IdentityArgs:
    """Without `administrator` no such role is made, and without `pods` no service account gets one."""

    region: str
    account: str
    administrator: AdministratorArgs | None
    pods: PodAccessArgs | None
    runners: tuple[Runner, ...]
    bucket_arn: pulumi.Input[str]
    repository_arn: pulumi.Input[str]
    tags: Mapping[str, str]


class Identity(pulumi.ComponentResource):
    """The administrator's role and one role per runner; `runner_role_arns` is keyed by `namespace/service account`.

    Where accounts have no roles, the nodes' role may what all runners would.
    """

    administrator_role_arn: pulumi.Output[str] | None
    runner_role_arns: dict[str, pulumi.Output[str]]
    annotated: dict[str, pulumi.Output[str]]
    """Those of the roles that an account has to name for its pods to get them."""
    ready: list[pulumi.Resource]
    """What comes before the pods of runners, for them to get their roles."""

    def __init__(self, name: str, args: IdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:Identity", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self.administrator_role_arn = self._administrator(args.administrator) if args.administrator else None
        self.runner_role_arns, self.annotated, self.ready = {}, {}, []
        if isinstance(args.pods, NodeArgs):
            # That of the platform's own accounts, which holds all others.
            self._grant(f"{name}-node", args.pods.role.name, ("",))
        elif args.pods:
            for runner in args.runners:
                self._runner(runner, args.pods)
        self.register_outputs(
            {"administrator_role_arn": self.administrator_role_arn, "runner_role_arns": self.runner_role_arns}
        )

    def _administrator(self, args: AdministratorArgs) -> pulumi.Output[str]:
        region, account = self._args.region, self._args.account
        role = aws_iam.Role(
            f"{self._name}-administrator",
            name=args.role_name,
            description="Administers the cluster through its access entry",
            assume_role_policy=iam.to_json(iam.principal_trust_policy(args.principals)),
            tags=dict(self._args.tags),
            opts=self._child,
        )
        aws_iam.RolePolicy(
            f"{self._name}-administrator",
            role=role.name,
            policy=pulumi.Output.from_input(args.cluster_name).apply(
                lambda cluster: iam.to_json(iam.describe_cluster_policy(region, account, cluster))
            ),
            opts=self._child,
        )
        entry = eks.AccessEntry(
            f"{self._name}-administrator",
            cluster_name=args.cluster_name,
            principal_arn=role.arn,
            tags=dict(self._args.tags),
            opts=self._child,
        )
        eks.AccessPolicyAssociation(
            f"{self._name}-administrator",
            cluster_name=args.cluster_name,
            principal_arn=entry.principal_arn,
            policy_arn=cluster_access_policy(region, iam.CLUSTER_ADMIN_POLICY),
            access_scope=eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
            opts=self._child,
        )
        return pulumi.Output.from_input(role.arn)

    def _runner(self, runner: Runner, pods: PodAccessArgs) -> None:
        key = f"{runner.namespace}/{runner.service_account}"
        name = f"{self._name}-{runner.namespace}-{runner.service_account}"
        role = account_role(name, pods, runner.namespace, runner.service_account, self._args.tags, self._child)
        self._grant(name, role.name, by_tag(runner) if isinstance(pods, PodIdentityArgs) else runner.prefixes)
        if role.arn is not None:
            self.runner_role_arns[key] = role.arn
        if role.annotated is not None:
            self.annotated[key] = role.annotated
        self.ready += role.needs

    def _grant(self, name: str, role: pulumi.Output[str], prefixes: Sequence[str]) -> None:
        aws_iam.RolePolicy(
            iam.fitting(f"{name}-bucket", iam.LONGEST_POLICY),
            role=role,
            policy=pulumi.Output.from_input(self._args.bucket_arn).apply(
                lambda arn: iam.to_json(iam.bucket_policy(arn, prefixes))
            ),
            opts=self._child,
        )
        aws_iam.RolePolicy(
            iam.fitting(f"{name}-images", iam.LONGEST_POLICY),
            role=role,
            policy=pulumi.Output.from_input(self._args.repository_arn).apply(
                lambda arn: iam.to_json(iam.repository_policy(arn))
            ),
            opts=self._child,
        )


def cluster_access_policy(region: str, name: str) -> str:
    """The ARN of one of the access policies that EKS defines."""
    return f"arn:{iam.partition(region)}:eks::aws:cluster-access-policy/{name}"
