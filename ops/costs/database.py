"""What a managed database costs a month, about.

Unlike the rest of `ops.prices`, the prices of classes, storage and snapshots were not read off AWS's price list: look
them up before you count on them.
"""

from decimal import Decimal

from infra.settings import DatabaseSettings
from ops import prices
from ordering.errors import UserError

# RDS for MySQL in one zone, an hour, of the classes that a small team takes; a standby doubles it, and the storage.
_HOUR = {
    "db.t4g.micro": "0.016",
    "db.t4g.small": "0.032",
    "db.t4g.medium": "0.065",
    "db.t4g.large": "0.129",
    "db.m7g.large": "0.168",
    "db.m7g.xlarge": "0.337",
    "db.m7g.2xlarge": "0.674",
    "db.r7g.large": "0.239",
    "db.r7g.xlarge": "0.478",
}


def database_price(database: DatabaseSettings) -> tuple[str, Decimal]:
    """What it is, in words, and its price in US dollars a month; UserError for a class that the table does not have."""
    hour = _HOUR.get(database.instance_class)
    if hour is None:
        raise UserError(
            f"The price table has no price for {database.instance_class}; choose one of "
            f"{', '.join(_HOUR)}, or add the class to ops/costs/database.py."
        )
    copies = 2 if database.multi_az else 1
    standby = " with a standby" if database.multi_az else ""
    each = Decimal(hour) * prices.HOURS + database.storage_gib * prices.DATABASE_GIB_MONTH
    return f"{database.instance_class}{standby}, {database.storage_gib} GiB", copies * each
