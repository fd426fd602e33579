"""Rankings of suspects: how many of the wrong labels are found after so many pictures."""

from collections.abc import Mapping
from itertools import cycle

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.figure import Figure

from gdw_notebooks.figures import style

BAND = 0.2  # opacity of the range over the seeds
LOOKS = {  # rankings that come from training by a method look like the method
    "plain loss": style.method_look("cross-entropy"),
    "GDW's weights": style.method_look("gdw"),
    "MWNet's weights, early": style.method_look("mwnet"),
}
OTHER_LOOKS = (style.Look("#7B3FF2", style.LONG, "s"), style.Look("#8A5A2B", style.DASHED, "v"))  # no method's


def found_curves(
    rankings: Mapping[str, Float[np.ndarray, "seeds pictures"]],
    wrong: Bool[np.ndarray, "pictures"],
    *,
    title: str,
    large: bool = False,
) -> Figure:
    """For each ranking the share of wrong labels found, against the number of pictures looked at.

    Args:
        rankings: name → scores, a row for each seed; the highest is the most suspicious. The line is the mean of the
            rows, the band goes from the worst to the best.
        wrong: whether each label is wrong.
        title: the finding.
    """
    figure, axes = style.new_figure(large=large)
    looked = np.arange(1, len(wrong) + 1)
    best = np.minimum(looked / wrong.sum(), 1)
    wide = {"color": style.FAINT, "linewidth": 5, "solid_capstyle": "butt"}
    axes.plot(looked, 100 * best, label="no ranking can be better", **wide)
    others = cycle(OTHER_LOOKS)
    for name, scores in rankings.items():
        look = LOOKS.get(name) or next(others)
        found = np.array([100 * recall_at(row, wrong) for row in np.atleast_2d(scores)])
        axes.plot(looked, found.mean(0), **look.line(), label=name, markevery=max(1, len(wrong) // 8), markersize=4.5)
        if len(found) > 1:
            axes.fill_between(looked, found.min(0), found.max(0), color=look.color, alpha=BAND, linewidth=0)
    thin = {"color": "#8c8c8c", "linewidth": 1}
    axes.plot(looked, 100 * looked / len(wrong), label="at random", **thin)
    axes.set(xlabel="pictures looked at, the most suspicious first", ylabel="wrong labels found (%)", ylim=(0, 102))
    axes.set_xlim(0, len(wrong))
    figure.legend(frameon=False, fontsize=style.SMALL, loc="outside lower center", ncols=4)
    style.finding(figure, title)
    return figure


def recall_at(scores: Float[np.ndarray, "pictures"], wrong: Bool[np.ndarray, "pictures"]) -> np.ndarray:
    """``[pictures]``: the share of wrong labels among the first k pictures, k = 1, 2, ...; the highest come first."""
    order = np.argsort(-np.asarray(scores), kind="stable")
    return np.cumsum(np.asarray(wrong)[order]) / np.sum(wrong)
