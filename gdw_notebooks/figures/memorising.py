"""Memorisation: test accuracy above, and below it the training loss on right and on wrong labels, epoch by epoch."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gdw.experiments.history import GROUPS, History
from gdw_notebooks.figures import style
from gdw_notebooks.figures.seeds import mean_and_sd

HEIGHT = 5.0  # inches
NAMES = {"clean": "right labels", "mislabelled": "wrong labels"}  # keys: gdw.experiments.history.GROUPS


def memorising(histories: Sequence[History], *, title: str, marked: int | None = None, large: bool = False) -> Figure:
    """The runs of one method as their mean, with a band of one standard deviation over the seeds.

    Args:
        histories: with ``test_accuracy`` and ``group_loss``.
        title: the finding.
        marked: an epoch (from 1) to mark with a vertical line.
    """
    figure, (above, below) = style.new_figure(2, 1, height=HEIGHT, large=large, sharex=True)
    look = style.method_look(histories[0].method)
    _band(above, *mean_and_sd(histories, "test_accuracy"), look)
    above.set_ylabel("test accuracy (%)")
    mean, sd = mean_and_sd(histories, "group_loss")
    for place, group in enumerate(GROUPS):
        _band(below, mean[:, place], sd[:, place], style.GROUP_LOOKS[group], NAMES[group])
    below.set(xlabel="epoch", ylabel="training loss (nats)", xlim=(0.5, len(mean) + 0.5))
    below.set_ylim(bottom=0)
    below.axhline(np.log(len(histories[0].class_names)), color=style.INK, linewidth=1, linestyle=style.DOTTED,
                  label="guessing")  # fmt: skip
    below.legend(frameon=False, fontsize=style.SMALL)
    if marked:
        for axes in (above, below):
            axes.axvline(marked, color=style.INK, linewidth=1, linestyle=style.DOTTED)
    style.finding(figure, title)
    return figure


def _band(axes: Axes, mean: np.ndarray, sd: np.ndarray, look: style.Look, label: str | None = None) -> None:
    x = np.arange(1, len(mean) + 1)
    axes.plot(x, mean, **look.line(), label=label, markevery=max(1, len(x) // 8), markersize=4.5, linewidth=1.8)
    if sd.any():
        axes.fill_between(x, mean - sd, mean + sd, color=look.color, alpha=0.18, linewidth=0)
