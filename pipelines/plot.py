"""A picture of the salary model: the data, the fitted line, the predicted point."""

from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

_INK, _DATA, _LINE, _POINT = "#333333", "#7a869a", "#1f6fb2", "#d1495b"


def draw(dataset: Path, *, slope: float, intercept: float, at: float, prediction: float, to: Path) -> None:
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
