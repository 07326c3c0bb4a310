"""What it costs to see a cluster: measurements, logs of pods, and alarms."""

from decimal import Decimal

from infra.aws.alarms import alarms
from infra.settings import Settings
from ops import prices

# What nobody knows beforehand: pods of a node, the values that are measured of each a minute, and what all pods log.
PODS_A_NODE = 20
VALUES_A_MINUTE = 40
LOGS_GB = 20


def amount(settings: Settings) -> Decimal:
    """US dollars a month."""
    nodes = settings.nodes.desired + sum(pool.desired for pool in settings.pools)
    values = nodes * PODS_A_NODE * VALUES_A_MINUTE * 60 * prices.HOURS
    measured = Decimal(values) / 1_000_000 * prices.OBSERVATIONS_MILLION
    return measured + LOGS_GB * prices.LOGS_GB + _alarms(settings) * prices.ALARM_MONTH


def what(settings: Settings) -> str:
    """What that rests on."""
    return f"{PODS_A_NODE} pods a node measured, {LOGS_GB} GB of their logs (assumed), {_alarms(settings)} alarms"


def _alarms(settings: Settings) -> int:
    return len(alarms(settings.cluster.name)) + (settings.address is not None)
