"""Cluster and NodeGroup on moto; what moto forgets of them is recorded beside it."""

from typing import Any

from infra.errors import UserError
from localcloud.aws.eks_common import api, record, retag, tagged, written
from localcloud.aws.eks_record import ROWS
from localcloud.aws.names import lower_parameters
from localcloud.aws.record import validate
from localcloud.aws.session import client
from localcloud.providers.kinds import Autoname, Call, Kind, names
from localcloud.providers.values import Properties

SETTINGS = "EKS cluster settings"
NODE_SETTINGS = "EKS node group settings"

# What CreateCluster and CreateNodegroup take and moto 5 forgets.
_FORGOTTEN = (
    "accessConfig upgradePolicy deletionProtection bootstrapSelfManagedAddons zonalShiftConfig computeConfig "
    "storageConfig version"
)
_MADE_UP = names("remoteAccess releaseVersion version")
# moto tags clusters only, and never moves nodes to another template.
_FORGOTTEN_BY_NODES = "updateConfig nodeRepairConfig version releaseVersion launchTemplate tags"


def _cluster_parameters(inputs: Properties) -> dict[str, Any]:
    wanted = lower_parameters(
        inputs,
        "name roleArn version kubernetesNetworkConfig accessConfig upgradePolicy deletionProtection "
        "bootstrapSelfManagedAddons zonalShiftConfig computeConfig storageConfig tags",
    )
    config = inputs["vpcConfig"]
    wanted["resourcesVpcConfig"] = {
        name: value for name, value in config.items() if name not in ("vpcId", "clusterSecurityGroupId")
    }
    if inputs.get("enabledClusterLogTypes"):
        wanted["logging"] = _logging(inputs["enabledClusterLogTypes"])
    if inputs.get("encryptionConfig"):
        wanted["encryptionConfig"] = [inputs["encryptionConfig"]]
    return wanted


def _logging(types: list[str]) -> dict[str, Any]:
    every = {"api", "audit", "authenticator", "controllerManager", "scheduler"}
    setup = [{"types": sorted(types), "enabled": True}] if types else []
    off = sorted(every - set(types))
    return {"clusterLogging": [*setup, *([{"types": off, "enabled": False}] if off else [])]}


def _create_cluster(call: Call) -> str:
    ec2 = client(call, "ec2")
    wanted = _cluster_parameters(call.inputs)
    validate(api(call), "CreateCluster", wanted)
    name = str(api(call).create_cluster(**wanted)["cluster"]["name"])
    vpc = ec2.describe_subnets(SubnetIds=wanted["resourcesVpcConfig"]["subnetIds"][:1])["Subnets"][0]["VpcId"]
    # EKS makes a security group of its own for the control plane and the nodes.
    group = ec2.create_security_group(
        GroupName=f"eks-cluster-sg-{name}",
        VpcId=vpc,
        Description="EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, "
        "as well as any managed workloads.",
        TagSpecifications=[
            {
                "ResourceType": "security-group",
                "Tags": [
                    {"Key": f"kubernetes.io/cluster/{name}", "Value": "owned"},
                    {"Key": "aws:eks:cluster-name", "Value": name},
                ],
            }
        ],
    )["GroupId"]
    kept = {**lower_parameters(call.inputs, _FORGOTTEN), "vpcId": vpc, "clusterSecurityGroupId": group}
    record(call).put(SETTINGS, name, kept)
    call.log(f"moto keeps the EKS cluster {name}; its {', '.join(sorted(kept))} are recorded beside it")
    return name


def _setup_cluster(call: Call) -> None:
    if not call.old:
        return
    eks = api(call)
    wanted = _cluster_parameters(call.inputs)
    if call.changed("vpcConfig"):
        eks.update_cluster_config(name=call.id, resourcesVpcConfig=wanted["resourcesVpcConfig"])
    if call.changed("enabledClusterLogTypes"):
        eks.update_cluster_config(name=call.id, logging=_logging(call.inputs.get("enabledClusterLogTypes", [])))
    if call.changed(*_FORGOTTEN.split()):
        changes = lower_parameters(
            call.inputs, "accessConfig upgradePolicy deletionProtection zonalShiftConfig computeConfig storageConfig"
        )
        access = changes.get("accessConfig", {})
        changes["accessConfig"] = {k: v for k, v in access.items() if k == "authenticationMode"}
        validate(eks, "UpdateClusterConfig", {"name": call.id, **changes})
        kept = {**(record(call).get(SETTINGS, call.id) or {}), **lower_parameters(call.inputs, _FORGOTTEN)}
        record(call).put(SETTINGS, call.id, kept)


def _read_cluster(call: Call) -> Properties | None:
    cluster = api(call).describe_cluster(name=call.id)["cluster"]
    kept = record(call).get(SETTINGS, call.id) or {}
    config = {
        "endpointPrivateAccess": False,
        "endpointPublicAccess": True,
        "publicAccessCidrs": ["0.0.0.0/0"],
        "securityGroupIds": [],
        **cluster["resourcesVpcConfig"],
        "vpcId": kept.get("vpcId"),
        "clusterSecurityGroupId": kept.get("clusterSecurityGroupId"),
    }
    logged = [kind for setup in cluster["logging"]["clusterLogging"] if setup["enabled"] for kind in setup["types"]]
    encryption = next(iter(cluster.get("encryptionConfig") or []), None)
    return {
        **lower_parameters(cluster, "name arn endpoint roleArn version status platformVersion certificateAuthority"),
        **{name: kept[name] for name in _FORGOTTEN.split() if name in kept},
        **tagged(cluster.get("tags")),
        "vpcConfig": config,
        "enabledClusterLogTypes": sorted(logged) if logged else None,
        "encryptionConfig": encryption,
        "kubernetesNetworkConfig": cluster["kubernetesNetworkConfig"],
        "identities": [{"oidcs": [{"issuer": cluster["identity"]["oidc"]["issuer"]}]}],
        "createdAt": written(cluster["createdAt"]),
    }


def _delete_cluster(call: Call) -> None:
    kept = record(call).get(SETTINGS, call.id) or {}
    if kept.get("deletionProtection"):
        raise UserError(f"the EKS cluster {call.id} has deletion protection; set deletionProtection to false first")
    api(call).delete_cluster(name=call.id)
    if kept.get("clusterSecurityGroupId"):
        client(call, "ec2").delete_security_group(GroupId=kept["clusterSecurityGroupId"])
    for kind in (SETTINGS, *(row.kind for row in ROWS)):
        for key, item in record(call).all(kind).items():
            if key == call.id or item.get("clusterName") == call.id:
                record(call).remove(kind, key)


# -- node groups ---------------------------------------------------------------------------------------------------


def _create_nodes(call: Call) -> str:
    inputs = call.inputs
    wanted = lower_parameters(
        inputs,
        "clusterName nodeGroupName scalingConfig diskSize instanceTypes amiType remoteAccess labels "
        "tags launchTemplate capacityType version releaseVersion updateConfig nodeRepairConfig",
        nodeGroupName="nodegroupName",
        nodeRoleArn="nodeRole",
        subnetIds="subnets",
    )
    if inputs.get("taints"):
        wanted["taints"] = inputs["taints"]
    validate(api(call), "CreateNodegroup", wanted)
    api(call).create_nodegroup(**wanted)
    key = f"{inputs['clusterName']}:{inputs['nodeGroupName']}"
    record(call).put(NODE_SETTINGS, key, lower_parameters(inputs, _FORGOTTEN_BY_NODES))
    return key


def _setup_nodes(call: Call) -> None:
    if not call.old:
        return
    cluster, _, name = call.id.partition(":")
    changes: dict[str, Any] = {}
    if call.changed("scalingConfig"):
        changes["scalingConfig"] = call.inputs["scalingConfig"]
    before, after = call.old.get("labels", {}), call.inputs.get("labels", {})
    if before != after:
        changes["labels"] = {"addOrUpdateLabels": after, "removeLabels": sorted(before.keys() - after.keys())}
    old_taints, new_taints = call.old.get("taints", []), call.inputs.get("taints", [])
    if old_taints != new_taints:
        removed = [taint for taint in old_taints if taint not in new_taints]
        changes["taints"] = {"addOrUpdateTaints": new_taints, "removeTaints": removed}
    if changes:
        api(call).update_nodegroup_config(clusterName=cluster, nodegroupName=name, **changes)
    if call.changed(*_FORGOTTEN_BY_NODES.split()):
        wanted = lower_parameters(call.inputs, "version releaseVersion launchTemplate")
        validate(api(call), "UpdateNodegroupVersion", {"clusterName": cluster, "nodegroupName": name, **wanted})
        record(call).put(NODE_SETTINGS, call.id, lower_parameters(call.inputs, _FORGOTTEN_BY_NODES))


def _read_nodes(call: Call) -> Properties | None:
    cluster, _, name = call.id.partition(":")
    group = api(call).describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
    kept = record(call).get(NODE_SETTINGS, call.id) or {}
    if "launchTemplate" in kept:
        kept["launchTemplate"] = {**group.get("launchTemplate", {}), **kept["launchTemplate"]}
    live = lower_parameters(
        group,
        "clusterName scalingConfig diskSize instanceTypes amiType remoteAccess labels taints launchTemplate "
        "capacityType version releaseVersion updateConfig status",
        nodegroupName="nodeGroupName",
        nodegroupArn="arn",
        nodeRole="nodeRoleArn",
        subnets="subnetIds",
    )
    # moto makes up an SSH key and a release that nobody asked for.
    live = {key: value for key, value in live.items() if key not in _MADE_UP or key in call.inputs}
    live = {key: value for key, value in live.items() if value not in ({}, []) or key in call.inputs}
    resources = group.get("resources") or {}
    groups = [{"name": found["name"]} for found in resources.get("autoScalingGroups", [])]
    return {
        **live,
        **kept,
        **tagged(kept.get("tags")),
        "resources": [
            {"autoscalingGroups": groups, "remoteAccessSecurityGroupId": resources.get("remoteAccessSecurityGroup", "")}
        ],
    }


def _delete_nodes(call: Call) -> None:
    cluster, _, name = call.id.partition(":")
    record(call).remove(NODE_SETTINGS, call.id)
    api(call).delete_nodegroup(clusterName=cluster, nodegroupName=name)


KINDS = [
    Kind(
        token="aws:eks/cluster:Cluster",
        create=_create_cluster,
        setup=_setup_cluster,
        read=_read_cluster,
        delete=_delete_cluster,
        retag=retag,
        replaces=names(
            "name roleArn encryptionConfig kubernetesNetworkConfig.serviceIpv4Cidr kubernetesNetworkConfig.ipFamily "
            "outpostConfig bootstrapSelfManagedAddons accessConfig.bootstrapClusterCreatorAdminPermissions"
        ),
        defaults={"bootstrapSelfManagedAddons": True},
        computed=names("version accessConfig kubernetesNetworkConfig upgradePolicy deletionProtection"),
        unordered=names(
            "enabledClusterLogTypes vpcConfig.subnetIds vpcConfig.securityGroupIds vpcConfig.publicAccessCidrs"
        ),
        autoname=Autoname(longest=100),
    ),
    Kind(
        token="aws:eks/nodeGroup:NodeGroup",
        create=_create_nodes,
        setup=_setup_nodes,
        read=_read_nodes,
        delete=_delete_nodes,
        retag=lambda call, removed, tags: None,  # recorded with the rest
        replaces=names(
            "clusterName nodeGroupName nodeGroupNamePrefix nodeRoleArn subnetIds instanceTypes amiType capacityType "
            "diskSize remoteAccess launchTemplate.id launchTemplate.name"
        ),
        computed=names("amiType capacityType diskSize instanceTypes version releaseVersion updateConfig"),
        unordered=names("subnetIds"),
        autoname=Autoname(property="nodeGroupName", prefix_property="nodeGroupNamePrefix", longest=63),
    ),
]
