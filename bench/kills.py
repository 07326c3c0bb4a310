"""`python -m bench.kills`: kills each process at seeded moments of `up`, an upgrade and `destroy`, and repeats each.

What was tried is kept in bench/results/kills.json after each kill; the next call goes on with what is missing. The
whole matrix takes some hours. The table and the chart of docs/reliability.md are made of all that is kept.
"""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from bench.kill_report import page, picture
from bench.resumed import Kept, Results, resumed
from localcloud import emulator
from ops.project import PROJECT_ROOT
from tests.local.killing import OPERATIONS, VICTIMS, Operation, changed, killed, moments
from tests.local.stack import checked_out, world

PAGE = PROJECT_ROOT / "docs" / "reliability.md"
CHART = PROJECT_ROOT / "docs" / "reliability-kills.png"
SEED = 23
TIMES = 10


def plan(kept: Iterable[Kept]) -> list[tuple[int, str]]:
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


def write(kept: Sequence[Kept]) -> None:
    """Puts the table into the page, and draws the chart."""
    picture(kept, CHART)
    PAGE.write_text(page(PAGE.read_text(), kept))


def run(results: Results, rounds: int) -> None:
    """Do so many rounds, on a checkout of their own."""
    with tempfile.TemporaryDirectory(prefix="kills-") as folder, checked_out(Path(folder)) as checkout:
        emulator.start(checkout.root)
        empty = world(checkout)
        manifests = changed(Path(folder))
        for number, victim in plan(results.kept)[:rounds]:
            results.forget(round=number, victim=victim)
            for operation in OPERATIONS:
                when = moment(number, victim, operation)
                outcome = killed(checkout, manifests, operation, victim, when, empty)
                results.keep({"round": number, **asdict(outcome)})


main = resumed("kills", run, write, meaning="Kill, repeat, look, and write down what came of it.")


if __name__ == "__main__":
    main()
