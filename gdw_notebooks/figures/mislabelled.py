"""Mislabelled training pictures, each with what its label says and what it is."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from gdw.data.task import Task
from gdw_notebooks.figures import style

ROWS, COLUMNS = 3, 8
WIDTH, ROW_HEIGHT, HEAD = 7.2, 1.35, 0.6  # inches
GAP, FOOT = 0.15, 0.55  # of a picture's side: between two pictures, and for the words below one
LONGEST_NAME = 11  # letters of a class name that fit below a picture
PAPER = 1.0


def mislabelled_indices(task: Task) -> np.ndarray:
    """Of the training instances whose label is known to be wrong, in their order."""
    return np.flatnonzero((task.train.labels != task.best_known_labels).cpu().numpy())


def mislabelled_pictures(
    task: Task, weights: np.ndarray | None = None, *, weights_of: str = "", large: bool = False
) -> Figure:
    """24 of the training pictures with a wrong label, spread over all of them.

    Args:
        task: of pictures, or of their features.
        weights: of every training instance, ``[N]``; NaN where there is none yet.
        weights_of: the method that gives them.

    Raises:
        ValueError: the inputs are no pictures.
    """
    if not task.has_pictures:
        raise ValueError(f"pictures are wanted, or features of pictures; got inputs of shape {task.input_shape}")
    if task.true_labels is None:
        figure, axes = style.new_figure(width=WIDTH, height=HEAD + ROW_HEIGHT, large=large)
        axes.set_axis_off()
        style.finding(figure, "Nobody knows which of these labels are wrong: gdw audit looks for them (notebook 09)")
        return figure
    wrong = mislabelled_indices(task)
    shown = wrong[np.linspace(0, len(wrong) - 1, min(len(wrong), ROWS * COLUMNS)).round().astype(int)]
    rows = max(1, -(-len(shown) // COLUMNS))
    figure, axes = style.new_figure(width=WIDTH, height=HEAD + ROW_HEIGHT * rows, large=large)
    axes.set_axis_off()
    for place, index in enumerate(shown):
        _one(axes, task, int(index), place, None if weights is None else weights[index])
    axes.set(xlim=(0, COLUMNS * (1 + GAP)), ylim=(rows * (1 + FOOT), 0), aspect="equal")
    share = 100 * len(wrong) / len(task.train)
    note = f"; w: the weight that {weights_of} gives it" if weights is not None and len(shown) else ""
    first = f"; {len(shown)} of them here" if len(shown) < len(wrong) else ""
    style.finding(figure, f"{len(wrong)} of {len(task.train)} labels are wrong ({share:.0f} %){first}{note}")
    return figure


def _one(axes, task: Task, index: int, place: int, weight: float | None) -> None:
    row, column = divmod(place, COLUMNS)
    left, top = column * (1 + GAP), row * (1 + FOOT)
    axes.imshow(task.picture(index), extent=(left, left + 1, top + 1, top), cmap="gray", vmin=0, vmax=255,
                interpolation="nearest")  # fmt: skip
    names = [_short(task.class_names, int(label[index])) for label in (task.train.labels, task.best_known_labels)]
    known = weight is not None and np.isfinite(weight)
    words = f"says {names[0]}\nis {names[1]}" + (f", w {weight:.2f}" if known else "")
    axes.text(left + 0.5, top + 1.03, words, ha="center", va="top", fontsize=style.SMALL - 1.5, color=style.INK)


def _short(names: Sequence[str], label: int) -> str:
    name = names[label]
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
