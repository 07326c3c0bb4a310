"""Daily backups of what a stack holds, by AWS Backup: its claims' volumes, its files and its database."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_aws import backup
from pulumi_aws import iam as aws_iam

from infra.aws import iam, kept

# At night in America, and before most of the world's working day is over; a job begins within eight hours of it and
# ends within a week, as AWS's own plans say (AWS Backup developer guide, "Backup plan options and configuration").
SCHEDULE = "cron(0 5 ? * * *)"
BEGINS_MINUTES, ENDS_MINUTES = 8 * 60, 7 * 24 * 60

# What backs up, restores, and deletes what has become old (the same, "Managed policies for AWS Backup").
POLICIES = ("AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores")

DRIVERS_TAG = "ebs.csi.aws.com/cluster"
"""What the volume driver puts on each volume that it makes (aws-ebs-csi-driver, docs/tagging.md), and nobody on a
node's own disk, which carries the stack's tags, too."""


@dataclass(frozen=True, kw_only=True)
class BackupArgs:
    """How many `days` a backup is kept, and what becomes of all on destroy.

    `files` and `database` say whether the stack has those beside volumes. `kept` names a vault that is there, and is
    taken over.
    """

    project: str
    stack: str
    region: str
    days: int
    files: bool
    database: bool
    on_destroy: Literal["keep", "empty"]
    kept: str | None
    protect: bool = False
    tags: Mapping[str, str]


class Backup(pulumi.ComponentResource):
    """A vault, a plan that fills it each day, and what the plan is for: whatever has the stack's tags.

    AWS deletes no vault that holds anything. Kept on destroy, the vault stays with all that is in it, which becomes old
    and goes day by day; else the provider deletes each recovery point first.
    """

    vault: pulumi.Output[str]

    def __init__(self, name: str, args: BackupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:Backup", name, None, opts)
        child, tags, keep = pulumi.ResourceOptions(parent=self), dict(args.tags), args.on_destroy == "keep"
        vault = backup.Vault(
            f"{name}-backups",
            name=kept.vault_name(name),
            force_destroy=not keep,
            tags=tags,
            opts=pulumi.ResourceOptions.merge(
                child, pulumi.ResourceOptions(protect=args.protect, retain_on_delete=keep, import_=args.kept)
            ),
        )
        plan = backup.Plan(
            f"{name}-backups",
            name=kept.vault_name(name),
            rules=[
                backup.PlanRuleArgs(
                    rule_name="daily",
                    target_vault_name=vault.name,
                    schedule=SCHEDULE,
                    start_window=BEGINS_MINUTES,
                    completion_window=ENDS_MINUTES,
                    lifecycle=backup.PlanRuleLifecycleArgs(delete_after=args.days),
                    recovery_point_tags=tags,
                )
            ],
            tags=tags,
            opts=child,
        )
        role = aws_iam.Role(
            iam.fitting(f"{name}-backup", iam.LONGEST_ROLE),
            description=f"Backs up and restores what {name} holds",
            assume_role_policy=iam.to_json(iam.service_trust_policy("backup.amazonaws.com")),
            tags=tags,
            opts=child,
        )
        policies = [
            aws_iam.RolePolicyAttachment(
                f"{name}-backup-{policy.removeprefix('AWSBackupServiceRolePolicyFor').lower()}",
                role=role.name,
                policy_arn=iam.managed_policy(args.region, f"service-role/{policy}"),
                opts=child,
            )
            for policy in POLICIES
        ]
        own = {"pulumi:project": args.project, "pulumi:stack": args.stack}
        arn = f"arn:{iam.partition(args.region)}"
        selections = {"volumes": ([f"{arn}:ec2:*:*:volume/*"], {**own, DRIVERS_TAG: "true"})}
        data = [f"{arn}:elasticfilesystem:*:*:file-system/*"] if args.files else []
        data += [f"{arn}:rds:*:*:db:*"] if args.database else []
        if data:
            selections["data"] = (data, own)
        for what, (resources, wanted) in selections.items():
            backup.Selection(
                f"{name}-{what}",
                name=what,
                plan_id=plan.id,
                iam_role_arn=role.arn,
                # Types that are named are backed up whatever the account opted in to, and all conditions must hold
                # (AWS Backup developer guide, "Select AWS services to backup"; API reference, "BackupSelection").
                resources=resources,
                conditions=[
                    backup.SelectionConditionArgs(
                        string_equals=[
                            backup.SelectionConditionStringEqualArgs(key=f"aws:ResourceTag/{key}", value=value)
                            for key, value in wanted.items()
                        ]
                    )
                ],
                opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=policies)),
            )
        self.vault = vault.name
        self.register_outputs({"vault": self.vault})
