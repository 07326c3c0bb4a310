"""`python -m bench.keep`: makes the last full run the one that docs/performance.md tells of."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from bench.tables import replaced, tables

PROJECT = Path(__file__).resolve().parents[1]
LATEST = PROJECT / "bench" / "results"
KEPT = PROJECT / "bench" / "results" / "kept.json"
PAGE = PROJECT / "docs" / "performance.md"
PICTURES = {
    "latest-parts.png": "performance-parts.png",
    "latest-timeline-26.03.png": "performance-timeline.png",
    "latest-timeline-realistic.png": "performance-timeline-realistic.png",
}
MAIN = "26.03"


def without_timelines(node: Any) -> Any:
    """The report without each object's times, which are in the pictures."""
    if isinstance(node, dict):
        return {key: without_timelines(value) for key, value in node.items() if key != "timeline"}
    return node


def main() -> int:
    """Copies report and pictures, and writes the page's tables anew."""
    try:
        report = json.loads((LATEST / "latest.json").read_text())
    except FileNotFoundError:
        print("error: there is no bench/results/latest.json; run `make bench` first.", file=sys.stderr)
        return 1
    if "figures" not in report:
        print("error: the last run was a quick one; run `make bench` without QUICK=1 first.", file=sys.stderr)
        return 1
    kept = without_timelines(report)
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    for latest, name in PICTURES.items():
        shutil.copy(LATEST / latest, PROJECT / "docs" / name)
    PAGE.write_text(replaced(PAGE.read_text(), tables(kept, MAIN)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
