"""A new Kubernetes cluster on EKS."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_eks
import pulumi_kubernetes as kubernetes
from pulumi_aws import cloudwatch, eks, kms
from pulumi_aws import iam as aws_iam

from infra import versions
from infra.aws import cidr, iam, instances, kept, pools, volume_classes
from infra.aws.addons import AddonArgs, addon
from infra.aws.associations import AGENT
from infra.aws.identity import cluster_access_policy
from infra.aws.pod_access import AccountRole, IssuerArgs, NodeArgs, PodAccessArgs, PodIdentityArgs, account_role
from infra.settings import ClusterSettings, NodeSettings, Pool

LOG_TYPES = ["api", "audit", "authenticator", "controllerManager", "scheduler"]

NODE_POLICIES = (
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonEC2ContainerRegistryReadOnly",
    "AmazonSSMManagedInstanceCore",
)

# For volumes that the driver tagged as its own; the older service-role/AmazonEBSCSIDriverPolicy is for an account's.
# (AWS managed policy reference: AmazonEBSCSIDriverPolicyV2, of April 2026, which has no `service-role/`.)
EBS_CSI_POLICY = "AmazonEBSCSIDriverPolicyV2"

# pulumi-kubernetes's defaults, 50 and 120, make an `up` of 700 objects wait for its own client.
CLIENT_QPS, CLIENT_BURST = 400, 800


@dataclass(frozen=True, kw_only=True)
class ClusterAccess:
    """What the rest of a stack needs of a cluster, made or given.

    `kubeconfig` is secret; None stands for kubectl's own file. `issuer` is that of service accounts' tokens, without
    `https://`, where it is known. Without `pods` no account gets at AWS.
    """

    kubeconfig: pulumi.Output[str] | None
    issuer: pulumi.Input[str] | None
    pods: PodAccessArgs | None
    provider: kubernetes.Provider

    @property
    def oidc_provider_arn(self) -> pulumi.Input[str] | None:
        """The OIDC provider in IAM by which service accounts have roles, if they have them by one."""
        return self.pods.provider_arn if isinstance(self.pods, IssuerArgs) else None


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """An EKS cluster with its node groups, in subnets of a VPC, one for each zone.

    `log_group` names that of an earlier cluster of the same name, which is there, and is taken over.
    `let_in_already` are those of its administrators and viewers for whom EKS would refuse a second access entry.
    `forced` is as `kubernetes_provider` takes it. With `protect` the control plane and the key of its Secrets stay;
    nodes, add-ons and access entries may come and go. `associated` is as `PodIdentityArgs` has it.
    """

    cluster: ClusterSettings
    nodes: NodeSettings
    pools: Sequence[Pool] = ()
    region: str
    vpc_id: pulumi.Input[str]
    zones: Sequence[str]
    private_subnet_ids: Sequence[pulumi.Input[str]]
    log_group: str | None
    let_in_already: Collection[str] = ()
    forced: bool = True
    protect: bool = False
    associated: bool = True
    tags: Mapping[str, str]


class _ControlPlane(pulumi_eks.Cluster):  # type: ignore[misc]
    """The SDK's component, whose record of itself stays as it comes: to type it imports the core API of Kubernetes.

    That takes half a second of every run, and nothing here reads it.
    """

    @property
    @pulumi.getter
    def core(self) -> pulumi.Output[Any]:
        record: pulumi.Output[Any] = pulumi.get(self, "core")
        return record


class Cluster(pulumi.ComponentResource):
    """EKS with its add-ons, nodes, and default classes of volumes, which are encrypted, and of their snapshots."""

    name: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    base_nodes: pulumi_eks.ManagedNodeGroup
    """The nodes of the platform itself, of which there is one at least."""
    node_role: aws_iam.Role
    """What all nodes may do in AWS."""
    access: ClusterAccess
    ready: pulumi.Resource
    """What comes last: nodes, add-ons and the default storage class are there once this is."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:Cluster", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._tags = dict(args.tags)
        self._addons = versions.KUBERNETES[args.cluster.version].addons
        self._eks = self._control_plane()
        # Known once the control plane is there, which the plain name would not say.
        self.name = self._eks.oidc_issuer.apply(lambda _: args.cluster.name)
        self.security_group_id = self._eks.cluster_security_group_id
        kubeconfig = pulumi.Output.secret(self._eks.kubeconfig_json)
        self.base_nodes = nodes = self._nodes()
        # CoreDNS and the volume driver become active only on a node; inside eks.Cluster CoreDNS would wait in vain.
        self._addon("coredns", self._addons.coredns, nodes)
        # Horizontal autoscalers do nothing without its measurements.
        self._addon("metrics-server", self._addons.metrics_server, nodes)
        # It finds what node repair (infra.aws.pools) then mends.
        self._addon("eks-node-monitoring-agent", self._addons.node_monitoring, nodes)
        # The volume driver takes snapshots where their kinds are there first.
        snapshots = self._addon("snapshot-controller", self._addons.snapshot_controller, nodes)
        pods = self._pod_access()
        volumes = self._volume_driver(snapshots, pods)
        provider = kubernetes_provider(
            f"{name}-kubernetes",
            cluster=args.cluster.name,
            kubeconfig=kubeconfig,
            forced=args.forced,
            opts=pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=[nodes])),
        )
        opts = pulumi.ResourceOptions(parent=self, provider=provider, depends_on=[volumes])
        self.ready = volume_classes.storage(f"{name}-gp3", opts)
        volume_classes.snapshots(f"{name}-ebs", opts)
        self.access = ClusterAccess(kubeconfig=kubeconfig, issuer=self._eks.oidc_issuer, pods=pods, provider=provider)
        self.register_outputs(
            {
                "name": self.name,
                "kubeconfig": kubeconfig,
                "oidc_provider_arn": self.access.oidc_provider_arn,
                "oidc_issuer": self.access.issuer,
                "security_group_id": self.security_group_id,
            }
        )

    def _control_plane(self) -> pulumi_eks.Cluster:
        name, args, cluster = self._name, self._args, self._args.cluster
        stays = pulumi.ResourceOptions(protect=args.protect)
        key = kms.Key(
            f"{name}-secrets",
            description=f"Kubernetes Secrets of {cluster.name}",
            enable_key_rotation=True,
            deletion_window_in_days=7,
            tags=self._tags,
            opts=pulumi.ResourceOptions.merge(self._child, stays),
        )
        kms.Alias(f"{name}-secrets", name=f"alias/{cluster.name}-secrets", target_key_id=key.id, opts=self._child)
        # Made by EKS itself the group would keep its logs for ever.
        logs = cloudwatch.LogGroup(
            f"{name}-control-plane",
            name=kept.log_group_name(cluster.name),
            retention_in_days=cluster.log_retention_days,
            tags=self._tags,
            opts=pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(import_=args.log_group)),
        )
        return _ControlPlane(
            f"{name}-eks",
            name=cluster.name,
            version=cluster.version,
            vpc_id=args.vpc_id,
            private_subnet_ids=args.private_subnet_ids[: cidr.CONTROL_PLANE_ZONES],
            kubernetes_service_ip_address_range=str(cidr.SERVICE_CIDR),
            authentication_mode=pulumi_eks.AuthenticationMode.API,
            access_entries=self._access_entries(),
            create_oidc_provider=cluster.pod_access == "irsa",
            skip_default_node_group=True,
            # The group that EKS makes joins control plane and nodes on every port, so that all webhooks are reached.
            skip_default_security_groups=True,
            endpoint_private_access=True,
            endpoint_public_access=bool(cluster.public_access_cidrs),
            public_access_cidrs=list(cluster.public_access_cidrs) or None,
            enabled_cluster_log_types=LOG_TYPES,
            encryption_config_key_arn=key.arn,
            # EXTENDED, the default, costs six times as much once standard support ends.
            upgrade_policy=eks.ClusterUpgradePolicyArgs(support_type="STANDARD"),
            vpc_cni_options=pulumi_eks.VpcCniOptionsArgs(
                addon_version=self._addons.vpc_cni, enable_network_policy=cluster.network_policy
            ),
            kube_proxy_addon_options=pulumi_eks.KubeProxyAddonOptionsArgs(
                enabled=True, version=self._addons.kube_proxy
            ),
            coredns_addon_options=pulumi_eks.CoreDnsAddonOptionsArgs(enabled=False),
            # AWS itself refuses to delete it then, whoever asks.
            deletion_protection=args.protect,
            tags=self._tags,
            opts=pulumi.ResourceOptions.merge(
                self._child,
                # Protected as a whole, the component would hand that down to add-ons and access entries.
                pulumi.ResourceOptions(depends_on=[logs], transforms=[protected] if args.protect else None),
            ),
        )

    def _access_entries(self) -> dict[str, pulumi_eks.AccessEntryArgs]:
        access = self._args.cluster.access
        named = [(arn, "admin", iam.CLUSTER_ADMIN_POLICY) for arn in access.administrators]
        named += [(arn, "view", iam.CLUSTER_VIEW_POLICY) for arn in access.viewers]
        return {
            iam.access_entry_name(arn): self._access_entry(arn, name, policy)
            for arn, name, policy in named
            if arn not in self._args.let_in_already
        }

    def _access_entry(self, arn: str, name: str, policy: str) -> pulumi_eks.AccessEntryArgs:
        return pulumi_eks.AccessEntryArgs(
            principal_arn=arn,
            access_policies={
                name: pulumi_eks.AccessPolicyAssociationArgs(
                    policy_arn=cluster_access_policy(self._args.region, policy),
                    access_scope=eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
                )
            },
            tags=self._tags,
        )

    def _nodes(self) -> pulumi_eks.ManagedNodeGroup:
        """The base group; the pools come beside it, and nothing waits for them."""
        name, args, cluster = self._name, self._args, self._args.cluster
        self.node_role = role = aws_iam.Role(
            iam.fitting(f"{name}-node", iam.LONGEST_ROLE),
            description=f"Nodes of {cluster.name}",
            assume_role_policy=iam.to_json(iam.service_trust_policy("ec2.amazonaws.com")),
            tags=self._tags,
            opts=self._child,
        )
        policies = [
            aws_iam.RolePolicyAttachment(
                f"{name}-node-{policy}",
                role=role.name,
                policy_arn=iam.managed_policy(args.region, policy),
                opts=self._child,
            )
            for policy in NODE_POLICIES
        ]
        given = pools.GroupsArgs(
            cluster=self._eks,
            cluster_name=cluster.name,
            version=cluster.version,
            role_arn=role.arn,
            scaled=args.nodes.autoscaling != "none",
            gpu_shares=args.nodes.gpu_shares,
            pod_access=cluster.pod_access,
            subnets=dict(zip(args.zones, args.private_subnet_ids, strict=True)),
            tags=self._tags,
        )
        # Nodes join with these policies, and on destroy they leave with them.
        opts = pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=[*policies, self._eks]))
        for pool in args.pools:
            pools.pool_groups(name, pool, given, opts)
        return pools.base_group(name, args.nodes, given, opts)

    def _pod_access(self) -> PodAccessArgs:
        way = self._args.cluster.pod_access
        if way == "irsa":
            return IssuerArgs(provider_arn=self._eks.oidc_provider_arn, issuer=self._eks.oidc_issuer)
        if way == "node":
            return NodeArgs(role=self.node_role)
        agent = self._addon(AGENT, self._addons.pod_identity, self.base_nodes)
        return PodIdentityArgs(cluster_name=self.name, agent=agent, associated=self._args.associated)

    def _volume_driver(self, before: pulumi.Resource, pods: PodAccessArgs) -> eks.Addon:
        name = f"{self._name}-ebs-csi"
        role = account_role(name, pods, "kube-system", "ebs-csi-controller-sa", self._tags, self._child)
        policy = aws_iam.RolePolicyAttachment(
            name,
            role=role.name,
            policy_arn=iam.managed_policy(self._args.region, EBS_CSI_POLICY),
            opts=self._child,
        )
        return self._addon(
            "aws-ebs-csi-driver",
            self._addons.ebs_csi,
            before,
            policy,
            role=role,
            # Volumes made inside the cluster outlive it unless somebody finds them: they carry the stack's tags.
            configuration=json.dumps(
                {
                    "controller": {"extraVolumeTags": self._tags},
                    "node": {"reservedVolumeAttachments": instances.reserved_attachments(self._instance_types())},
                },
                sort_keys=True,
            ),
        )

    def _instance_types(self) -> list[str]:
        return [self._args.nodes.instance_type, *(one for pool in self._args.pools for one in pool.instance_types)]

    def _addon(
        self,
        name: str,
        version: str,
        *needs: pulumi.Resource,
        role: AccountRole | None = None,
        configuration: str | None = None,
    ) -> eks.Addon:
        return addon(
            self._name,
            AddonArgs(
                cluster_name=self.name,
                addon=name,
                version=version,
                role=role,
                configuration=configuration,
                tags=self._tags,
            ),
            pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=list(needs))),
        )


def protected(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    """Protects the control plane among the resources of pulumi-eks' component."""
    if args.type_ != "aws:eks/cluster:Cluster":
        return None
    opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(protect=True))
    return pulumi.ResourceTransformResult(props=args.props, opts=opts)


def kubernetes_provider(
    name: str,
    *,
    cluster: str,
    kubeconfig: pulumi.Input[str] | None,
    context: str | None = None,
    forced: bool = True,
    opts: pulumi.ResourceOptions | None = None,
) -> kubernetes.Provider:
    """The provider of every Kubernetes object. `forced` takes fields that somebody else owns; else they are an error.

    `cluster` identifies it: a kubeconfig that changes (an address, a token) updates the provider; without it the
    provider, and every object with it, could be replaced.
    """
    return kubernetes.Provider(
        name,
        cluster_identifier=cluster,
        kubeconfig=kubeconfig,
        context=context,
        enable_server_side_apply=True,
        # Made by apply, not by POST: of what a POST made, a preview merges the old list entries with the new ones, and
        # fails where the API server takes only one of them (await.go of 4.29, `fixCSAFieldManagers` is left out).
        upsert_existing_objects=True,
        # istiod and Knative write into what a release renders, and people use kubectl: what we send is ours.
        enable_patch_force=forced,
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
        kube_client_settings=kubernetes.KubeClientSettingsArgs(qps=CLIENT_QPS, burst=CLIENT_BURST),
        opts=opts,
    )
