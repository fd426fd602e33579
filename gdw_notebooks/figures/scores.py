"""Scores of many runs: a dot for each seed, a stroke for the mean; one row per setting, one look per method."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gdw_notebooks.figures import style

ROW, FOOT = 0.28, 1.7  # inches for each line of dots, and for title, axis and legend


def scores(
    rows: Mapping[str, Mapping[str, Sequence[float]]], *, title: str, chance: float | None = None, large: bool = False
) -> Figure:
    """Test accuracies in percent.

    Args:
        rows: for each setting the accuracies of each method's seeds; settings without a method leave a gap.
        title: the finding.
        chance: where guessing stands, in percent.
    """
    methods = list(dict.fromkeys(method for by_method in rows.values() for method in by_method))
    lines = sum(len(by_method) for by_method in rows.values())
    figure, axes = style.new_figure(height=FOOT + ROW * (lines + 0.5 * len(rows)), large=large)
    y, places = 0.0, []
    for by_method in rows.values():
        first = y
        for method, values in by_method.items():
            _line(axes, y, np.asarray(values, dtype=float), style.method_look(method))
            y += 1
        places.append((first + y - 1) / 2)
        y += 0.5
    axes.set(yticks=places, yticklabels=list(rows), xlabel="test accuracy (%, mean of the last five epochs)")
    axes.set_ylim(y, -1)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    if chance is not None:
        axes.axvline(chance, color=style.INK, linewidth=0.8, linestyle=style.DOTTED)
    if len(methods) > 1:
        _legend(figure, methods)
    style.finding(figure, title)
    return figure


def _line(axes, y: float, values: np.ndarray, look: style.Look) -> None:
    dots = {"linestyle": "", "marker": look.marker, "alpha": 0.55, "markersize": 5}
    axes.plot(values, np.full(len(values), y), color=look.color, **dots)
    axes.plot([values.mean()] * 2, [y - 0.32, y + 0.32], color=look.color, linewidth=3, solid_capstyle="butt")
    axes.annotate(
        f"{values.mean():.1f}", (values.max(), y), xytext=(7, 0), textcoords="offset points", va="center",
        fontsize=style.SMALL, color=style.INK,
    )  # fmt: skip


def _legend(figure: Figure, methods: Sequence[str]) -> None:
    handles = [
        Line2D([], [], linestyle="", marker=look.marker, color=look.color, label=style.method_title(method))
        for method in methods
        for look in [style.method_look(method)]
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=style.SMALL)
