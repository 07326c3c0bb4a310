"""Managed EKS add-ons."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import eks

from infra.aws.pod_access import AccountRole


@dataclass(frozen=True, kw_only=True)
class AddonArgs:
    """A build of an add-on, by EKS's name for it; `configuration` is JSON of the add-on's own schema.

    `role` is that of its service account, where it asks something of AWS.
    """

    cluster_name: pulumi.Input[str]
    addon: str
    version: str
    role: AccountRole | None = None
    configuration: str | None = None
    tags: Mapping[str, str]


def addon(name: str, args: AddonArgs, opts: pulumi.ResourceOptions) -> eks.Addon:
    """The add-on; what somebody changed of it by hand is overwritten.

    One whose account gets at AWS another way is made again: its pods would go on as they began, and AWS takes no role
    away from an add-on (hashicorp/terraform-provider-aws issue 30645).
    """
    role = args.role
    if role is not None:
        again = pulumi.ResourceOptions(
            depends_on=list(role.needs) or None,
            replace_on_changes=["serviceAccountRoleArn"],
            replacement_trigger=role.way,
            delete_before_replace=True,
        )
        opts = pulumi.ResourceOptions.merge(opts, again)
    return eks.Addon(
        f"{name}-{args.addon}",
        cluster_name=args.cluster_name,
        addon_name=args.addon,
        addon_version=args.version,
        resolve_conflicts_on_create="OVERWRITE",
        resolve_conflicts_on_update="OVERWRITE",
        service_account_role_arn=role.annotated if role else None,
        configuration_values=args.configuration,
        tags=dict(args.tags),
        opts=opts,
    )
