"""The results as pictures: where the time of each run went, and when each object was sent and ready."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot

_COLOURS = {
    "start": "#9aa5b1",
    "hand_over": "#d64545",
    "create": "#f0b429",
    "wait": "#3ebd93",
    "end": "#cbd2d9",
    "apply": "#f0b429",
    "pause": "#9446ed",
    "until Available": "#3ebd93",
}
_WORDS = {
    "apply": "the API server's answers / kubectl apply",
    "pause": "pauses of the retry loop",
    "until Available": "until an object is ready",
    "start": "before the first object of the chain",
    "hand_over": "between objects: engine, program, journal",
    "create": "the API server's answers / kubectl apply",
    "wait": "until an object is ready",
    "end": "after the last object",
}

# What each run but `up` is called, as on the page.
_RUNS = {
    "up_unsafe": "up without checkpoints",
    "up_realistic": "up, pods start after 20 to 60 s",
    "retry_loop": "retry loop",
    "retry_loop_realistic": "retry loop, pods start after 20 to 60 s",
}

# The part of a run that an object of the chain must take to be named: the names of shorter ones would overlap.
_LABELLED = 0.03


def draw(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """Writes `latest-parts.png` and, for each platform, `latest-timeline-NAME.png`; returns the files."""
    files = [draw_parts(report, folder / "latest-parts.png")]
    for name, life in report["platforms"].items():
        files.append(_timeline(name, life["up"], folder / f"latest-timeline-{name}.png"))
    if "up_realistic" in report:
        files.append(_timeline("realistic pods", report["up_realistic"], folder / "latest-timeline-realistic.png"))
    return files


def bars(report: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Each run's seconds by part, the parts in the order of time."""
    found = {f"up, {name}": dict(life["up"]["parts_s"]) for name, life in report["platforms"].items()}
    for key in ("up_unsafe", "up_realistic"):
        if key in report:
            found[_RUNS[key]] = dict(report[key]["parts_s"])
    for key in ("retry_loop", "retry_loop_realistic"):
        if key in report:
            loop = report[key]
            found[_RUNS[key]] = {
                "apply": sum(loop["passes_s"]),
                "pause": loop["pauses_s"],
                "until Available": loop["available_after_s"],
            }
    return found


def draw_parts(report: Mapping[str, Any], file: Path) -> Path:
    """Writes where the time of each run went; a report without timelines is enough."""
    runs = bars(report)
    figure, axes = pyplot.subplots(figsize=(9, 1 + 0.5 * len(runs)), layout="constrained")
    labelled: set[str] = set()
    for row, parts in enumerate(runs.values()):
        left = 0.0
        for part, seconds in parts.items():
            words = _WORDS[part]
            label = None if words in labelled else words
            labelled.add(words)
            axes.barh(row, seconds, left=left, color=_COLOURS[part], label=label)
            left += seconds
        axes.text(left, row, f" {left:.0f} s", va="center")
    axes.set_yticks(range(len(runs)), list(runs))
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_xlabel("seconds, along the chain of objects that ended last")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2, frameon=False)
    return _saved(figure, file)


def _timeline(name: str, up: Mapping[str, Any], file: Path) -> Path:
    rows, chain = up["timeline"], set(up["chain"])
    figure, axes = pyplot.subplots(figsize=(9, 6), layout="constrained")
    numbers = range(len(rows))
    axes.hlines(numbers, [r[1] for r in rows], [r[2] for r in rows], _COLOURS["create"], label="sent, not answered")
    axes.hlines(numbers, [r[2] for r in rows], [r[3] for r in rows], _COLOURS["wait"], label="answered, not ready")
    held = [(number, row) for number, row in enumerate(rows) if row[0] in chain]
    axes.hlines([n for n, _ in held], [r[1] for _, r in held], [r[3] for _, r in held], "black", linewidth=2.5)
    for number, row in held:
        if row[3] - row[1] < _LABELLED * up["engine_s"]:
            continue
        late = row[1] > up["engine_s"] - row[3]  # there is more room before it than after it
        axes.annotate(
            row[0].split("/", 1)[1].removeprefix("v1/"),
            (row[1] if late else row[3], number),
            xytext=(-4 if late else 4, -3),
            textcoords="offset points",
            ha="right" if late else "left",
            fontsize=7,
        )
    axes.plot([], [], "black", linewidth=2.5, label="the chain that ended last")
    axes.axvline(up["engine_s"], color=_COLOURS["start"], linestyle=":", label="end of the run")
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("seconds since the engine started")
    axes.set_ylabel("objects, in the order in which they were sent")
    axes.set_title(f"{name}: {len(rows)} objects, critical path {up['critical_path_s']:.1f} s")
    axes.legend(loc="lower left", frameon=False)
    return _saved(figure, file)


def _saved(figure: Any, file: Path) -> Path:
    figure.savefig(file, dpi=120)
    pyplot.close(figure)
    return file
