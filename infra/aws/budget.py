"""What a stack costs in AWS, compared with what it may: a mail when most of it, all of it, or more than it is spent."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import budgets

from infra.settings import BudgetSettings
from infra.settings.budget import TAG

# What is spent, in percent, and what AWS expects to be spent by the end of the month.
_MAILS = (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))


@dataclass(frozen=True, kw_only=True)
class BudgetArgs:
    """The budget of the stack of that name."""

    budget: BudgetSettings
    stack: str
    tags: Mapping[str, str]


class Budget(pulumi.ComponentResource):
    """A monthly budget for what has the stack's tag."""

    def __init__(self, name: str, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:Budget", name, None, opts)
        budgets.Budget(
            f"{name}-monthly",
            name=f"{name}-monthly",
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(args.budget.monthly),
            limit_unit="USD",
            # A tag that a person made is written so (AWS Budgets, "CostFilters" of the API's type Budget).
            cost_filters=[budgets.BudgetCostFilterArgs(name="TagKeyValue", values=[f"user:{TAG}${args.stack}"])],
            notifications=[
                budgets.BudgetNotificationArgs(
                    comparison_operator="GREATER_THAN",
                    notification_type=kind,
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                    subscriber_email_addresses=[args.budget.email],
                )
                for kind, percent in _MAILS
            ],
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
