"""The B × C matrix of flows, in colours: one row per instance, one column per class."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from gdw_notebooks.figures import style

MOST_NUMBERS = 8  # rows; with more of them the cells are too low for a number
ROW, LOW_ROW = 0.5, 0.24  # inches, with numbers and without
FRAME, MOST_HEIGHT = 1.8, 6.5  # inches
BELOW = 0.22  # of a cell: its marks are below its number
MANY_CLASSES = 20  # above this, names no longer fit under the columns


def flow_matrix(
    flows: Float[Tensor, "batch classes"] | Float[Tensor, "classes"],
    labels: Int[Tensor, "batch"],
    true_labels: Int[Tensor, "batch"],
    class_names: Sequence[str],
    *,
    title: str | None = None,
    quantity: str = "flow p − y",
    large: bool = False,
) -> Figure:
    """Flows (or what a method makes of them) of a batch, or of one instance.

    Colours diverge from white at 0; a cross marks the observed label, a ring the true class.

    Args:
        flows: one row per instance, or a single one.
        labels: observed; an ``int`` or 0-d tensor for a single instance.
        true_labels: true, likewise.
        title: the finding; by default how many labels are wrong.
        quantity: what a cell holds, for the colour bar.
    """
    matrix = np.atleast_2d(flows.detach().cpu().double().numpy())
    observed, true = (np.atleast_1d(np.asarray(each)) for each in (labels, true_labels))
    height = min(FRAME + (ROW if len(matrix) <= MOST_NUMBERS else LOW_ROW) * len(matrix), MOST_HEIGHT)
    figure, axes = style.new_figure(height=height, large=large)
    extreme = max(np.abs(matrix).max(), 1e-12)
    image = axes.imshow(matrix, cmap=style.SIGNED, vmin=-extreme, vmax=extreme, aspect="auto")
    if len(matrix) > 1:
        bar = figure.colorbar(image, ax=axes, pad=0.02)
        bar.set_label(f"{quantity}\nbelow 0: pushed up", fontsize=style.SMALL)
        bar.ax.tick_params(labelsize=style.SMALL)
    else:
        axes.set_title(
            f"{quantity}: a logit below 0 is pushed up, above 0 pushed down", fontsize=style.SMALL, loc="left"
        )
    _marks(axes, observed, true, len(matrix))
    if len(matrix) <= MOST_NUMBERS and len(class_names) <= MANY_CLASSES:
        _numbers(axes, matrix, extreme)
    _names(axes, class_names, len(matrix))
    style.finding(figure, title or _finding(observed, true, class_names))
    return figure


def _marks(axes: Axes, observed: np.ndarray, true: np.ndarray, rows: int) -> None:
    size = 80 if rows <= 16 else 40 if rows <= 40 else 12
    y = np.arange(rows) + (BELOW if rows <= MOST_NUMBERS else 0)
    halo = {"linewidths": 1.3, "path_effects": [withStroke(linewidth=3, foreground="white")]}
    axes.scatter(true, y, s=size, facecolors="none", edgecolors=style.INK, label="true class", **halo)
    axes.scatter(observed, y, s=size / 3, c=style.INK, marker="x", label="observed label", **halo)
    axes.figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=style.SMALL)


def _numbers(axes: Axes, matrix: np.ndarray, extreme: float) -> None:
    for (row, column), value in np.ndenumerate(matrix):
        pale = abs(value) < 0.6 * extreme
        number = f"{value:+.2f}".replace("-", "−").replace("0.", ".")
        axes.text(column, row - BELOW, number, ha="center", va="center",
                  fontsize=style.SMALL, color=style.INK if pale else "white")  # fmt: skip


def _names(axes: Axes, class_names: Sequence[str], rows: int) -> None:
    axes.grid(False)
    axes.set_xlabel("class")
    if len(class_names) <= MANY_CLASSES:
        axes.set_xticks(range(len(class_names)), class_names)
    if rows == 1:
        axes.set_yticks([])
    else:
        axes.set_ylabel("instance in the batch")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _finding(observed: np.ndarray, true: np.ndarray, names: Sequence[str]) -> str:
    wrong = int((observed != true).sum())
    if len(observed) > 1:
        return f"{wrong} of {len(observed)} labels are wrong, and every row pushes its own label up all the same"
    if wrong:
        label, truth = names[observed[0]], names[true[0]]
        return f"The label says {label}, the truth is {truth}: {label} is pushed up"
    return f"The label {names[true[0]]} is right: its logit is pushed up, all others down"
