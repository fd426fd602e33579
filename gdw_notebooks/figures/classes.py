"""Accuracy per class: who pays for the noise or the imbalance."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gdw.training.history import SCORE_EPOCHS, History
from gdw_notebooks.figures import style
from gdw_notebooks.figures.seeds import NO_SCORE, grouped, last, window_note

GROUP_WIDTH = 0.8  # of the distance between two classes
MANY_CLASSES = 20


def class_accuracy(histories: Sequence[History], *, title: str | None = None, large: bool = False) -> Figure:
    """Test accuracy of each class: the mean of the last five epochs, or of all where there are fewer.

    An error bar is one sd over the seeds. Under each class is the number of training images of that true class.
    """
    figure, axes = style.new_figure(large=large)
    groups = grouped(histories)
    width = GROUP_WIDTH / max(len(groups), 1)
    for place, (method, runs) in enumerate(groups.items()):
        mean, sd = last(runs, "class_accuracy", SCORE_EPOCHS)
        x = np.arange(len(mean)) + (place - (len(groups) - 1) / 2) * width
        label, error = style.method_title(method), sd if len(runs) > 1 else None
        look = style.method_look(method).patch()
        axes.bar(x, mean, width, yerr=error, capsize=2, label=label, linewidth=0.5, **look)
    axes.set_ylim(0, 100)
    axes.grid(axis="x", visible=False)
    axes.set_ylabel("test accuracy (%)")
    if groups:
        _names(axes, next(iter(groups.values()))[0])
        figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=style.SMALL)
    style.finding(figure, title or finding(groups))
    return figure


def _names(axes: Axes, history: History) -> None:
    names, counts = history.class_names, history.class_counts
    if len(names) > MANY_CLASSES:
        axes.set_xlabel("class, by number")
    else:
        axes.set_xticks(range(len(names)), [f"{name}\n{n}" for name, n in zip(names, counts, strict=True)])
        axes.set_xlabel("true class, and its number of training images")


def finding(groups: dict[str, list[History]]) -> str:
    """The class with the lowest accuracy of each method."""
    if not groups:
        return "No epoch is over yet"
    parts = []
    for method, runs in groups.items():
        mean, _ = last(runs, "class_accuracy", SCORE_EPOCHS)
        if np.isnan(mean).all():
            return NO_SCORE
        worst = int(mean.argmin())
        parts.append(f"{style.method_title(method)}: “{runs[0].class_names[worst]}” with {mean[worst]:.0f} %")
    note = window_note([run for runs in groups.values() for run in runs])
    return f"The class with the lowest accuracy ({note}): " + "; ".join(parts)
