"""What a stack may cost: its settings, its budget in AWS, and whether AWS would count anything."""

from decimal import Decimal
from typing import Any

import boto3
import pytest

from infra.program import program
from infra.settings import BudgetSettings
from ops import cost
from ops.doctor import budget as doctor
from ops.doctor.finding import Finding
from ordering.errors import UserError
from tests.unit.inputs import inputs
from tests.unit.mocks import Recording, record
from tests.unit.settings_source import settings

WANTED: dict[str, Any] = {"budgetMonthly": 900, "budgetEmail": "platform@example.com"}


def made(**changes: Any) -> Recording:
    return record(lambda: program(inputs(**changes)).export())


def test_nothing_is_watched_unless_it_is_wanted() -> None:
    assert settings().budget is None
    assert settings(**WANTED).budget == BudgetSettings(monthly=900, email="platform@example.com")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"budgetMonthly": 900}, "budgetEmail is empty, so nobody would hear that the budget is spent"),
        ({"budgetEmail": "a@example.com"}, "budgetEmail a@example.com would never get a mail; set budgetMonthly"),
        ({**WANTED, "budgetEmail": "platform"}, "budgetEmail 'platform' is not an e-mail address; write one like"),
        ({**WANTED, "budgetMonthly": -1}, "budgetMonthly"),
        ({**WANTED, "cloud": "none", "clusterMode": "existing", "clusterContext": "lab"}, "is a setting of AWS"),
    ],
)
def test_what_is_wrong_with_a_budget_is_one_sentence(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as caught:
        settings(**changes)
    assert words in str(caught.value)


def test_it_counts_by_the_stacks_tag_and_sends_three_mails() -> None:
    found = made(**WANTED).one("Budget", "kubeflow-dev-monthly").inputs
    assert (found["limitAmount"], found["limitUnit"], found["timeUnit"]) == ("900", "USD", "MONTHLY")
    assert found["costFilters"] == [{"name": "TagKeyValue", "values": ["user:pulumi:stack$dev"]}]
    assert found["tags"]["pulumi:stack"] == "dev"
    mails = [(one["notificationType"], one["threshold"]) for one in found["notifications"]]
    assert mails == [("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)]
    assert {tuple(one["subscriberEmailAddresses"]) for one in found["notifications"]} == {("platform@example.com",)}


def test_a_stack_on_a_cluster_of_somebody_else_may_have_one_too() -> None:
    assert made(**WANTED, clusterMode="existing", clusterContext="lab").all("Budget")


class Billing:
    """Cost Explorer, which knows of some tags."""

    def __init__(self, *status: str) -> None:
        self._status = status

    def list_cost_allocation_tags(self, **asked: Any) -> dict[str, Any]:
        assert asked == {"TagKeys": ["pulumi:stack"]}
        return {"CostAllocationTags": [{"TagKey": "pulumi:stack", "Status": one} for one in self._status]}


@pytest.fixture
def find(monkeypatch: pytest.MonkeyPatch) -> Any:
    def asked(*status: str, **changes: Any) -> list[Finding]:
        monkeypatch.setattr(boto3, "client", lambda *_args, **_options: Billing(*status))
        return list(doctor.check_budget(settings(**changes)))

    line = cost.Line(name="nodes", what="", on_demand=Decimal(868), savings_plan=Decimal(0), spot=Decimal(0))
    monkeypatch.setattr(doctor, "bill", lambda _: cost.Bill(lines=(line,), volumes_gib=0))
    return asked


def test_doctor_says_whether_aws_counts_by_the_tag(find: Any) -> None:
    assert [one.state for one in find("Active", **WANTED)] == ["ok", "ok"]
    for status in ((), ("Inactive",)):
        tag, _ = find(*status, **WANTED)
        assert (tag.state, "so the budget stays at 0" in tag.found) == ("warning", True)
        assert "activate it under Cost allocation tags" in tag.advice
    assert find("Active") == []


def test_doctor_compares_the_budget_with_the_bill(find: Any) -> None:
    _, short = find("Active", **{**WANTED, "budgetMonthly": 800})
    assert (short.state, short.found) == ("warning", "800 dollars a month, and the stack costs about 868.00")
