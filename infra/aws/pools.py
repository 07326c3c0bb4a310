"""Managed node groups: the base group, which the platform itself runs on, and those of the pools beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi
import pulumi_eks
from pulumi_aws import ec2, eks

from infra import versions
from infra.aws import iam, instances
from infra.settings import NodeSettings, Pool, Taint
from infra.settings.groups import BASE, POOL_LABEL, POOL_TAG, gpu_labels, groups, labels, taints
from infra.settings.pod_access import PodAccess

# A group's name has 63 characters, of which the provider's suffix takes 26.
PREFIX = 37

_EFFECTS = {"NoSchedule": "NO_SCHEDULE", "PreferNoSchedule": "PREFER_NO_SCHEDULE", "NoExecute": "NO_EXECUTE"}


@dataclass(frozen=True, kw_only=True)
class GroupsArgs:
    """Where node groups are made; `subnets` are the private ones by zone, in the order of the settings.

    `scaled` groups have their size from an autoscaler. A GPU is `gpu_shares` for pods. With `pod_access` `node` pods
    reach the metadata that tells them the nodes' role.
    """

    cluster: pulumi_eks.Cluster
    cluster_name: str
    version: str
    role_arn: pulumi.Input[str]
    scaled: bool
    gpu_shares: int
    pod_access: PodAccess = "irsa"
    subnets: Mapping[str, pulumi.Input[str]]
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class _Group:
    """A node group as AWS is asked for it; `name` is in its tag."""

    name: str
    prefix: str
    instance_types: Sequence[str]
    zones: Sequence[str]
    size: tuple[int, int, int]
    spot: bool = False
    labels: Mapping[str, str]
    taints: Sequence[Taint] = ()


def base_group(
    name: str, nodes: NodeSettings, args: GroupsArgs, opts: pulumi.ResourceOptions
) -> pulumi_eks.ManagedNodeGroup:
    """The nodes of the platform itself, in all zones."""
    group = _Group(
        name=BASE,
        prefix=f"{args.cluster_name[: PREFIX - 1]}-",
        instance_types=[nodes.instance_type],
        zones=list(args.subnets),
        size=(nodes.min, nodes.desired, nodes.max),
        labels={POOL_LABEL: BASE, **gpu_labels(nodes.instance_type)},
    )
    template = _launch_template(f"{name}-node", nodes.disk_gib, BASE, args, opts)
    return _node_group(f"{name}-nodes", group, template, args, opts)


def pool_groups(
    name: str, pool: Pool, args: GroupsArgs, opts: pulumi.ResourceOptions
) -> list[pulumi_eks.ManagedNodeGroup]:
    """The nodes of a pool, which share a launch template."""
    template = _launch_template(f"{name}-node-{pool.name}", pool.disk_gib, pool.name, args, opts)
    end = f"-{pool.name}-"
    group = _Group(
        name=pool.name,
        prefix=f"{args.cluster_name[: PREFIX - len(end)]}{end}",
        instance_types=pool.instance_types,
        zones=pool.zones,
        size=(pool.min, pool.desired, pool.max),
        spot=pool.capacity == "spot",
        labels=labels(pool),
        taints=taints(pool),
    )
    return [
        _node_group(
            f"{name}-nodes-{one.name}",
            replace(group, name=one.name, zones=one.zones, size=(one.min, one.desired, one.max)),
            template,
            args,
            opts,
        )
        for one in groups(pool)
    ]


def _node_group(
    name: str, group: _Group, template: ec2.LaunchTemplate, args: GroupsArgs, opts: pulumi.ResourceOptions
) -> pulumi_eks.ManagedNodeGroup:
    image = instances.image(group.instance_types[0])
    low, now, high = group.size
    return pulumi_eks.ManagedNodeGroup(
        name,
        cluster=args.cluster,
        # Subnets, disk and instance type are fixed for a group's life: with a new name the next one is there first.
        node_group_name_prefix=group.prefix,
        node_role_arn=args.role_arn,
        instance_types=list(group.instance_types),
        ami_type=image,
        capacity_type="SPOT" if group.spot else None,
        version=args.version,
        # Without one, a group keeps the image of the day it was made.
        release_version=versions.KUBERNETES[args.version].images.get(image),
        # Else each run would take back what the autoscaler did.
        ignore_scaling_changes=args.scaled,
        scaling_config=eks.NodeGroupScalingConfigArgs(min_size=low, desired_size=now, max_size=high),
        launch_template=eks.NodeGroupLaunchTemplateArgs(
            id=template.id, version=template.latest_version.apply(lambda version: str(int(version)))
        ),
        labels=dict(group.labels),
        taints=[
            eks.NodeGroupTaintArgs(key=one.key, value=one.value, effect=_EFFECTS[one.effect]) for one in group.taints
        ]
        or None,
        subnet_ids=[args.subnets[zone] for zone in group.zones],
        tags={**args.tags, POOL_TAG: group.name, **_shared_gpus(group.instance_types, args.gpu_shares)},
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(transforms=[cared_for])),
    )


def _shared_gpus(types: Sequence[str], shares: int) -> dict[str, str]:
    """What tells the autoscaler how many pods an empty group's GPUs are for, where that is not their number.

    It reads this tag of a managed node group (cluster-autoscaler, cloudprovider/aws/aws_manager.go,
    extractAllocatableResourcesFromTags).
    """
    counts = [known.gpus for name in types if (known := instances.instance(name)) is not None and known.gpus]
    if shares == 1 or not counts:
        return {}
    return {"k8s.io/cluster-autoscaler/node-template/resources/nvidia.com/gpu": str(min(counts) * shares)}


def cared_for(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    """What pulumi-eks's component (4.4) has no input for: one node at a time is renewed, and a broken one replaced.

    EKS empties a node as disruption budgets allow, and gives an update up rather than break one. It repairs what its
    monitoring agent, or Kubernetes itself, finds broken (EKS user guide, "Detect node health issues and enable
    automatic node repair").
    """
    if args.type_ != "aws:eks/nodeGroup:NodeGroup":
        return None
    own: dict[str, Any] = {"updateConfig": {"maxUnavailable": 1}, "nodeRepairConfig": {"enabled": True}}
    return pulumi.ResourceTransformResult(props={**args.props, **own}, opts=args.opts)


def _launch_template(
    name: str, disk_gib: int, pool: str, args: GroupsArgs, opts: pulumi.ResourceOptions
) -> ec2.LaunchTemplate:
    """What a node group cannot say itself: an encrypted disk, and metadata that pods reach only if they are to."""
    to_pods = args.pod_access == "node"
    named = {**args.tags, "Name": f"{args.cluster_name}-node"}
    if pool != BASE:  # whose nodes another tag would renew
        named[POOL_TAG] = pool
    return ec2.LaunchTemplate(
        name,
        update_default_version=True,
        block_device_mappings=[
            ec2.LaunchTemplateBlockDeviceMappingArgs(
                device_name="/dev/xvda",
                ebs=ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                    volume_size=disk_gib,
                    volume_type="gp3",
                    encrypted="true",
                    delete_on_termination="true",
                ),
            )
        ],
        # One hop ends at the node: a pod would need two to borrow the node's role.
        metadata_options=ec2.LaunchTemplateMetadataOptionsArgs(
            http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=2 if to_pods else 1
        ),
        tag_specifications=[
            ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=named) for kind in ("instance", "volume")
        ],
        tags={**args.tags, POOL_TAG: pool, **({iam.POD_ACCESS_TAG: "node"} if to_pods else {})},
        opts=pulumi.ResourceOptions(parent=opts.parent),
    )
