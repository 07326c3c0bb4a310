"""`python -m bench.kills`: kills each process at seeded moments of `up`, an upgrade and `destroy`, and repeats each.

What was tried is kept in bench/results/kills.json after each kill; the next call goes on with what is missing. The
whole matrix takes some hours. The table and the chart of docs/reliability.md are made of all that is kept.
"""

import json
import signal
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bench.kill_report import page, picture
from localcloud import emulator
from ops.project import PROJECT_ROOT
from tests.local.killing import OPERATIONS, VICTIMS, Operation, changed, killed, moments
from tests.local.stack import checked_out, world

KEPT = Path(__file__).parent / "results" / "kills.json"
PAGE = PROJECT_ROOT / "docs" / "reliability.md"
CHART = PROJECT_ROOT / "docs" / "reliability-kills.png"
SEED = 23
TIMES = 10

Trial = Mapping[str, Any]


def plan(kept: Iterable[Trial]) -> list[tuple[int, str]]:
    """The rounds (one kill of a victim in each operation) that are still to do: one of each victim before a second.

    A round of which something was not right is to do again.
    """
    right: dict[tuple[int, str], int] = {}
    for trial in kept:
        about = (trial["round"], trial["victim"])
        right[about] = right.get(about, 0) + (not trial["wrong"])
    return [
        (number, victim)
        for number in range(TIMES)
        for victim in VICTIMS
        if right.get((number, victim)) != len(OPERATIONS)
    ]


def moment(number: int, victim: str, operation: Operation) -> float:
    """When to kill, in seconds after the first step: the same at each call."""
    return moments(SEED + 1000 * VICTIMS.index(victim) + OPERATIONS.index(operation), TIMES)[number]


@click.command()
@click.option("--rounds", type=int, default=TIMES * len(VICTIMS), help="At most so many rounds of three kills.")
@click.option("--report", is_flag=True, help="Only write the page and the chart.")
def main(rounds: int, report: bool) -> None:
    """Kill, repeat, look, and write down what came of it."""
    # Control planes are ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    kept: list[dict[str, Any]] = json.loads(KEPT.read_text()) if KEPT.exists() else []
    if not report:
        run(kept, rounds)
    picture(kept, CHART)
    PAGE.write_text(page(PAGE.read_text(), kept))


def run(kept: list[dict[str, Any]], rounds: int) -> None:
    """Do so many rounds, on a checkout of their own."""
    with tempfile.TemporaryDirectory(prefix="kills-") as folder, checked_out(Path(folder)) as checkout:
        emulator.start(checkout.root)
        empty = world(checkout)
        manifests = changed(Path(folder))
        for number, victim in plan(kept)[:rounds]:
            kept[:] = [trial for trial in kept if (trial["round"], trial["victim"]) != (number, victim)]
            for operation in OPERATIONS:
                when = moment(number, victim, operation)
                outcome = killed(checkout, manifests, operation, victim, when, empty)
                about = {"round": number, "at": datetime.now(UTC).isoformat(timespec="seconds")}
                kept.append({**about, **asdict(outcome)})
                KEPT.write_text(json.dumps(kept, indent=1) + "\n")
                click.echo(f"{operation}, {victim} after {when:.1f} s: {outcome.wrong or 'right'}", err=True)


if __name__ == "__main__":
    main()
