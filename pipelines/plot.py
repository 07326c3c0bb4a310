"""Pictures: the salary model (the data, the fitted line, the predicted point), and runs side by side."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from pipelines.record import Record, confusion, curves, metrics

_INK, _DATA, _LINE, _POINT = "#333333", "#7a869a", "#1f6fb2", "#d1495b"


def draw(dataset: str, *, slope: float, intercept: float, at: float, prediction: float, to: Path) -> None:
    """Write a PNG (1600 x 1000 pixels) of a table's two columns, the line and the point (`at`, `prediction`)."""
    table = pd.read_csv(dataset)
    feature, target = table.columns
    ends = [min(table[feature].min(), at, 0), max(table[feature].max(), at)]
    with mpl.rc_context({"font.size": 11, "text.color": _INK, "axes.labelcolor": _INK, "axes.edgecolor": "#bbbbbb"}):
        figure = Figure(figsize=(8, 5), dpi=200, layout="constrained")
        axes = figure.subplots()
        axes.scatter(
            table[feature], table[target], s=34, color=_DATA, edgecolor="white", label=f"data ({len(table)} rows)"
        )
        axes.plot(
            ends,
            [intercept + slope * end for end in ends],
            color=_LINE,
            label=f"{slope:+,.1f} per month from {intercept:,.0f}",
        )
        axes.plot([at, at, ends[0]], [0, prediction, prediction], color=_POINT, linewidth=1, linestyle=":", zorder=1)
        axes.scatter(
            [at], [prediction], s=90, color=_POINT, marker="D", edgecolor="white", zorder=3, label="prediction"
        )
        axes.annotate(
            f"{at:g} months: {prediction:,.0f}",
            (at, prediction),
            xytext=(12, -16),
            textcoords="offset points",
            color=_POINT,
            fontweight="bold",
        )
        axes.set_xlabel(feature.replace("_", " "))
        axes.set_ylabel(target.replace("_", " "))
        axes.set_xlim(left=ends[0])
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.grid(axis="y", color="#e8e8e8")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=_INK)
        axes.set_title("Salary by management experience", loc="left", fontweight="bold")
        axes.legend(frameon=False, loc="upper left")
        figure.savefig(to)


def compare(records: Sequence[Record], to: Path) -> None:
    """Write a PNG of runs side by side: their metrics, learning curves, and a confusion matrix for each that has one.

    Raises OSError when the file cannot be written.
    """
    of_metrics = [metrics(record) for record in records]
    names = [name for name in of_metrics[0] if all(name in found for found in of_metrics)]
    drawn_curves = [(record, curves(record)) for record in records]
    matrices = [(record, found) for record in records if (found := confusion(record))]
    parts = max(len(names), 1) + bool(any(found for _, found in drawn_curves)) + len(matrices)
    columns = min(parts, 3)
    lines = -(-parts // columns)
    with mpl.rc_context({"font.size": 9, "text.color": _INK, "axes.labelcolor": _INK, "axes.edgecolor": "#bbbbbb"}):
        figure = Figure(figsize=(4.2 * columns, 3.4 * lines), dpi=150, layout="constrained")
        every = [figure.add_subplot(lines, columns, place + 1) for place in range(parts)]
        colours = [mpl.colormaps["tab10"](place) for place in range(len(records))]
        figure.legend(
            handles=[Patch(color=colour, label=record.id) for colour, record in zip(colours, records, strict=True)],
            loc="outside upper left",
            frameon=False,
            ncols=columns,
        )
        for axes, name in zip(every, names, strict=False):
            bars = axes.bar(range(len(records)), [found[name] for found in of_metrics], color=colours, width=0.6)
            axes.bar_label(bars, fmt="{:,.4g}")
            axes.margins(y=0.2)
            axes.set_xticks([])
            axes.set_title(name, loc="left", fontweight="bold")
        if not names:
            every[0].text(0.5, 0.5, "no metric that all runs have", ha="center")
            every[0].set_axis_off()
        rest = every[max(len(names), 1) :]
        if any(found for _, found in drawn_curves):
            axes, *rest = rest
            styles = ["-", "--", ":", "-."]
            for (_, by_name), colour in zip(drawn_curves, colours, strict=True):
                for place, (name, values) in enumerate(by_name.items()):
                    axes.plot(range(1, len(values) + 1), values, styles[place % 4], color=colour, label=name)
            axes.set_title("learning curves", loc="left", fontweight="bold")
            axes.set_xlabel("epoch")
            axes.legend(frameon=False, fontsize=7)
        for axes, (record, (classes, rows)) in zip(rest, matrices, strict=True):
            axes.imshow(rows, cmap="Blues")
            for down, row in enumerate(rows):
                for across, value in enumerate(row):
                    axes.text(across, down, f"{value:g}", ha="center", va="center", color=_POINT)
            axes.set_xticks(range(len(classes)), classes, rotation=30, ha="right")
            axes.set_yticks(range(len(classes)), classes)
            axes.set_xlabel("predicted")
            axes.set_ylabel("true")
            axes.set_title(record.id, loc="left", fontsize=7)
        figure.savefig(to)
