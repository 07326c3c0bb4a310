"""What the kills of `bench.kills` came to: a table and a chart."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot

from bench.tables import replaced

Trial = Mapping[str, Any]

_COLOURS = {"went on": "#9aa5b1", "right after one repeat": "#3ebd93", "not right": "#d64545"}
_WORDS = {
    "program": "the command's own process",
    "terminal": "all of the terminal's processes",
    "controllers": "webhooks, cert-manager, volumes",
    "emulator": "AWS emulator",
}


def ended(trial: Trial) -> str:
    """How a trial ended, as one of the words of the chart."""
    if trial["wrong"]:
        return "not right"
    return "right after one repeat" if trial["felt"] else "went on"


def victims(trials: Iterable[Trial]) -> list[str]:
    """Whom the trials killed, in the order of the trials."""
    return list(dict.fromkeys(str(trial["victim"]) for trial in trials))


def table(trials: Sequence[Trial]) -> str:
    """A row for each victim: kills, how they ended, and the longest time from a kill to the end of its run."""
    lines = ["| killed | kills | went on | right after one repeat | not right | run ended after, at most, s |"]
    lines.append("|---|--:|--:|--:|--:|--:|")
    for victim in victims(trials):
        rows = [trial for trial in trials if trial["victim"] == victim]
        counts = [sum(ended(trial) == how for trial in rows) for how in _COLOURS]
        longest = max((trial["ended_s"] for trial in rows if trial["felt"]), default=0.0)
        name = _WORDS.get(victim, victim)
        lines.append(f"| {name} | {len(rows)} | {' | '.join(map(str, counts))} | {longest:.0f} |")
    return "\n".join(lines)


def page(text: str, trials: Sequence[Trial]) -> str:
    """The page with the table between its markers, and when it was run; what was not right follows by itself."""
    days = sorted({str(trial["at"])[:10] for trial in trials})
    run = f"{len(trials)} kills, {' to '.join(dict.fromkeys((days[0], days[-1])))}." if trials else "None was run yet."
    wrong = [
        f"- {trial['operation']}, {_WORDS.get(trial['victim'], trial['victim'])} after {trial['moment_s']} s: "
        f"{' '.join(str(trial['wrong']).split())}"
        for trial in trials
        if trial["wrong"]
    ]
    return replaced(text, "\n\n".join([run, table(trials), *(["Not right:\n\n" + "\n".join(wrong)] if wrong else [])]))


def picture(trials: Sequence[Trial], file: Path) -> Path:
    """Writes a chart of when each was killed and what came of it, by operation; returns the file."""
    names = victims(trials)
    operations = list(dict.fromkeys(str(trial["operation"]) for trial in trials))
    size = (9, 1.5 + 0.3 * len(names))
    figure, columns = pyplot.subplots(1, max(1, len(operations)), figsize=size, sharey=True, squeeze=False)
    figure.set_layout_engine("constrained")
    for axes, operation in zip(columns[0], operations, strict=False):
        for how, colour in _COLOURS.items():
            rows = [trial for trial in trials if trial["operation"] == operation and ended(trial) == how]
            heights = [names.index(trial["victim"]) for trial in rows]
            axes.scatter([trial["moment_s"] for trial in rows], heights, color=colour, label=how, zorder=2)
        axes.set_title(operation)
        axes.set_xlim(left=0)
        axes.set_xlabel("killed, s after the first step")
        axes.grid(axis="y", color=_COLOURS["went on"], alpha=0.3)
        axes.set_yticks(range(len(names)), [_WORDS.get(name, name) for name in names])
    columns[0][0].invert_yaxis()
    handles, labels = columns[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(file, dpi=120)
    pyplot.close(figure)
    return file
