"""What AWS charges, in US dollars: on-demand list prices of Linux instances, and of what a stack has beside them.

Read off the public price list on AS_OF. A month has 730 hours, as in AWS's own calculator.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from infra.aws.instances import instance
from ordering.errors import UserError

AS_OF = date(2026, 1, 19)
HOURS = 730

# These three have the same prices for all that is in this table.
REGIONS = ("us-east-1", "us-east-2", "us-west-2")

CONTROL_PLANE_HOUR = Decimal("0.10")
NAT_HOUR = Decimal("0.045")
NAT_GB = Decimal("0.045")
ADDRESS_HOUR = Decimal("0.005")
# An interface endpoint, in each zone, and what passes through it (AWS PrivateLink pricing).
ENDPOINT_HOUR = Decimal("0.01")
ENDPOINT_GB = Decimal("0.01")
GP3_GIB_MONTH = Decimal("0.08")
# A load balancer, and one unit of its capacity: 25 new connections a second, 3,000 open ones, or 1 GB an hour.
BALANCER_HOUR = Decimal("0.0225")
BALANCER_UNIT_HOUR = Decimal("0.008")
# A web ACL and a rule of it; a million requests, which are not counted here, cost 0.60.
WAF_MONTH, WAF_RULE_MONTH = Decimal(5), Decimal(1)
COGNITO_FREE_USERS = 10_000
COGNITO_USER_MONTH = Decimal("0.015")
EFS_GB_MONTH = Decimal("0.30")
# Of RDS; these two were not read off the list (ops/costs/database.py).
DATABASE_GIB_MONTH = Decimal("0.115")
DATABASE_BACKUP_GIB_MONTH = Decimal("0.095")
# Of AWS Backup, warm storage of EBS and of EFS alike (ops/costs/backup.py).
BACKUP_GB_MONTH = Decimal("0.05")
S3_GB_MONTH = Decimal("0.023")
ECR_GB_MONTH = Decimal("0.10")
LOGS_GB = Decimal("0.50")
KEY_MONTH = Decimal(1)
# Container Insights with enhanced observability charges by measured value (CloudWatch's price list).
OBSERVATIONS_MILLION = Decimal("0.21")
ALARM_MONTH = Decimal("0.10")

# A family's price of one vCPU for an hour: within these families a size costs what its vCPUs do.
_VCPU_HOUR = {
    "c5": "0.0425",
    "c5a": "0.0385",
    "c6a": "0.03825",
    "c6i": "0.0425",
    "c7a": "0.05132",
    "c7i": "0.044625",
    "c6g": "0.034",
    "c7g": "0.03625",
    "m5": "0.048",
    "m5a": "0.043",
    "m6a": "0.0432",
    "m6i": "0.048",
    "m7a": "0.05796",
    "m7i": "0.0504",
    "m6g": "0.0385",
    "m7g": "0.0408",
    "r5": "0.063",
    "r5a": "0.0565",
    "r6a": "0.0567",
    "r6i": "0.063",
    "r7a": "0.076075",
    "r7i": "0.06615",
    "r6g": "0.0504",
    "r7g": "0.05355",
}
# Burstable sizes have two vCPUs and different prices, and of those with GPUs each has its own.
_HOUR = {
    "t3.small": "0.0208",
    "t3.medium": "0.0416",
    "t3.large": "0.0832",
    "t3.xlarge": "0.1664",
    "t3.2xlarge": "0.3328",
    "t3a.small": "0.0188",
    "t3a.medium": "0.0376",
    "t3a.large": "0.0752",
    "t3a.xlarge": "0.1504",
    "t3a.2xlarge": "0.3008",
    "g4dn.xlarge": "0.526",
    "g4dn.2xlarge": "0.752",
    "g4dn.4xlarge": "1.204",
    "g4dn.8xlarge": "2.176",
    "g4dn.12xlarge": "3.912",
    "g4dn.16xlarge": "4.352",
    "g5.xlarge": "1.006",
    "g5.2xlarge": "1.212",
    "g5.4xlarge": "1.624",
    "g5.8xlarge": "2.448",
    "g5.12xlarge": "5.672",
    "g5.16xlarge": "4.096",
    "g5.24xlarge": "8.144",
    "g5.48xlarge": "16.288",
    "g6.xlarge": "0.8048",
    "g6.2xlarge": "0.9776",
    "g6.4xlarge": "1.3232",
    "g6.8xlarge": "2.0144",
    "g6.12xlarge": "4.6016",
    "g6.16xlarge": "3.3968",
    "g6.24xlarge": "6.6752",
    "g6.48xlarge": "13.3504",
}

# Shares of the on-demand price. An EC2 Instance Savings Plan for one year with nothing paid up front: m5.xlarge 0.121
# of 0.192, and a little less off for families from the sixth generation on. Spot prices move by the hour and the zone:
# 60% off is usual for these families in these regions, and none of it is promised.
_SAVINGS_PLAN, _SAVINGS_PLAN_NEWER = Decimal("0.63"), Decimal("0.66")
_SPOT = Decimal("0.40")


@dataclass(frozen=True, kw_only=True)
class InstancePrice:
    """An hour of one instance, bought in three ways."""

    on_demand: Decimal
    savings_plan: Decimal
    spot: Decimal


def check_region(region: str) -> None:
    """UserError for a region whose prices are not in the table."""
    if region not in REGIONS:
        raise UserError(
            f"The price table of {AS_OF} has no prices for {region}; it has {', '.join(REGIONS)}: "
            "choose one to compare with, or add the region to ops/prices.py."
        )


def instance_price(instance_type: str, region: str) -> InstancePrice:
    """What an hour of an instance type costs; UserError when the table has no price for it."""
    check_region(region)
    family = instance_type.partition(".")[0]
    known = instance(instance_type)
    if instance_type in _HOUR:
        on_demand = Decimal(_HOUR[instance_type])
    elif known is not None and family in _VCPU_HOUR:
        on_demand = known.vcpus * Decimal(_VCPU_HOUR[family])
    else:
        families = ", ".join(sorted({*_VCPU_HOUR, *(name.partition(".")[0] for name in _HOUR)}))
        raise UserError(
            f"The price table of {AS_OF} has no price for {instance_type} in {region}; "
            f"choose a size of {families}, or add the type to ops/prices.py."
        )
    share = _SAVINGS_PLAN_NEWER if family[1] in "67" else _SAVINGS_PLAN
    return InstancePrice(on_demand=on_demand, savings_plan=on_demand * share, spot=on_demand * _SPOT)
