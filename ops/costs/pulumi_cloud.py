"""What it costs to keep state in Pulumi Cloud, about: it charges by resource and hour.

The price of a credit, one resource for one hour in the Team edition, was not read off a price list of today. The
Individual edition is free, others charge more, and each includes some: look it up before you count on it.
"""

from decimal import Decimal

from ops import prices
from ops.backend import PULUMI_CLOUD, backend
from ordering.errors import UserError

_CREDIT = Decimal("0.00025")
# What a stack has beside the objects of a release, about: AWS's resources, components, providers.
_BESIDE = 100


def keeps(stack: str) -> bool:
    """Whether Pulumi Cloud keeps a stack's state; where no backend is chosen, nobody does."""
    try:
        return backend(stack).url.startswith(PULUMI_CLOUD)
    except UserError:
        return False


def price(objects: int) -> tuple[str, Decimal]:
    """What it is, in words, and its price in US dollars a month, for a release of so many objects."""
    resources = objects + _BESIDE
    return f"about {resources} resources in Pulumi Cloud, Team edition", resources * prices.HOURS * _CREDIT
