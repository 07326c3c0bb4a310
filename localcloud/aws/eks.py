"""Cluster and NodeGroup on the emulator; what that forgets, and their updates, are recorded beside it."""

import os
from typing import Any

from localcloud.aws.eks_common import api, record, retag, tags_of, written
from localcloud.aws.model import validate
from localcloud.aws.names import lower_parameters
from localcloud.aws.waiting import until, until_gone
from localcloud.providers.kinds import Autoname, Call, Kind, names
from localcloud.providers.values import Properties
from ordering.errors import UserError

SETTINGS = "EKS cluster settings"
NODE_SETTINGS = "EKS node group settings"

# The issuer of the tokens of the cluster that all kubeconfigs here lead to.
ISSUER = "LOCALCLOUD_ISSUER"

# MiniStack 1.5.33 has no UpdateClusterConfig, UpdateNodegroupConfig or UpdateNodegroupVersion, and forgets these of
# CreateCluster and CreateNodegroup.
_FORGOTTEN = (
    "accessConfig upgradePolicy deletionProtection bootstrapSelfManagedAddons zonalShiftConfig computeConfig "
    "storageConfig version"
)
_FORGOTTEN_BY_NODES = "updateConfig nodeRepairConfig version releaseVersion launchTemplate scalingConfig labels taints"
# What it makes up where nothing was given.
_MADE_UP = names("remoteAccess releaseVersion version diskSize")


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
    wanted = _cluster_parameters(call.inputs)
    name = str(api(call).create_cluster(**wanted)["cluster"]["name"])
    kept = lower_parameters(call.inputs, _FORGOTTEN)
    record(call).put(SETTINGS, name, kept)
    call.log(f"the emulator keeps the EKS cluster {name}; its {', '.join(sorted(kept))} are recorded beside it")
    return name


def _cluster_status(call: Call) -> str:
    return str(api(call).describe_cluster(name=call.id)["cluster"]["status"])


def _setup_cluster(call: Call) -> None:
    passing = ("CREATING", "PENDING", "UPDATING")
    until(f"the EKS cluster {call.id}", lambda: _cluster_status(call), wanted="ACTIVE", passing=passing, minutes=30)
    if not call.old:
        return
    eks = api(call)
    wanted = _cluster_parameters(call.inputs)
    changed: dict[str, Any] = {}
    if call.changed("vpcConfig"):
        changed["resourcesVpcConfig"] = wanted["resourcesVpcConfig"]
        validate(eks, "UpdateClusterConfig", {"name": call.id, **changed})
    if call.changed("enabledClusterLogTypes"):
        changed["logging"] = _logging(call.inputs.get("enabledClusterLogTypes", []))
        validate(eks, "UpdateClusterConfig", {"name": call.id, "logging": changed["logging"]})
    if call.changed(*_FORGOTTEN.split()):
        changes = lower_parameters(
            call.inputs, "accessConfig upgradePolicy deletionProtection zonalShiftConfig computeConfig storageConfig"
        )
        access = changes.get("accessConfig", {})
        changes["accessConfig"] = {k: v for k, v in access.items() if k == "authenticationMode"}
        validate(eks, "UpdateClusterConfig", {"name": call.id, **changes})
        changed |= lower_parameters(call.inputs, _FORGOTTEN)
    if changed:
        record(call).put(SETTINGS, call.id, {**(record(call).get(SETTINGS, call.id) or {}), **changed})


def _read_cluster(call: Call) -> Properties | None:
    cluster = api(call).describe_cluster(name=call.id)["cluster"]
    kept = record(call).get(SETTINGS, call.id) or {}
    cluster |= {name: kept[name] for name in ("logging",) if name in kept}
    config = {
        "endpointPrivateAccess": False,
        "endpointPublicAccess": True,
        "publicAccessCidrs": ["0.0.0.0/0"],
        "securityGroupIds": [],
        **cluster["resourcesVpcConfig"],
        **kept.get("resourcesVpcConfig", {}),
    }
    logged = [kind for setup in cluster["logging"]["clusterLogging"] if setup["enabled"] for kind in setup["types"]]
    encryption = next(iter(cluster.get("encryptionConfig") or []), None)
    return {
        **lower_parameters(cluster, "name arn endpoint roleArn version status platformVersion certificateAuthority"),
        **{name: kept[name] for name in _FORGOTTEN.split() if name in kept},
        **tags_of(call, cluster["arn"]),
        "vpcConfig": config,
        "enabledClusterLogTypes": sorted(logged) if logged else None,
        "encryptionConfig": encryption,
        "kubernetesNetworkConfig": cluster["kubernetesNetworkConfig"],
        # A cluster that is still being made has none.
        "identities": [{"oidcs": [{"issuer": _issuer(cluster)}]}] if "identity" in cluster else [],
        "createdAt": written(cluster["createdAt"]),
    }


def _issuer(cluster: Properties) -> str:
    """Who signs the tokens: the local API server, or where none is, what the emulator says, over https as EKS does."""
    return os.environ.get(ISSUER) or "https://" + str(cluster["identity"]["oidc"]["issuer"]).split("://")[1]


def _delete_cluster(call: Call) -> None:
    kept = record(call).get(SETTINGS, call.id) or {}
    if kept.get("deletionProtection"):
        raise UserError(f"the EKS cluster {call.id} has deletion protection; set deletionProtection to false first")
    api(call).delete_cluster(name=call.id)
    until_gone(f"the EKS cluster {call.id}", lambda: _cluster_status(call), minutes=15)
    record(call).remove(SETTINGS, call.id)


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
    api(call).create_nodegroup(**wanted)
    key = f"{inputs['clusterName']}:{inputs['nodeGroupName']}"
    record(call).put(NODE_SETTINGS, key, lower_parameters(inputs, _FORGOTTEN_BY_NODES))
    return key


def _nodes_status(call: Call) -> str:
    cluster, _, name = call.id.partition(":")
    return str(api(call).describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]["status"])


def _setup_nodes(call: Call) -> None:
    passing = ("CREATING", "UPDATING")
    until(f"the node group {call.id}", lambda: _nodes_status(call), wanted="ACTIVE", passing=passing, minutes=60)
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
    group = {"clusterName": cluster, "nodegroupName": name}
    if changes:
        validate(api(call), "UpdateNodegroupConfig", {**group, **changes})
    if call.changed("version", "releaseVersion", "launchTemplate"):
        wanted = lower_parameters(call.inputs, "version releaseVersion launchTemplate")
        validate(api(call), "UpdateNodegroupVersion", {**group, **wanted})
    if call.changed(*_FORGOTTEN_BY_NODES.split()):
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
    live = {key: value for key, value in live.items() if key not in _MADE_UP or key in call.inputs}
    live = {key: value for key, value in live.items() if value not in ({}, []) or key in call.inputs}
    resources = group.get("resources") or {}
    groups = [{"name": found["name"]} for found in resources.get("autoScalingGroups", [])]
    return {
        **live,
        **kept,
        **tags_of(call, group["nodegroupArn"]),
        "resources": [
            {
                "autoscalingGroups": groups,
                "remoteAccessSecurityGroupId": (
                    resources.get("remoteAccessSecurityGroup", "") if "remoteAccess" in call.inputs else ""
                ),
            }
        ],
    }


def _delete_nodes(call: Call) -> None:
    cluster, _, name = call.id.partition(":")
    api(call).delete_nodegroup(clusterName=cluster, nodegroupName=name)
    until_gone(f"the node group {call.id}", lambda: _nodes_status(call), minutes=60)
    record(call).remove(NODE_SETTINGS, call.id)


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
        retag=retag,
        replaces=names(
            "clusterName nodeGroupName nodeGroupNamePrefix nodeRoleArn subnetIds instanceTypes amiType capacityType "
            "diskSize remoteAccess launchTemplate.id launchTemplate.name"
        ),
        computed=names("amiType capacityType diskSize instanceTypes version releaseVersion updateConfig"),
        unordered=names("subnetIds"),
        autoname=Autoname(property="nodeGroupName", prefix_property="nodeGroupNamePrefix", longest=63),
    ),
]
