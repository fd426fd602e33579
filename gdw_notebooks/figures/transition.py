"""Transition matrices: how often each true class gets each label, in percent, alone or side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gdw_notebooks.figures import style

CELL, NARROWEST = 0.36, 3.4  # inches: a cell of a large matrix, and a small matrix as a whole
FRAME = 1.5  # inches: title, axis names and class names
PALE = 55  # percent; above it a number is written in white
LEAST = 0.05  # percent; half of the last digit that is written
FEW = 4  # classes up to which a matrix is drawn in large cells
LAYOUTS = 3  # square axes get narrower when the layout makes them lower: one pass leaves the last line outside
LONG_NAME = 3  # letters; longer names of columns are turned


def transition_figure(
    matrices: Mapping[str, Float[np.ndarray, "classes classes"]],
    class_names: Sequence[str],
    *,
    title: str,
    large: bool = False,
) -> Figure:
    """Each matrix as a table in colours; a row is a true class, and its numbers sum to 100 %.

    Args:
        matrices: title of a matrix → its probabilities, rows: true, columns: observed.
        title: the finding.
    """
    classes = len(class_names)
    side = max(NARROWEST, CELL * classes)
    figure, axes = style.new_figure(
        1, len(matrices), width=(side + 1) * len(matrices) if len(matrices) > 1 else style.WIDTH,
        height=side + FRAME, large=large, squeeze=False, sharey=True,
    )  # fmt: skip
    for place, (each, (name, matrix)) in enumerate(zip(axes[0], matrices.items(), strict=True)):
        draw_matrix(each, 100 * np.asarray(matrix), class_names, name)
        each.set_ylabel("true class" if place == 0 else "")
    style.finding(figure, title)
    figure.draw_without_rendering()  # names from outside are prepared now, and laid out once
    for _ in range(LAYOUTS - 1):
        figure.get_layout_engine().execute(figure)
    return figure


def draw_matrix(axes: Axes, percent: np.ndarray, class_names: Sequence[str], name: str) -> None:
    """One matrix of percentages; zeros are left empty, so the others are easy to see."""
    axes.grid(False)
    axes.imshow(percent, cmap="Blues", vmin=0, vmax=100, aspect="equal")
    for (row, column), value in np.ndenumerate(percent):
        axes.text(column, row, "" if value == 0 else two_digits(value), ha="center", va="center", fontsize=style.SMALL,
                  color="white" if value > PALE else style.INK)  # fmt: skip
    places = range(len(class_names))
    turned = max(map(len, class_names)) > LONG_NAME and len(class_names) > FEW
    axes.set_xticks(places, class_names, rotation=90 if turned else 0)
    axes.set_yticks(places, class_names)
    axes.set_xlabel("observed label")
    axes.set_title(name, fontsize=style.TEXT)


def two_digits(percent: float) -> str:
    """As short as a cell needs it: ``60``, ``4.5``, ``9``, ``<0.1``."""
    if percent < LEAST:
        return "<0.1"
    return f"{percent:.1f}".removesuffix(".0") if percent < 10 - LEAST else f"{percent:.0f}"


def wrong_share(matrix: Float[np.ndarray, "classes classes"], counts: Sequence[float] | None = None) -> float:
    """Expected share of wrong labels: the mean of 1 − diagonal, over the images of all classes.

    Args:
        matrix: row-stochastic; rows: true, columns: observed.
        counts: images of each true class; by default all classes have the same number.
    """
    wrong = 1 - np.diagonal(np.asarray(matrix, dtype=float))
    return float(np.average(wrong, weights=counts))
