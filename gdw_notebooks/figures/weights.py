"""Weight evolution: which flows keep their weight, epoch by epoch, on clean and on mislabelled instances."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gdw.experiments.history import FLOWS, GROUPS, History
from gdw_notebooks.figures import style
from gdw_notebooks.figures.seeds import grouped, mean_and_sd

QUANTITIES = {  # name in the History: axis label
    "flow_weight": "mean weight,\ncounted by |p − y|",
    "flow_weight_plain": "mean weight,\nevery flow once",
    "flow_mass": "share of the\ngradient's mass",
}
ROW_HEIGHT, FOOT = 2.3, 1.0  # inches for each method, and for title and legend


def weights_by_group(
    histories: Sequence[History],
    *,
    name: str = "flow_weight",
    epochs: int | None = None,
    marked: int | None = None,
    title: str | None = None,
    large: bool = False,
) -> Figure:
    """One row per method; clean instances on the left, mislabelled on the right; a line per kind of flow.

    Args:
        histories: runs; those of one method are shown as their mean with a band of one standard deviation.
        name: ``"flow_weight"``, ``"flow_weight_plain"`` or ``"flow_mass"``.
        epochs: length of the axis; by default as far as the runs have come.
        marked: an epoch (from 1) to mark with a vertical line.
    """
    groups = grouped(histories)
    rows = max(len(groups), 1)
    figure, axes = style.new_figure(
        rows, 2, height=FOOT + ROW_HEIGHT * rows, large=large, sharex=True, sharey=True, squeeze=False
    )
    for row, (method, runs) in enumerate(groups.items()):
        mean, sd = mean_and_sd(runs, name)
        for column, group in enumerate(GROUPS):
            _lines(axes[row, column], mean[:, column], sd[:, column])
            head = f"{style.method_title(method)}: {shown_there(group, runs)}"
            axes[row, column].set_title(head, fontsize=style.TEXT, loc="left", y=1)  # y: else each picture looks for it
        axes[row, 0].set_ylabel(QUANTITIES[name], fontsize=style.SMALL)
    _frame(axes, max([epochs or 1, *map(len, histories)]), marked)
    handles = {line.get_label(): line for each in axes.flat for line in each.get_lines() if line.get_label() in FLOWS}
    if handles:
        shown = [flow for flow in FLOWS if flow in handles]
        figure.legend([handles[flow] for flow in shown], shown, title="flow of the", loc="outside lower center",
                      ncols=3, frameon=False, fontsize=style.SMALL, title_fontsize=style.SMALL)  # fmt: skip
    style.finding(figure, title or finding(groups, name))
    return figure


def shown_there(group: str, runs: Sequence[History]) -> str:
    """Which instances a picture shows: all of them on the left, where nobody knows which labels are wrong."""
    if not np.isnan(runs[0].wrong_label_rate):
        return f"{group} instances"
    return "all instances" if group == GROUPS[0] else "none"


def _lines(axes: Axes, mean: np.ndarray, sd: np.ndarray) -> None:
    x = np.arange(1, len(mean) + 1)
    for flow, middle, half in zip(FLOWS, mean.T, sd.T, strict=True):
        if np.isnan(middle).all():  # an empty group: no line, rather than a line at 0
            continue
        look, every = style.FLOW_LOOKS[flow], max(1, len(x) // 8)
        axes.plot(x, middle, **look.line(), label=flow, markevery=every, markersize=4, linewidth=1.6)
        if half.any():
            axes.fill_between(x, middle - half, middle + half, color=look.color, alpha=0.15, linewidth=0)


def _frame(axes: np.ndarray, longest: int, marked: int | None) -> None:
    for each in axes.flat:
        each.set_xlim(0.5, longest + 0.5)
        if marked:
            each.axvline(marked, color=style.INK, linewidth=1, linestyle=style.DOTTED)
    axes[0, 0].set_ylim(bottom=0)
    for each in axes[-1]:
        each.set_xlabel("epoch")


def finding(groups: dict[str, list[History]], name: str) -> str:
    """What the first method makes of the flows of wrong labels, in its latest epoch."""
    if not groups:
        return "No epoch is over yet"
    method, runs = next(iter(groups.items()))
    observed, _, other = mean_and_sd(runs, name)[0][-1][1]
    who = style.method_title(method)
    if np.isnan(observed):
        if runs[0].wrong_label_rate == 0:
            return f"{who}: no label is wrong here, so there are only clean instances"
        if np.isnan(runs[0].wrong_label_rate):
            return f"{who}: nobody knows which labels are wrong, so all instances are together"
        return f"{who} trained on no mislabelled instance in epoch {min(map(len, runs))}"
    what = "share" if name == "flow_mass" else "weight"
    return (
        f"{who}, on wrong labels, epoch {min(map(len, runs))}: {what} {observed:.2f} for the observed label’s flow, "
        f"{other:.2f} for the other classes’"
    )
