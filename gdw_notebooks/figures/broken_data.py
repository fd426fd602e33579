"""What noise and class sizes make of a data set: the matrix, and the images of each label, right and wrong."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gdw_notebooks.figures import style
from gdw_notebooks.figures.transition import draw_matrix, wrong_share

HEIGHT = 3.6  # inches


def broken_data_figure(
    matrix: Float[np.ndarray, "classes classes"],
    counts: Sequence[int],
    class_names: Sequence[str],
    *,
    large: bool = False,
) -> Figure:
    """Left the matrix in percent; right, for each *observed* label, how many of its images are right and wrong.

    Args:
        matrix: row-stochastic; rows: true, columns: observed.
        counts: images of each true class.
    """
    matrix, counts = np.asarray(matrix, dtype=float), np.asarray(counts, dtype=float)
    figure, (left, right) = style.new_figure(1, 2, height=HEIGHT, large=large, width_ratios=(1, 1.25))
    draw_matrix(left, 100 * matrix, class_names, "of 100 images of a class")
    left.set_ylabel("true class")
    _bars(right, matrix, counts, class_names)
    figure.legend(frameon=False, fontsize=style.SMALL, loc="outside lower right", ncols=3, markerscale=0.4)
    style.finding(figure, broken_data_finding(matrix, counts, class_names))
    return figure


def broken_data_finding(matrix: np.ndarray, counts: np.ndarray, class_names: Sequence[str]) -> str:
    """How many labels are wrong, and which label is least often right."""
    share = 100 * wrong_share(matrix, counts)
    observed = (counts[:, None] * matrix).sum(0)
    kept = np.divide(counts * np.diagonal(matrix), observed, out=np.ones_like(observed), where=observed > 0)
    words = f"{share:.1f} % of the {counts.sum():.0f} labels are wrong"
    if share == 0:
        return words
    worst = int(kept.argmin())
    other = f"{100 * (1 - kept[worst]):.0f} % show something else"
    return f"{words}; of the images labelled {class_names[worst]}, {other}"


def _bars(axes: Axes, matrix: np.ndarray, counts: np.ndarray, class_names: Sequence[str]) -> None:
    places = np.arange(len(class_names))
    right = counts * np.diagonal(matrix)
    wrong = (counts[:, None] * matrix).sum(0) - right
    axes.bar(places, right, width=0.55, label="right", **style.CLEAN.patch())
    axes.bar(places, wrong, width=0.55, bottom=right, label="wrong", **style.MISLABELLED.patch())
    axes.scatter(places, counts, marker="_", s=900, color=style.INK, label="images of the true class", zorder=3)
    axes.set_xticks(places, class_names)
    axes.set_xlabel("observed label")
    axes.set_ylabel("images")
    axes.set_ylim(bottom=0)
    axes.grid(axis="x", visible=False)
