"""`python -m bench`: measures, writes bench/results/latest.json and its pictures, and prints the figures.

Absolute seconds are those of one machine at one time; what one run says is the ratios within it.
"""

import json
import signal
import sys
from pathlib import Path

import click

from bench import measure, pictures
from bench.entry import ending_in_a_sentence
from bench.report import table
from ops.options import answer_option

RESULTS = Path(__file__).parent / "results"


@click.command()
@answer_option("--quick", meaning="The sample and the graph alone, in under a minute.")
def main(quick: bool) -> None:
    """Measure `up`, `preview` and `destroy` on control planes of their own, beside the retry loop."""
    # Control planes are ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    report = measure.quick(_say) if quick else measure.full(_say)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps(report, indent=1) + "\n")
    pictures.draw(report, RESULTS)
    click.echo(table(report))
    click.echo(f"written to {RESULTS / 'latest.json'}")


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    ending_in_a_sentence(main)
