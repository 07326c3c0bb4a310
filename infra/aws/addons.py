"""Managed EKS add-ons."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import eks


@dataclass(frozen=True, kw_only=True)
class AddonArgs:
    """A build of an add-on, by EKS's name for it; `configuration` is JSON of the add-on's own schema."""

    cluster_name: pulumi.Input[str]
    addon: str
    version: str
    role_arn: pulumi.Input[str] | None = None
    configuration: str | None = None
    tags: Mapping[str, str]


def addon(name: str, args: AddonArgs, opts: pulumi.ResourceOptions) -> eks.Addon:
    """The add-on; what somebody changed of it by hand is overwritten."""
    return eks.Addon(
        f"{name}-{args.addon}",
        cluster_name=args.cluster_name,
        addon_name=args.addon,
        addon_version=args.version,
        resolve_conflicts_on_create="OVERWRITE",
        resolve_conflicts_on_update="OVERWRITE",
        service_account_role_arn=args.role_arn,
        configuration_values=args.configuration,
        tags=dict(args.tags),
        opts=opts,
    )
