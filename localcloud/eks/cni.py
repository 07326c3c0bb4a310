"""The VPC CNI add-on: options as the environment of its DaemonSet."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_aws import eks

from localcloud.eks.inputs import Inputs

# Option, environment variable, value when the option is not given (None: the variable is left out).
_ENVIRONMENT = (
    ("nodePortSupport", "AWS_VPC_CNI_NODE_PORT_SUPPORT", None),
    ("customNetworkConfig", "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", None),
    ("warmEniTarget", "WARM_ENI_TARGET", "1"),
    ("warmIpTarget", "WARM_IP_TARGET", None),
    ("warmPrefixTarget", "WARM_PREFIX_TARGET", None),
    ("enablePrefixDelegation", "ENABLE_PREFIX_DELEGATION", None),
    ("logLevel", "AWS_VPC_K8S_CNI_LOGLEVEL", "DEBUG"),
    ("logFile", "AWS_VPC_K8S_CNI_LOG_FILE", "/host/var/log/aws-routed-eni/ipamd.log"),
    ("vethPrefix", "AWS_VPC_K8S_CNI_VETHPREFIX", "eni"),
    ("eniMtu", "AWS_VPC_ENI_MTU", "9001"),
    ("eniConfigLabelDef", "ENI_CONFIG_LABEL_DEF", None),
    ("pluginLogLevel", "AWS_VPC_K8S_PLUGIN_LOG_LEVEL", "DEBUG"),
    ("pluginLogFile", "AWS_VPC_K8S_PLUGIN_LOG_FILE", "/var/log/aws-routed-eni/plugin.log"),
    ("enablePodEni", "ENABLE_POD_ENI", "false"),
    ("cniConfigureRpfilter", "AWS_VPC_K8S_CNI_CONFIGURE_RPFILTER", None),
    ("cniCustomNetworkCfg", "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", "false"),
    ("cniExternalSnat", "AWS_VPC_K8S_CNI_EXTERNALSNAT", "false"),
    ("externalSnat", "AWS_VPC_K8S_CNI_EXTERNALSNAT", None),
)
_INIT_ENVIRONMENT = (("disableTcpEarlyDemux", "DISABLE_TCP_EARLY_DEMUX", "false"),)


def configuration(options: Mapping[str, Any]) -> dict[str, Any]:
    """The add-on's configuration values; what the options' `configurationValues` say is stronger."""
    result: dict[str, Any] = json.loads(json.dumps(options.get("configurationValues") or {}))
    if options.get("enableNetworkPolicy") is not None:
        result.setdefault("enableNetworkPolicy", _text(options["enableNetworkPolicy"]))
    result["env"] = _variables(_ENVIRONMENT, options) | result.get("env", {})
    init = result.setdefault("init", {})
    init["env"] = _variables(_INIT_ENVIRONMENT, options) | init.get("env", {})
    return result


def _variables(table: tuple[tuple[str, str, str | None], ...], options: Mapping[str, Any]) -> dict[str, str]:
    given: dict[str, str] = {}
    for option, variable, default in table:
        if options.get(option):
            given[variable] = _text(options[option])
        elif default is not None and variable not in given:
            given[variable] = default
    return given


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) else str(value)


class VpcCniAddon(pulumi.ComponentResource):
    """`eks:index:VpcCniAddon`: the add-on, in a component of its own."""

    def __init__(
        self,
        name: str,
        options: Inputs,
        *,
        cluster: eks.Cluster,
        version: pulumi.Input[str],
        tags: Any,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("eks:index:VpcCniAddon", name, None, opts)
        values = pulumi.Output.from_input(dict(options)).apply(lambda known: json.dumps(configuration(known)))
        self.addon = eks.Addon(
            name,
            cluster_name=cluster.name,
            addon_name="vpc-cni",
            addon_version=version,
            resolve_conflicts_on_create=options.get("resolveConflictsOnCreate") or "OVERWRITE",
            resolve_conflicts_on_update=options.get("resolveConflictsOnUpdate") or "OVERWRITE",
            preserve=True,
            configuration_values=values,
            service_account_role_arn=options.get("serviceAccountRoleArn"),
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"addon": self.addon})
