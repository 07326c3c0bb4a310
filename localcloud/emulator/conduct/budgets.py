"""By which permissions AWS Budgets is used: two, whatever the call is.

Service Authorization Reference, "Actions, resources, and condition keys for AWS Budget Service": ModifyBudget makes,
changes and deletes a budget and its mails, ViewBudget reads them; tags have permissions of their own.
"""

from typing import Any

from ministack.core import iam_actions

_TARGET = "AWSBudgetServiceGateway."


def use_permissions_of_aws() -> None:
    """Have MiniStack judge calls by AWS's names; its own are those of the calls."""
    named: Any = iam_actions._action_from_target

    def action(headers: dict[str, Any]) -> str | None:
        call: str | None = named(headers)
        if call is None or not str(headers.get("x-amz-target", "")).startswith(_TARGET):
            return call
        if call.endswith(("TagResource", "UntagResource", "TagsForResource")):
            return call
        return "ViewBudget" if call.startswith("Describe") else "ModifyBudget"

    iam_actions._action_from_target = action
