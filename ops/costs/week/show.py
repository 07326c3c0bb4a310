"""A played week as text and as JSON."""

from typing import Any

from rich.console import Console
from rich.table import Table

from infra.settings import Settings
from ops import prices
from ops.cost import money
from ops.costs.week.report import EVENING, MORNING, Usage, Week


def print_week(console: Console, settings: Settings, title: str, week: Week) -> None:
    """The week by pool and by team, and what it rests on."""
    pools = _table(
        f"{title} on {settings.stack} in {settings.region}: hours of nodes a week, and US dollars a month with their "
        f"disks, prices of {prices.AS_OF}",
        "pool",
        ("nodes", "hours", "dollars", "at night", "weekend", "on demand", "with a plan", "on spot"),
    )
    for one in week.pools:
        pools.add_row(
            f"{one.pool} ({one.instance_type}, {one.bought})",
            f"{one.floor} to {one.peak}",
            f"{one.usage.hours:.1f}",
            *_amounts(one.usage),
            *(money(part) for part in (one.on_demand, one.savings_plan, one.spot)),
        )
    pools.add_section()
    pools.add_row("total", "", f"{week.total.hours:.1f}", *_amounts(week.total), "", "", "")
    console.print(pools)
    teams = _table("By team, by what its pods ask for", "team", ("hours", "dollars", "at night", "weekend"))
    for team, usage in week.teams.items():
        teams.add_row(team, f"{usage.hours:.1f}", *_amounts(usage))
    console.print()
    console.print(teams)
    for sentence in sentences(settings, week):
        console.print(sentence, highlight=False)


def sentences(settings: Settings, week: Week) -> list[str]:
    """What the tables do not say."""
    found = [
        f"Night is {EVENING}:00 to {MORNING}:00 from Monday to Friday. With a plan: a savings plan for the nodes that "
        "run all week, the rest on demand."
    ]
    if settings.nodes.autoscaling == "none":
        found.append("Nodes neither come nor go: nodesAutoscaling is none.")
    else:
        found.append(
            f"No pod waited longer than {week.waited // 60} minutes for its node; {week.moves} of the teams' pods were "
            "moved, from nodes that were hardly used."
        )
    if week.note:
        found.append(week.note)
    if week.stuck:
        first = week.stuck[0]
        found.append(
            f"{len(week.stuck)} pods got no node, among them {first.pod.name!r} of {first.pod.team}: {first.why}."
        )
    return found


def document(trace: str, week: Week) -> dict[str, Any]:
    """The week for programs."""
    return {
        "trace": trace,
        "pools": [
            {
                "pool": one.pool,
                "instanceType": one.instance_type,
                "bought": one.bought,
                "floor": one.floor,
                "peak": one.peak,
                **_usage(one.usage),
                "onDemand": _number(one.on_demand),
                "savingsPlan": _number(one.savings_plan),
                "spot": _number(one.spot),
            }
            for one in week.pools
        ],
        "teams": [{"team": team, **_usage(usage)} for team, usage in week.teams.items()],
        "total": _usage(week.total),
        "waited": week.waited,
        "moves": week.moves,
        "stuck": [{"pod": one.pod.name, "team": one.pod.team, "why": one.why} for one in week.stuck],
        "note": week.note,
    }


def _usage(usage: Usage) -> dict[str, float]:
    return {
        "hours": _number(usage.hours),
        "nightHours": _number(usage.night_hours),
        "weekendHours": _number(usage.weekend_hours),
        "monthly": _number(usage.monthly),
        "night": _number(usage.night),
        "weekend": _number(usage.weekend),
    }


def _amounts(usage: Usage) -> tuple[str, str, str]:
    return money(usage.monthly), money(usage.night), money(usage.weekend)


def _number(value: Any) -> float:
    return round(float(value), 2)


def _table(title: str, first: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table
