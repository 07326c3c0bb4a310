"""`eks:index:ManagedNodeGroup`."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_aws import ec2, eks

from localcloud.eks.inputs import REFUSED_NODES, Inputs, refuse
from ordering.errors import UserError

# What else the real component writes into a template of its own.
_IN_TEMPLATE = (
    "kubeletExtraArgs",
    "bootstrapExtraArgs",
    "bottlerocketSettings",
    "nodeadmExtraOptions",
    "userData",
    "amiId",
    "enableEfaSupport",
)


class Given(pulumi.ComponentResource):
    """A component of this package that a program hands in, of which a node group reads the core, as it comes.

    The SDK's class would type it, which imports the core API of Kubernetes: half a second of every run.
    """

    core: pulumi.Output[Any]

    def __init__(self, type_: str, name: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__(type_, name, {"core": None}, opts)


class ManagedNodeGroup(pulumi.ComponentResource):
    """A managed node group as pulumi-eks 4 makes it: an `aws.eks.NodeGroup`, and a launch template for IMDSv2."""

    def __init__(self, name: str, inputs: Inputs, opts: pulumi.ResourceOptions | None = None) -> None:
        check_nodes(inputs)
        super().__init__("eks:index:ManagedNodeGroup", name, None, opts)
        core = _core(inputs["cluster"])
        cluster = core.apply(lambda known: _field(known, "cluster"))
        template = self._launch_template(name, inputs)
        version = inputs.get("version")
        if version is None and inputs.get("launchTemplate") is None:
            version = cluster.apply(lambda known: known.version)
        ignored = ["scalingConfig.desiredSize"] if inputs.get("ignoreScalingChanges") else None
        role = inputs.get("nodeRoleArn")
        self.node_group = eks.NodeGroup(
            name,
            node_group_name=inputs.get("nodeGroupName"),
            node_group_name_prefix=inputs.get("nodeGroupNamePrefix"),
            cluster_name=inputs.get("clusterName") or cluster.apply(lambda known: known.name),
            node_role_arn=role or pulumi.Output.from_input(inputs["nodeRole"]).apply(lambda known: known.arn),
            scaling_config=inputs.get("scalingConfig") or {"desiredSize": 2, "minSize": 1, "maxSize": 2},
            subnet_ids=inputs.get("subnetIds") or core.apply(lambda known: _field(known, "subnetIds")),
            ami_type=inputs.get("amiType"),
            capacity_type=inputs.get("capacityType"),
            disk_size=None if template else inputs.get("diskSize"),
            force_update_version=inputs.get("forceUpdateVersion"),
            instance_types=inputs.get("instanceTypes"),
            labels=inputs.get("labels"),
            launch_template=_reference(template) if template else inputs.get("launchTemplate"),
            release_version=inputs.get("releaseVersion"),
            remote_access=inputs.get("remoteAccess"),
            tags=inputs.get("tags"),
            taints=inputs.get("taints"),
            version=version,
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=ignored),
        )
        self.outputs: dict[str, Any] = {"nodeGroup": self.node_group, "placementGroupName": ""}
        self.register_outputs(self.outputs)

    def _launch_template(self, name: str, inputs: Inputs) -> ec2.LaunchTemplate | None:
        required = inputs.get("enableIMDSv2")
        if required is None:
            return None
        disk = inputs.get("diskSize")
        tokens = pulumi.Output.from_input(required).apply(lambda known: "required" if known else "optional")
        made: ec2.LaunchTemplate = ec2.LaunchTemplate(
            f"{name}-launchTemplate",
            block_device_mappings=None if disk is None else [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": disk}}],
            metadata_options={"httpTokens": tokens, "httpPutResponseHopLimit": 2, "httpEndpoint": "enabled"},
            opts=pulumi.ResourceOptions(parent=self),
        )
        return made


def check_nodes(inputs: Inputs) -> None:
    """The real component's own checks, then what is out of reach here."""
    component = "eks:index:ManagedNodeGroup"
    role, arn = inputs.get("nodeRole") is not None, inputs.get("nodeRoleArn") is not None
    if role and arn:
        raise UserError("a managed node group takes nodeRole or nodeRoleArn, not both")
    if not (role or arn):
        raise UserError("a managed node group needs an IAM role: set nodeRole or nodeRoleArn")
    # False counts as said, too (nodegroup.ts of 4.3.0 and of August 2026, requiresCustomLaunchTemplate).
    said = [option for option in ("enableIMDSv2", *_IN_TEMPLATE) if inputs.get(option) is not None]
    if inputs.get("launchTemplate") is not None and said:
        raise UserError(
            f"a managed node group with a launchTemplate says {said[0]} in that template; leave it out here"
        )
    if inputs.get("nodeGroupName") is not None and inputs.get("nodeGroupNamePrefix") is not None:
        raise UserError("a managed node group takes nodeGroupName or nodeGroupNamePrefix, not both")
    refuse(component, inputs, REFUSED_NODES)


def _reference(template: ec2.LaunchTemplate) -> dict[str, Any]:
    return {"id": template.id, "version": template.latest_version.apply(lambda version: str(int(version)))}


def _core(cluster: Any) -> pulumi.Output[Any]:
    """The core of the cluster given: the component itself, or its `core` output."""

    def core(known: Any) -> Any:
        return known.core if isinstance(known, Given) else known

    return pulumi.Output.from_input(cluster).apply(core)


def _field(core: Any, name: str) -> Any:
    """A field of a core, which is an object of the SDK or, passed through a program, a map with either spelling."""
    python_name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    if isinstance(core, Mapping):
        return core[name] if name in core else core[python_name]
    return getattr(core, python_name)
