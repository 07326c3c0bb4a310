"""What a stack may cost a month before somebody gets a mail."""

from dataclasses import dataclass

from infra.settings.monitoring import EMAIL
from infra.settings.raw import RawSettings

KEYS = ("budgetMonthly", "budgetEmail")

TAG = "pulumi:stack"
"""What AWS counts by, once somebody has made it a cost allocation tag of the account."""

_MOST = 10_000_000


@dataclass(frozen=True, kw_only=True)
class BudgetSettings:
    """US dollars a month, and the address that hears of them."""

    monthly: int
    email: str


def read_budget(raw: RawSettings) -> BudgetSettings | None:
    """The budget, if there is to be one."""
    monthly, email = raw.integer("budgetMonthly", 0, _MOST), raw.text("budgetEmail")
    if email and not EMAIL.fullmatch(email):
        raw.problem("budgetEmail", f"{email!r} is not an e-mail address; write one like platform@example.com.")
    elif monthly and not email:
        raw.problem("budgetEmail", "is empty, so nobody would hear that the budget is spent; write an e-mail address.")
    elif email and not monthly and raw.sound("budgetMonthly"):
        raw.problem("budgetEmail", f"{email} would never get a mail; set budgetMonthly to US dollars, or remove it.")
    return BudgetSettings(monthly=monthly, email=email) if monthly else None
