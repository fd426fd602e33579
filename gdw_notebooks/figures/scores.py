"""Scores of many runs: a line for each method, with a dot for each seed and a stroke for their mean."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gdw_notebooks.figures import style

ROW, FOOT = 0.28, 1.7  # inches for each line of dots, and for title, axis and legend


def scores(
    rows: Mapping[str, Mapping[str, Sequence[float]]], *, title: str, chance: float | None = None, large: bool = False
) -> Figure:
    """Test accuracies in percent.

    Args:
        rows: for each setting the accuracies of each method's seeds. Where every setting has one method, its line is
            called after the setting.
        title: the finding.
        chance: the accuracy of guessing, in percent.
    """
    lines = sum(len(by_method) for by_method in rows.values())
    by_setting = len(rows) > 1 and all(len(by_method) == 1 for by_method in rows.values())
    headed = len(rows) > 1 and not by_setting
    figure, axes = style.new_figure(height=FOOT + ROW * (lines + len(rows) * headed), large=large)
    y, names = 0.0, []
    for setting, by_method in rows.items():
        if headed and setting:
            _heading(axes, y, setting)
            y += 1
        for method, values in by_method.items():
            _line(axes, y, np.asarray(values, dtype=float), style.method_look(method))
            names.append((y, setting if by_setting else style.method_title(method)))
            y += 1
        y += 0.5 * headed
    _number(axes, -0.8, "mean")
    axes.set_yticks([place for place, _ in names], [name for _, name in names])
    single = next(iter(rows)) + ": " if len(rows) == 1 and next(iter(rows)) else ""
    axes.set_xlabel(f"{single}test accuracy (%, mean of the last five epochs)")
    axes.set_ylim(names[-1][0] + 0.7, -1)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    if chance is not None:
        axes.axvline(chance, color=style.INK, linewidth=0.8, linestyle=style.DOTTED)
    _legend(figure, chance)
    style.finding(figure, title)
    return figure


def spans(ranges: Mapping[str, Sequence[float]], *, title: str, axis: str, large: bool = False) -> Figure:
    """A line for each method from its worst to its best setting, with a stroke at the median.

    Args:
        ranges: for each method (worst, median, best), in percent.
        title: the finding.
        axis: what is measured.
    """
    figure, axes = style.new_figure(height=FOOT + ROW * (len(ranges) + 1), large=large)
    for y, (method, found) in enumerate(ranges.items()):
        worst, median, best = map(float, found)
        color = style.method_look(method).color
        axes.plot([worst, best], [y, y], color=color, linewidth=5, alpha=0.45, solid_capstyle="butt")
        axes.plot([median] * 2, [y - 0.32, y + 0.32], color=color, linewidth=3, solid_capstyle="butt")
        ends = {"textcoords": "offset points", "va": "center", "fontsize": style.SMALL, "color": style.INK}
        axes.annotate(f"{worst:.1f}", (worst, y), xytext=(-5, 0), ha="right", **ends)
        axes.annotate(f"{best:.1f}", (best, y), xytext=(5, 0), ha="left", **ends)
    axes.set_yticks(range(len(ranges)), [style.method_title(method) for method in ranges])
    axes.set_ylim(len(ranges) - 0.5, -0.6)
    axes.margins(x=0.1)
    axes.set_xlabel(axis)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    line = Line2D([], [], color=style.INK, linewidth=5, alpha=0.45, label="from the worst setting to the best")
    stroke = Line2D([], [], linestyle="", marker="|", markersize=13, markeredgewidth=3, color=style.INK, label="median")
    figure.legend(handles=[line, stroke], loc="outside lower center", ncols=2, frameon=False, fontsize=style.SMALL)
    style.finding(figure, title)
    return figure


def _heading(axes: Axes, y: float, setting: str) -> None:
    """The setting's name over its lines, and over the line at chance."""
    axes.annotate(setting, (0, y), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
                  va="center", fontsize=style.SMALL, fontweight="bold", color=style.INK,
                  bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip


def _line(axes: Axes, y: float, values: np.ndarray, look: style.Look) -> None:
    dots = {"linestyle": "", "marker": look.marker, "alpha": 0.55, "markersize": 5}
    axes.plot(values, np.full(len(values), y), color=look.color, **dots)
    axes.plot([values.mean()] * 2, [y - 0.32, y + 0.32], color=look.color, linewidth=3, solid_capstyle="butt")
    _number(axes, y, f"{values.mean():.1f}")


def _number(axes: Axes, y: float, text: str) -> None:
    """In the column of means, at the right."""
    axes.annotate(text, (1, y), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
                  va="center", fontsize=style.SMALL, color=style.INK)  # fmt: skip


def _legend(figure: Figure, chance: float | None) -> None:
    dot = Line2D([], [], linestyle="", marker="o", color=style.INK, alpha=0.55, label="one mark: one seed")
    mean = Line2D(
        [], [], linestyle="", marker="|", markersize=13, markeredgewidth=3, color=style.INK, label="their mean"
    )
    line = Line2D([], [], color=style.INK, linewidth=0.8, linestyle=style.DOTTED, label="chance")
    handles = [dot, mean, *([line] if chance is not None else [])]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=style.SMALL)
