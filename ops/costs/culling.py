"""What it saves that idle notebook servers are stopped: hours of nodes that nobody uses."""

from dataclasses import dataclass
from decimal import Decimal

from infra.aws import instances
from infra.settings import NotebookSettings, Settings
from infra.settings.groups import BASE
from ops import prices

# What nobody knows beforehand: a person's month.
HOURS_A_DAY = 8
DAYS = 22


@dataclass(frozen=True, kw_only=True)
class Saving:
    """For one notebook server with a node to itself on a group of nodes: hours a month that it no longer runs.

    `monthly` is what they cost, in US dollars.
    """

    group: str
    instance_type: str
    minutes: int
    hours: Decimal
    monthly: Decimal


def savings(settings: Settings) -> tuple[Saving, ...]:
    """By group of nodes, the base first; none where nothing is stopped, or where nodes would stay all the same.

    UserError when a price is not known.
    """
    if settings.cluster.mode != "create" or settings.nodes.autoscaling == "none":
        return ()
    groups = [(BASE, settings.nodes.instance_type, False)]
    groups += [(pool.name, pool.instance_types[0], pool.capacity == "spot") for pool in settings.pools]
    found = []
    for name, instance_type, spot in groups:
        minutes = limit(settings.notebooks, accelerated=_accelerated(instance_type))
        if minutes:
            hour = prices.instance_price(instance_type, settings.region)
            hours = max(Decimal(0), prices.HOURS - DAYS * (HOURS_A_DAY + Decimal(minutes) / 60))
            found.append(
                Saving(
                    group=name,
                    instance_type=instance_type,
                    minutes=minutes,
                    hours=hours,
                    monthly=hours * (hour.spot if spot else hour.on_demand),
                )
            )
    return tuple(found)


def limit(notebooks: NotebookSettings, *, accelerated: bool) -> int:
    """Minutes after which an idle server is stopped; 0 for never."""
    return (notebooks.gpu_idle_minutes if accelerated else 0) or notebooks.idle_minutes


def _accelerated(instance_type: str) -> bool:
    return instances.has_nvidia(instance_type) or instances.has_neuron(instance_type)


def sentence(saving: Saving) -> str:
    """One saving as `make cost` prints it."""
    return (
        f"Stopped after {saving.minutes} idle minutes, a notebook that has a node of {saving.group} "
        f"({saving.instance_type}) to itself runs {saving.hours:.0f} hours less a month than one left running, "
        f"{saving.monthly:.2f} dollars, if somebody works {HOURS_A_DAY} hours on {DAYS} days (assumed)."
    )
