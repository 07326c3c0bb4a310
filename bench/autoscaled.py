"""`python -m bench.autoscaled --program PATH`: the played autoscaler beside the cluster autoscaler itself.

Each case is played as `make cost TRACE=` does, and run with the program at PATH, built with its kwok provider, over a
real API server and scheduler, an hour in a minute. What came of it is kept in bench/results/autoscaled.json; the next
call goes on with what is missing. The table in docs/fidelity.md is made of all that is kept.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import click

from bench import scaled_run
from bench.entry import ending_in_a_sentence
from bench.resumed import Kept, opened
from bench.scaling_cases import Case, cases
from bench.tables import replaced
from ops.costs.week.autoscaler import STABLE
from ops.costs.week.model import HOUR, Outcome
from ops.costs.week.simulation import simulate
from ops.project import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "fidelity.md"
NAME = "autoscaled"
RESULTS = PROJECT_ROOT / "bench" / "results" / f"{NAME}.json"
TIMES = 2
"""Runs of each case: the autoscaler draws lots between groups that waste alike."""


def played(case: Case) -> Outcome:
    """The case as it is played; what the program waits by its own clock lasts longer in an hour of a minute."""
    stable = round(STABLE * scaled_run.SCALE)
    return simulate(case.groups, case.works, until=case.hours * HOUR, scaling=True, stable=stable)


def hours(outcome: Outcome) -> dict[str, float]:
    """Hours of nodes by group."""
    found = defaultdict[str, float](float)
    for span in outcome.spans:
        found[span.group] += (span.end - span.start) / HOUR
    return dict(found)


def compared(program: Path, case: Case, number: int) -> dict[str, Any]:
    """A run of a case, beside what is played."""
    real = scaled_run.run(program, case.groups, case.works, case.hours * HOUR)
    return {
        "case": case.name,
        "run": number,
        "hours": real.hours,
        "stuck": len(real.stuck),
        "moved": real.moved,
        "late_s": real.late_s,
    }


def plan(kept: Iterable[Kept], all_: Sequence[Case]) -> list[tuple[Case, int]]:
    """The runs that are missing, each case's first before any second."""
    done = {(one["case"], one["run"]) for one in kept}
    return [(case, number) for number in range(TIMES) for case in all_ if (case.name, number) not in done]


def table(kept: Sequence[Kept], all_: Sequence[Case]) -> str:
    """A row for each case: hours of nodes played and in each run, by pool and in all, and how far off they are."""
    lines = ["| case | pool | played | real | off |", "|---|---|--:|--:|--:|"]
    for case in all_:
        runs = [one for one in kept if one["case"] == case.name]
        if not runs:
            continue
        outcome = played(case)
        pools = {group.name: group.pool for group in case.groups}
        ours, theirs = _by_pool(hours(outcome), pools), [_by_pool(one["hours"], pools) for one in runs]
        for pool, amount in ours.items():
            lines.append(f"| {case.name} | {pool} | {_row(amount, [one[pool] for one in theirs])} |")
        whole = [sum(one.values()) for one in theirs]
        lines.append(f"| **{case.name}**: {case.about} | all | {_row(sum(ours.values()), whole)} |")
    return "\n".join(lines)


def _by_pool(amounts: Mapping[str, float], pools: Mapping[str, str]) -> dict[str, float]:
    found = dict.fromkeys(pools.values(), 0.0)
    for group, amount in amounts.items():
        found[pools[group]] += amount
    return found


def _row(ours: float, theirs: Sequence[float]) -> str:
    # Without the sign of what is rounded to nothing.
    off = f"{round((ours / mean(theirs) - 1) * 100, 1) + 0.0:+.1f}%" if mean(theirs) else "0"
    return f"{ours:.1f} | {', '.join(f'{one:.1f}' for one in theirs)} | {off}"


@click.command(help="Run each case with the cluster autoscaler, and write down how the played one compares.")
@click.option(
    "--program",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The cluster autoscaler, built with its kwok provider; without it only the page is written.",
)
@click.option("--rounds", type=int, default=sys.maxsize, help="At most so many runs.", show_default="all")
def main(program: Path | None, rounds: int) -> None:
    """The command."""
    results, all_ = opened(NAME), cases()
    if program is not None:
        for case, number in plan(results.kept, all_)[:rounds]:
            results.keep(compared(program.resolve(), case, number))
    PAGE.write_text(replaced(PAGE.read_text(), table(results.kept, all_), NAME))


if __name__ == "__main__":
    ending_in_a_sentence(main)
