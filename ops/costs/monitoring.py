"""What it costs to see a cluster: measurements, logs of pods, and alarms."""

from decimal import Decimal

from infra.aws.alarms import alarms
from infra.settings import Settings
from ops import prices

# What nobody knows beforehand: pods of a node, the values that are measured of each a minute, and what all pods log.
PODS_A_NODE = 20
VALUES_A_MINUTE = 40
LOGS_GB = 20


REPLICAS = 2
"""Pods of Prometheus, each with a volume of its own (kube-prometheus v0.18.0, manifests/prometheus-prometheus.yaml)."""


def kept_gib(settings: Settings) -> int:
    """What the volumes of Prometheus hold in all, in GiB; 0 without it."""
    return REPLICAS * settings.monitoring.storage_gib if settings.monitoring.kind == "prometheus" else 0


def price(settings: Settings) -> tuple[str, Decimal]:
    """What monitoring comes to, and US dollars a month."""
    if settings.monitoring.kind == "prometheus":
        gib = kept_gib(settings)
        return f"{gib} GiB of Prometheus' measurements on gp3", gib * prices.GP3_GIB_MONTH
    return _what(settings), _amount(settings)


def _amount(settings: Settings) -> Decimal:
    nodes = settings.nodes.desired + sum(pool.desired for pool in settings.pools)
    values = nodes * PODS_A_NODE * VALUES_A_MINUTE * 60 * prices.HOURS
    measured = Decimal(values) / 1_000_000 * prices.OBSERVATIONS_MILLION
    return measured + LOGS_GB * prices.LOGS_GB + _alarms(settings) * prices.ALARM_MONTH


def _what(settings: Settings) -> str:
    return f"{PODS_A_NODE} pods a node measured, {LOGS_GB} GB of their logs (assumed), {_alarms(settings)} alarms"


def _alarms(settings: Settings) -> int:
    return len(alarms(settings.cluster.name)) + (settings.address is not None)
