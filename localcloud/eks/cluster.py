"""`eks:index:Cluster`."""

import base64
import hashlib
import json
import os
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws
import yaml
from pulumi_aws import ec2, eks, iam

from localcloud.eks.access import for_caller
from localcloud.eks.cni import VpcCniAddon
from localcloud.eks.inputs import Inputs, check_cluster, merged_tags
from localcloud.eks.roles import ServiceRole, cluster_security_group, node_security_group
from ordering.errors import UserError

KUBECONFIG = "LOCALCLOUD_KUBECONFIG"


class Cluster(pulumi.ComponentResource):
    """An EKS cluster as pulumi-eks 4 makes it with authentication mode API and no default node group.

    `outputs` are the component's, by their wire names. The kubeconfig is the local plane's, for whom the cluster lets
    in, and secret, for it holds an administrator's key; like the real one it is known once the cluster is there.
    """

    def __init__(self, name: str, inputs: Inputs, opts: pulumi.ResourceOptions | None = None) -> None:
        check_cluster(inputs)
        config = local_kubeconfig()
        super().__init__("eks:index:Cluster", name, None, opts)
        self._name, self._inputs = name, inputs
        self._child = pulumi.ResourceOptions(parent=self)
        self._tags = inputs.get("tags")
        invoke = pulumi.InvokeOptions(parent=self)
        self._partition = pulumi_aws.get_partition(opts=invoke).partition

        role = self._service_role()
        group = self._cluster_group()
        cluster = self._cluster(role, group)
        entries = self._access_entries(cluster)
        # Like all that the component tells, it is known once the entries are there.
        there = pulumi.Output.all(cluster.arn, cluster.endpoint, *(entry.id for entry in entries))
        given: pulumi.Output[dict[str, Any]] = there.apply(lambda known: for_caller(config, *_place(known[0])))
        kubeconfig: pulumi.Output[Any] = pulumi.Output.secret(given)
        self._kube_proxy(cluster)
        cni = self._cni(cluster, entries)
        self._coredns(cluster)
        provider = self._oidc_provider(cluster, config)
        nodes, ingress = self._node_group_security(cluster, group)
        issuer = cluster.identities.apply(lambda found: found[0].oidcs[0].issuer if found else "")
        made_group = cluster.vpc_config.apply(lambda known: known.cluster_security_group_id)
        self.outputs: dict[str, Any] = {
            "eksCluster": cluster,
            "kubeconfig": kubeconfig,
            "kubeconfigJson": kubeconfig.apply(json.dumps),
            "clusterSecurityGroup": group,
            "clusterSecurityGroupId": group.id if group else made_group,
            "nodeSecurityGroup": nodes,
            "nodeSecurityGroupId": nodes.id if nodes else made_group,
            "eksClusterIngressRule": ingress,
            "clusterIngressRuleId": ingress.security_group_rule_id if ingress else "",
            "instanceRoles": self._instance_roles(),
            "oidcProviderArn": provider.arn if provider else "",
            "oidcProviderUrl": issuer,
            "oidcIssuer": issuer.apply(lambda url: url.removeprefix("https://")),
            "defaultNodeGroupAsgName": "",
            "fargateProfileId": "",
            "fargateProfileStatus": "",
            "autoModeNodeRoleName": "",
        }
        # Without its kubeconfig, which would make all of it secret.
        self.outputs["core"] = {
            "cluster": cluster,
            "vpcId": inputs["vpcId"],
            "subnetIds": self._subnets(),
            "publicSubnetIds": inputs.get("publicSubnetIds"),
            "privateSubnetIds": inputs.get("privateSubnetIds"),
            "endpoint": cluster.endpoint,
            "clusterSecurityGroup": group,
            "clusterIamRole": role.role if role else inputs.get("serviceRole"),
            "instanceRoles": self.outputs["instanceRoles"],
            "nodeGroupOptions": {},
            "oidcProvider": provider,
            "tags": self._tags,
            "nodeSecurityGroupTags": inputs.get("nodeSecurityGroupTags"),
            "vpcCni": cni,
        }
        self.outputs = {key: value for key, value in self.outputs.items() if value is not None}
        self.register_outputs(self.outputs)

    def _subnets(self) -> pulumi.Output[list[str]]:
        inputs = self._inputs
        if inputs.get("subnetIds") is not None:
            return pulumi.Output.from_input(inputs["subnetIds"])
        both = pulumi.Output.all(inputs.get("publicSubnetIds"), inputs.get("privateSubnetIds"))
        return both.apply(lambda lists: [subnet for subnets in lists for subnet in subnets or []])

    def _service_role(self) -> ServiceRole | None:
        if self._inputs.get("serviceRole") is not None:
            return None
        return ServiceRole(
            f"{self._name}-eksRole",
            service="eks.amazonaws.com",
            description="Allows EKS to manage clusters on your behalf.",
            policies=["AmazonEKSClusterPolicy"],
            partition=self._partition,
            tags=self._tags,
            actions=["sts:AssumeRole", "sts:TagSession"],
            opts=self._child,
        )

    def _instance_roles(self) -> list[iam.Role]:
        given = self._inputs.get("instanceRoles") or []
        return list(given) + ([self._inputs["instanceRole"]] if self._inputs.get("instanceRole") is not None else [])

    def _cluster_group(self) -> ec2.SecurityGroup | None:
        inputs, name = self._inputs, self._name
        if inputs.get("clusterSecurityGroup") is not None:
            given: ec2.SecurityGroup = inputs["clusterSecurityGroup"]
            return given
        if inputs.get("skipDefaultSecurityGroups"):
            return None
        tags = merged_tags(inputs.get("clusterSecurityGroupTags"), self._tags, Name=f"{name}-eksClusterSecurityGroup")
        return cluster_security_group(name, vpc_id=inputs["vpcId"], tags=tags, opts=self._child)

    def _node_group_security(
        self, cluster: eks.Cluster, group: ec2.SecurityGroup | None
    ) -> tuple[ec2.SecurityGroup | None, ec2.SecurityGroupRule | None]:
        if self._inputs.get("skipDefaultSecurityGroups") or group is None:
            return None, None
        return node_security_group(
            self._name,
            vpc_id=self._inputs["vpcId"],
            cluster=cluster,
            cluster_group=group,
            tags=merged_tags(self._inputs.get("nodeSecurityGroupTags"), self._tags),
            opts=self._child,
        )

    def _cluster(self, role: ServiceRole | None, group: ec2.SecurityGroup | None) -> eks.Cluster:
        inputs, name = self._inputs, self._name
        config = {
            "subnetIds": self._subnets(),
            "securityGroupIds": [group.id] if group else None,
            "endpointPrivateAccess": inputs.get("endpointPrivateAccess"),
            "endpointPublicAccess": inputs.get("endpointPublicAccess"),
            "publicAccessCidrs": inputs.get("publicAccessCidrs"),
        }
        range_, family = inputs.get("kubernetesServiceIpAddressRange"), inputs.get("ipFamily")
        network = {"serviceIpv4Cidr": range_, "ipFamily": family or "ipv4"} if range_ or family else None
        key = inputs.get("encryptionConfigKeyArn")
        role_arn = role.role.arn if role else pulumi.Output.from_input(inputs["serviceRole"]).apply(lambda r: r.arn)
        made: eks.Cluster = eks.Cluster(
            f"{name}-eksCluster",
            name=inputs.get("name"),
            role_arn=role_arn,
            kubernetes_network_config=network,
            bootstrap_self_managed_addons=inputs.get("bootstrapSelfManagedAddons", True),
            vpc_config={key_: value for key_, value in config.items() if value is not None},
            version=inputs.get("version"),
            enabled_cluster_log_types=inputs.get("enabledClusterLogTypes"),
            tags=merged_tags(inputs.get("clusterTags"), self._tags, Name=f"{name}-eksCluster"),
            encryption_config={"provider": {"keyArn": key}, "resources": ["secrets"]} if key is not None else None,
            access_config={
                "authenticationMode": inputs["authenticationMode"],
                "bootstrapClusterCreatorAdminPermissions": True,
            },
            upgrade_policy=inputs.get("upgradePolicy"),
            deletion_protection=inputs.get("deletionProtection"),
            opts=pulumi.ResourceOptions(
                parent=self,
                ignore_changes=["accessConfig.bootstrapClusterCreatorAdminPermissions", "bootstrapSelfManagedAddons"],
                depends_on=role.attachments if role else [],
            ),
        )
        return made

    def _access_entries(self, cluster: eks.Cluster) -> list[pulumi.CustomResource]:
        made: list[pulumi.CustomResource] = []
        opts = pulumi.ResourceOptions(parent=self, depends_on=[cluster])
        for key, entry in (self._inputs.get("accessEntries") or {}).items():
            access = eks.AccessEntry(
                f"{self._name}-{key}",
                cluster_name=cluster.name,
                principal_arn=entry["principalArn"],
                kubernetes_groups=entry.get("kubernetesGroups"),
                type=entry.get("type"),
                user_name=entry.get("username"),
                tags=entry.get("tags"),
                opts=opts,
            )
            made.append(access)
            for policy_key, association in (entry.get("accessPolicies") or {}).items():
                policy = eks.AccessPolicyAssociation(
                    f"{self._name}-{key}-{policy_key}",
                    cluster_name=cluster.name,
                    principal_arn=entry["principalArn"],
                    policy_arn=association["policyArn"],
                    access_scope=association["accessScope"],
                    opts=pulumi.ResourceOptions(parent=access, depends_on=[access]),
                )
                made.append(policy)
        return made

    def _addon_version(self, given: Any, addon: str, cluster: eks.Cluster) -> pulumi.Output[str]:
        if given is not None:
            return pulumi.Output.from_input(given)
        newest = eks.get_addon_version_output(
            addon_name=addon,
            kubernetes_version=cluster.version,
            most_recent=True,
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        found: pulumi.Output[str] = newest.version
        return found

    def _addon(self, addon: str, options: Inputs, cluster: eks.Cluster) -> None:
        values = options.get("configurationValues")
        text = None if values is None else pulumi.Output.from_input(values).apply(json.dumps)
        eks.Addon(
            f"{self._name}-{addon}",
            cluster_name=cluster.name,
            addon_name=addon,
            addon_version=self._addon_version(options.get("version"), addon, cluster),
            preserve=True,
            resolve_conflicts_on_create=options.get("resolveConflictsOnCreate") or "OVERWRITE",
            resolve_conflicts_on_update=options.get("resolveConflictsOnUpdate") or "OVERWRITE",
            configuration_values=text,
            tags=self._tags,
            opts=self._child,
        )

    def _kube_proxy(self, cluster: eks.Cluster) -> None:
        options = self._inputs.get("kubeProxyAddonOptions") or {}
        if options.get("enabled", True):
            self._addon("kube-proxy", options, cluster)

    def _coredns(self, cluster: eks.Cluster) -> None:
        # Without a default node group the add-on is made only when the program asks for it.
        options = self._inputs.get("corednsAddonOptions") or {}
        if options.get("enabled") is True or options.get("configurationValues"):
            self._addon("coredns", options, cluster)

    def _cni(self, cluster: eks.Cluster, entries: Sequence[pulumi.Resource]) -> VpcCniAddon | None:
        if self._inputs.get("useDefaultVpcCni"):
            return None
        options = self._inputs.get("vpcCniOptions") or {}
        return VpcCniAddon(
            f"{self._name}-vpc-cni",
            options,
            cluster=cluster,
            version=self._addon_version(options.get("addonVersion"), "vpc-cni", cluster),
            tags=self._tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(entries)),
        )

    def _oidc_provider(self, cluster: eks.Cluster, config: dict[str, Any]) -> iam.OpenIdConnectProvider | None:
        if not self._inputs.get("createOidcProvider"):
            return None
        thumbprint = authority_thumbprint(config)
        provider: iam.OpenIdConnectProvider = iam.OpenIdConnectProvider(
            f"{self._name}-oidcProvider",
            client_id_lists=["sts.amazonaws.com"],
            url=cluster.identities.apply(lambda found: found[0].oidcs[0].issuer),
            thumbprint_lists=[thumbprint] if thumbprint else None,
            opts=self._child,
        )
        return provider


def _place(arn: str) -> tuple[str, str]:
    """The name and the region of a cluster, from its ARN."""
    _, _, _, region, _, name = arn.split(":")
    return name.removeprefix("cluster/"), region


def local_kubeconfig() -> dict[str, Any]:
    """The local plane's kubeconfig, from the file that LOCALCLOUD_KUBECONFIG names; raises UserError."""
    path = os.environ.get(KUBECONFIG)
    if not path:
        raise UserError(
            f"the local stand-in for eks needs a cluster: {KUBECONFIG} must name the local plane's kubeconfig"
        )
    try:
        config = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"the local plane's kubeconfig, {path}, cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise UserError(f"the local plane's kubeconfig, {path}, is not YAML: {error}") from error
    if not isinstance(config, dict):
        raise UserError(f"the local plane's kubeconfig, {path}, is not a YAML mapping")
    return config


def authority_thumbprint(config: dict[str, Any]) -> str | None:
    """The SHA-1 of the plane's certificate authority, which signs for its issuer; None when the config embeds none."""
    for entry in config.get("clusters", []):
        data = entry.get("cluster", {}).get("certificate-authority-data")
        if data:
            der = ssl.PEM_cert_to_DER_cert(base64.b64decode(data).decode())
            return hashlib.sha1(der, usedforsecurity=False).hexdigest()
    return None
