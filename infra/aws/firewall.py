"""What looks at requests before the load balancer takes them: a web ACL of AWS WAF."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import wafv2

from infra.aws import iam
from infra.aws.firewall_rules import MANAGED, REQUESTS


@dataclass(frozen=True, kw_only=True)
class FirewallArgs:
    """The load balancer that it stands before."""

    balancer_arn: pulumi.Input[str]
    tags: Mapping[str, str]


class Firewall(pulumi.ComponentResource):
    """A web ACL, and its association with a load balancer."""

    arn: pulumi.Output[str]
    """The web ACL's: for a log of one's own."""

    def __init__(self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:Firewall", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        full = f"{name}-address"
        rules = [_managed(group, counted, number) for number, (group, counted) in enumerate(MANAGED.items())]
        acl = wafv2.WebAcl(
            full,
            # Letters, digits, - and _ (AWS WAFV2 API reference, "CreateWebACL").
            name=iam.plain(full),
            scope="REGIONAL",
            default_action=wafv2.WebAclDefaultActionArgs(allow=wafv2.WebAclDefaultActionAllowArgs()),
            rules=[*rules, _flood(len(rules))],
            visibility_config=_seen("all"),
            tags=dict(args.tags),
            opts=child,
        )
        wafv2.WebAclAssociation(full, resource_arn=args.balancer_arn, web_acl_arn=acl.arn, opts=child)
        self.arn = acl.arn
        self.register_outputs({"arn": self.arn})


def _managed(group: str, counted: tuple[str, ...], priority: int) -> "wafv2.WebAclRuleArgs":
    count = wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseArgs(
        count=wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseCountArgs()
    )
    statement = wafv2.WebAclRuleStatementManagedRuleGroupStatementArgs(
        vendor_name="AWS",
        name=group,
        rule_action_overrides=[
            wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideArgs(name=rule, action_to_use=count)
            for rule in counted
        ],
    )
    return wafv2.WebAclRuleArgs(
        name=group,
        priority=priority,
        override_action=wafv2.WebAclRuleOverrideActionArgs(none=wafv2.WebAclRuleOverrideActionNoneArgs()),
        statement=wafv2.WebAclRuleStatementArgs(managed_rule_group_statement=statement),
        visibility_config=_seen(group),
    )


def _flood(priority: int) -> "wafv2.WebAclRuleArgs":
    statement = wafv2.WebAclRuleStatementRateBasedStatementArgs(limit=REQUESTS, aggregate_key_type="IP")
    return wafv2.WebAclRuleArgs(
        name="flood",
        priority=priority,
        action=wafv2.WebAclRuleActionArgs(block=wafv2.WebAclRuleActionBlockArgs()),
        statement=wafv2.WebAclRuleStatementArgs(rate_based_statement=statement),
        visibility_config=_seen("flood"),
    )


def _seen(metric: str) -> "wafv2.WebAclVisibilityConfigArgs":
    """Counted in CloudWatch under a name, with samples that the console shows."""
    return wafv2.WebAclVisibilityConfigArgs(
        cloudwatch_metrics_enabled=True, metric_name=metric, sampled_requests_enabled=True
    )
