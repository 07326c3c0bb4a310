"""Whether a budget would say anything: AWS counts by a tag only once somebody has made that one of its bills."""

from collections.abc import Iterator

import boto3

from infra.aws.patience import PATIENCE
from infra.settings import Settings
from infra.settings.budget import TAG
from ops.cost import bill, money, total
from ops.doctor.finding import Finding, ok, warning

# Cost Explorer is served in one place for all regions (AWS General Reference, "AWS Billing and Cost Management
# endpoints").
_REGION = "us-east-1"


def check_budget(settings: Settings) -> Iterator[Finding]:
    """Whether the stack's tag is counted by, and whether the budget is for what the stack costs; raises ClientError.

    An account that never had the tag on anything knows nothing of it. UserError where a price is not known.
    """
    if settings.budget is None or settings.emulated:
        return
    told = boto3.client("ce", region_name=_REGION, config=PATIENCE).list_cost_allocation_tags(TagKeys=[TAG])
    if any(one["Status"] == "Active" for one in told.get("CostAllocationTags", ())):
        yield ok("budget tag", f"AWS counts costs by {TAG}")
    else:
        yield warning(
            "budget tag",
            f"AWS does not count costs by {TAG}, so the budget stays at 0",
            "activate it under Cost allocation tags in the billing console of the account that pays, a day after the "
            "first up",
        )
    expected = total(bill(settings).lines).on_demand
    if expected > settings.budget.monthly:
        yield warning(
            "budget",
            f"{settings.budget.monthly} dollars a month, and the stack costs about {money(expected)}",
            "raise budgetMonthly, or see what make cost says",
        )
    else:
        yield ok(
            "budget", f"{settings.budget.monthly} dollars a month, of which the stack costs about {money(expected)}"
        )
