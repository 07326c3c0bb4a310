"""Budgets of AWS Budgets, with the mails that they send."""

from typing import Any

from localcloud.aws.names import tag_list, tag_map, tagged
from localcloud.aws.session import client
from localcloud.providers.kinds import Call, Kind, names
from localcloud.providers.values import Properties

_NOTIFICATION = (
    ("comparisonOperator", "ComparisonOperator"),
    ("notificationType", "NotificationType"),
    ("threshold", "Threshold"),
    ("thresholdType", "ThresholdType"),
)
_SUBSCRIBERS = (("subscriberEmailAddresses", "EMAIL"), ("subscriberSnsTopicArns", "SNS"))


def _budgets(call: Call) -> Any:
    return client(call, "budgets")


def _whose(call: Call) -> dict[str, str]:
    """The account and the name, of which the provider makes the id."""
    account, _, name = call.id.partition(":")
    return {"AccountId": account, "BudgetName": name}


def _budget(call: Call) -> dict[str, Any]:
    inputs = call.inputs
    return {
        "BudgetName": inputs["name"],
        "BudgetType": inputs["budgetType"],
        "TimeUnit": inputs["timeUnit"],
        "BudgetLimit": {"Amount": inputs["limitAmount"], "Unit": inputs["limitUnit"]},
        "CostFilters": {one["name"]: one["values"] for one in inputs.get("costFilters") or ()},
    }


def _notification(given: Properties) -> dict[str, Any]:
    return {to: given[name] for name, to in _NOTIFICATION}


def _subscribers(given: Properties) -> list[dict[str, str]]:
    return [
        {"SubscriptionType": kind, "Address": address}
        for name, kind in _SUBSCRIBERS
        for address in given.get(name) or ()
    ]


def _create(call: Call) -> str:
    account = call.session.account
    _budgets(call).create_budget(
        AccountId=account,
        Budget=_budget(call),
        NotificationsWithSubscribers=[
            {"Notification": _notification(one), "Subscribers": _subscribers(one)}
            for one in call.inputs.get("notifications") or ()
        ],
        **({"ResourceTags": tag_list(call.inputs["tags"])} if call.inputs.get("tags") else {}),
    )
    return f"{account}:{call.inputs['name']}"


def _setup(call: Call) -> None:
    """As the official provider does: what is sent of mails is taken away and made again."""
    if not call.old:
        return
    whose = _whose(call)
    _budgets(call).update_budget(AccountId=whose["AccountId"], NewBudget=_budget(call))
    if call.changed("notifications"):
        for one in call.old.get("notifications") or ():
            _budgets(call).delete_notification(**whose, Notification=_notification(one))
        for one in call.inputs.get("notifications") or ():
            _budgets(call).create_notification(**whose, Notification=_notification(one), Subscribers=_subscribers(one))


def _read(call: Call) -> Properties | None:
    whose = _whose(call)
    found = _budgets(call).describe_budget(**whose)["Budget"]
    arn = f"arn:{call.session.partition}:budgets::{whose['AccountId']}:budget/{whose['BudgetName']}"
    tags = _budgets(call).list_tags_for_resource(ResourceARN=arn).get("ResourceTags")
    period = found["TimePeriod"]
    return {
        **tagged(tag_map(tags)),
        "accountId": whose["AccountId"],
        "arn": arn,
        "budgetType": found["BudgetType"],
        "costFilters": [{"name": name, "values": values} for name, values in found.get("CostFilters", {}).items()],
        "limitAmount": found["BudgetLimit"]["Amount"],
        "limitUnit": found["BudgetLimit"]["Unit"],
        "name": whose["BudgetName"],
        "notifications": _mails(call, whose),
        "timePeriodStart": f"{period['Start']:%Y-%m-%d_%H:%M}",
        "timePeriodEnd": f"{period['End']:%Y-%m-%d_%H:%M}",
        "timeUnit": found["TimeUnit"],
    }


def _mails(call: Call, whose: dict[str, str]) -> list[Properties]:
    found = []
    for one in _budgets(call).describe_notifications_for_budget(**whose).get("Notifications", ()):
        sent = {to: one[to] for _, to in _NOTIFICATION}
        asked = _budgets(call).describe_subscribers_for_notification(**whose, Notification=sent)
        addresses = {
            name: [who["Address"] for who in asked["Subscribers"] if who["SubscriptionType"] == kind]
            for name, kind in _SUBSCRIBERS
        }
        mail = {name: one[to] for name, to in _NOTIFICATION}
        found.append(mail | {name: whom for name, whom in addresses.items() if whom})
    return found


def _retag(call: Call, removed: list[str], tags: dict[str, str]) -> None:
    arn = call.state["arn"]
    if removed:
        _budgets(call).untag_resource(ResourceARN=arn, ResourceTagKeys=removed)
    if tags:
        _budgets(call).tag_resource(ResourceARN=arn, ResourceTags=tag_list(tags))


GLOBAL = [
    Kind(
        token="aws:budgets/budget:Budget",
        create=_create,
        setup=_setup,
        read=_read,
        retag=_retag,
        delete=lambda call: _budgets(call).delete_budget(**_whose(call)),
        replaces=names("name accountId"),
        computed=names("accountId timePeriodStart timePeriodEnd"),
        unordered=names("notifications costFilters"),
    ),
]
