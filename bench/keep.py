"""`python -m bench.keep`: makes the last full run the one that docs/performance.md reports.

With `--again` it rewrites the tables and the chart of parts from the run that is kept already, without measuring. The
timelines stay as they are: the kept report holds no times of single objects.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import click

from bench.entry import ending_in_a_sentence
from bench.pictures import draw_parts
from bench.tables import replaced, tables
from ordering.errors import UserError

PROJECT = Path(__file__).resolve().parents[1]
LATEST = PROJECT / "bench" / "results"
KEPT = PROJECT / "bench" / "results" / "kept.json"
PAGE = PROJECT / "docs" / "performance.md"
PARTS = "performance-parts.png"
TIMELINES = {
    "latest-timeline-26.03.png": "performance-timeline.png",
    "latest-timeline-realistic.png": "performance-timeline-realistic.png",
}
MAIN = "26.03"


def without_timelines(node: Any) -> Any:
    """The report without each object's times, which are in the pictures."""
    if isinstance(node, dict):
        return {key: without_timelines(value) for key, value in node.items() if key != "timeline"}
    return node


@click.command()
@click.option("--again", is_flag=True, help="Rewrite tables and chart from the run that is kept, without measuring.")
def main(again: bool) -> None:
    """Keep the last full run, and put its tables and charts into docs/performance.md."""
    kept = json.loads(KEPT.read_text()) if again else keep_latest()
    draw_parts(kept, PROJECT / "docs" / PARTS)
    PAGE.write_text(replaced(PAGE.read_text(), tables(kept, MAIN)))


def keep_latest() -> Any:
    """Copies the last run's report and timelines; returns the report. UserError when that was not a full run."""
    try:
        report = json.loads((LATEST / "latest.json").read_text())
    except FileNotFoundError:
        raise UserError("There is no bench/results/latest.json; run `make bench` first.") from None
    if "figures" not in report:
        raise UserError("The last run was a quick one; run `make bench` without QUICK=1 first.")
    kept = without_timelines(report)
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    for latest, name in TIMELINES.items():
        shutil.copy(LATEST / latest, PROJECT / "docs" / name)
    return kept


if __name__ == "__main__":
    ending_in_a_sentence(main)
