"""Benches that take hours: each round is kept when it is through, and the next call goes on with what is missing."""

import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bench.tables import replaced

Kept = Mapping[str, Any]
"""What came of a round."""


@dataclass
class Results:
    """The rounds that are kept in a file of bench/results."""

    path: Path
    kept: list[dict[str, Any]]

    def forget(self, **about: Any) -> None:
        """Leaves out the rounds with these figures, which are done again."""
        self.kept = [one for one in self.kept if not about.items() <= one.items()]

    def keep(self, about: Kept) -> None:
        """Adds a round, with the time, and tells it."""
        self.kept.append({"at": datetime.now(UTC).isoformat(timespec="seconds"), **about})
        self.path.write_text(json.dumps(self.kept, indent=1) + "\n")
        click.echo(json.dumps(self.kept[-1]), err=True)


def opened(name: str) -> Results:
    """What is kept of a bench."""
    # Control planes are ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    path = Path(__file__).parent / "results" / f"{name}.json"
    return Results(path, json.loads(path.read_text()) if path.exists() else [])


def page(path: Path, table: Callable[[Sequence[Kept]], str], name: str) -> Callable[[Sequence[Kept]], None]:
    """Puts the table of what is kept between the markers of that name in a page."""

    def write(kept: Sequence[Kept]) -> None:
        path.write_text(replaced(path.read_text(), table(kept), name))

    return write


def resumed(
    name: str, run: Callable[[Results, int], None], write: Callable[[Sequence[Kept]], None], *, meaning: str
) -> click.Command:
    """The command of a bench: `run` does so many rounds, then `write` puts all that is kept into its page."""

    @click.command(help=meaning)
    @click.option("--rounds", type=int, default=sys.maxsize, help="At most so many rounds.", show_default="all")
    @click.option("--report", is_flag=True, help="Only write the page.")
    def main(rounds: int, report: bool) -> None:
        results = opened(name)
        if not report:
            run(results, rounds)
        write(results.kept)

    return main
