"""What daily backups cost a month, about.

As those of a managed database, its prices were not read off AWS's price list: look them up before you count on them.
"""

from decimal import Decimal

from infra.settings import Settings
from ops import prices

# AWS stores what has changed since the day before (AWS Backup developer guide, "How AWS Backup works"), and nobody
# knows how much that is.
CHANGED_A_DAY = Decimal("0.02")
COUNTED_DAYS = 90
"""More days than that change the same parts again, for all that is known here."""


def backup_price(settings: Settings, *, volumes_gib: int, files_gb: int) -> tuple[str, Decimal]:
    """What that is, in words, and its price in US dollars a month, with so much in claims, and in EFS if there is any.

    One whole copy, and what changes on each of the days that are kept.
    """
    files = files_gb if settings.files == "efs" else 0
    database = settings.database.storage_gib if settings.database else 0
    copies = 1 + (min(settings.backup_days, COUNTED_DAYS) - 1) * CHANGED_A_DAY
    whole = (volumes_gib + files) * prices.BACKUP_GB_MONTH + database * prices.DATABASE_BACKUP_GIB_MONTH
    kept = volumes_gib + files + database
    what = f"{settings.backup_days} days of {kept} GiB, of which {CHANGED_A_DAY:.0%} changes a day (assumed)"
    return what, whole * copies
