"""Node hours and dollars of a week that was played, by pool and by team, by day, at night and at the weekend."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from infra.kubeflow.capacity import Load, Requirements
from infra.settings import Settings
from infra.settings.groups import BASE
from ops import cost, prices
from ops.costs.week import setup
from ops.costs.week.model import DAY, HOUR, PLATFORM, WEEK, Outcome, Span, Stuck
from ops.costs.week.simulation import simulate
from ops.costs.week.trace import Trace
from ordering.errors import UserError

# Working hours; the rest of Monday to Friday is night.
MORNING, EVENING = 8, 20
_WORKDAYS = 5

_NOTHING = Requirements(Load(), Load(), 0, 0, 0, 0)

WEEKS_A_MONTH = prices.HOURS / Decimal(7 * 24)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Hours of nodes in a week, and US dollars a month; of both, those at night (Monday to Friday) and weekends."""

    hours: Decimal
    night_hours: Decimal
    weekend_hours: Decimal
    monthly: Decimal
    night: Decimal
    weekend: Decimal


@dataclass(frozen=True, kw_only=True)
class PoolUsage:
    """A pool's week, with between `floor` and `peak` nodes; `usage` is as the pool is bought.

    `on_demand` and `spot` are all of it bought so, `savings_plan` with a plan for the floor and the rest on demand.
    """

    pool: str
    instance_type: str
    bought: str
    usage: Usage
    floor: int
    peak: int
    on_demand: Decimal
    savings_plan: Decimal
    spot: Decimal


@dataclass(frozen=True, kw_only=True)
class Week:
    """What a trace makes of a stack: amounts are US dollars a month, with the disks of nodes.

    `waited` is the longest that a pod waited for a node, in seconds; `moves` counts people's pods that lost theirs.
    """

    pools: tuple[PoolUsage, ...]
    teams: Mapping[str, Usage]
    total: Usage
    waited: int
    moves: int
    stuck: tuple[Stuck, ...]
    note: str = ""


def week(settings: Settings, trace: Trace) -> Week:
    """Plays a trace on a stack's pools, beside its platform; `note` says why that is not counted, where it is not.

    UserError for what could never run, or has no price.
    """
    try:
        needed, note = cost.requested(settings), ""
    except UserError as error:
        needed, note = _NOTHING, f"The platform's own pods are not counted: {error}"
    return replace(played(settings, trace, needed), note=note)


def played(settings: Settings, trace: Trace, needed: Requirements) -> Week:
    """Plays a trace beside a platform that asks for so much; UserError for what could never run, or has no price."""
    groups = setup.node_groups(settings, needed.per_node)
    works = [setup.platform(needed), *setup.works(trace, settings, groups)]
    outcome = simulate(
        groups, works, until=setup.WEEKS * WEEK, scaling=settings.nodes.autoscaling == "cluster-autoscaler"
    )
    return summed(settings, outcome, since=(setup.WEEKS - 1) * WEEK)


def summed(settings: Settings, outcome: Outcome, *, since: int) -> Week:
    """What an outcome costs from a time on; UserError for a type without a price."""
    hourly = {pool: _hour(settings, pool) for pool in (BASE, *(pool.name for pool in settings.pools))}
    spans = [one for one in outcome.spans if one.end > since]
    rows = [(one, 1.0, hourly[one.pool].bought) for one in spans]
    teams = sorted({team for one in spans for team in one.shares})
    return Week(
        pools=tuple(
            _pool(pool, hour, [one for one in spans if one.pool == pool], since) for pool, hour in hourly.items()
        ),
        teams={
            team: _usage(((one, one.shares[team], price) for one, _, price in rows if team in one.shares), since)
            for team in teams
        },
        total=_usage(rows, since),
        waited=max((one.waited for one in outcome.starts if one.when >= since), default=0),
        moves=sum(one.moved for one in outcome.starts if one.when >= since and one.pod.team != PLATFORM),
        stuck=tuple(one for one in outcome.stuck if one.until > since),
    )


@dataclass(frozen=True, kw_only=True)
class _Hour:
    """An hour of a node of a pool with its disk, as it is bought and otherwise."""

    instance_type: str
    spot_pool: bool
    on_demand: Decimal
    savings_plan: Decimal
    spot: Decimal

    @property
    def bought(self) -> Decimal:
        return self.spot if self.spot_pool else self.on_demand


def _hour(settings: Settings, name: str) -> _Hour:
    pool = next((pool for pool in settings.pools if pool.name == name), None)
    instance_type = pool.instance_types[0] if pool else settings.nodes.instance_type
    disk = (pool.disk_gib if pool else settings.nodes.disk_gib) * prices.GP3_GIB_MONTH / prices.HOURS
    hour = prices.instance_price(instance_type, settings.region)
    return _Hour(
        instance_type=instance_type,
        spot_pool=pool is not None and pool.capacity == "spot",
        on_demand=hour.on_demand + disk,
        savings_plan=hour.savings_plan + disk,
        spot=hour.spot + disk,
    )


def _pool(name: str, hour: _Hour, spans: Sequence[Span], since: int) -> PoolUsage:
    usage = _usage(((one, 1.0, hour.bought) for one in spans), since)
    floor, peak = _extremes(spans, since)
    planned = floor * Decimal(WEEK) / HOUR
    return PoolUsage(
        pool=name,
        instance_type=hour.instance_type,
        bought="spot" if hour.spot_pool else "on demand",
        usage=usage,
        floor=floor,
        peak=peak,
        on_demand=usage.hours * hour.on_demand * WEEKS_A_MONTH,
        savings_plan=(planned * hour.savings_plan + (usage.hours - planned) * hour.on_demand) * WEEKS_A_MONTH,
        spot=usage.hours * hour.spot * WEEKS_A_MONTH,
    )


def _usage(rows: Iterable[tuple[Span, float, Decimal]], since: int) -> Usage:
    hours = [Decimal(0)] * 3
    dollars = [Decimal(0)] * 3
    for span, share, price in rows:
        for index, seconds in enumerate(_seconds(max(span.start, since), span.end)):
            amount = Decimal(seconds) * Decimal(share) / HOUR
            hours[index] += amount
            dollars[index] += amount * price * WEEKS_A_MONTH
    return Usage(
        hours=sum(hours, Decimal(0)),
        night_hours=hours[1],
        weekend_hours=hours[2],
        monthly=sum(dollars, Decimal(0)),
        night=dollars[1],
        weekend=dollars[2],
    )


def _seconds(start: int, end: int) -> tuple[int, int, int]:
    """How much of a time is by day, at night and at the weekend; second 0 is a Monday's midnight.

    >>> [part / HOUR for part in _seconds(6 * HOUR, DAY)], [part / HOUR for part in _seconds(5 * DAY, 7 * DAY)]
    ([12.0, 6.0, 0.0], [0.0, 0.0, 48.0])
    """
    day = night = weekend = 0
    while start < end:
        midnight = start - start % DAY
        until = min(end, midnight + DAY)
        if start // DAY % 7 >= _WORKDAYS:
            weekend += until - start
        else:
            worked = max(0, min(until, midnight + EVENING * HOUR) - max(start, midnight + MORNING * HOUR))
            day += worked
            night += until - start - worked
        start = until
    return day, night, weekend


def _extremes(spans: Sequence[Span], since: int) -> tuple[int, int]:
    """The smallest and the largest number of nodes at once."""
    changes: dict[int, int] = {since: 0}
    for one in spans:
        changes[max(one.start, since)] = changes.get(max(one.start, since), 0) + 1
        changes[one.end] = changes.get(one.end, 0) - 1
    now, found = 0, []
    for when in sorted(changes)[:-1] or [since]:
        now += changes[when]
        found.append(now)
    return min(found), max(found)
