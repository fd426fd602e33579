"""Flow portraits: the same batch's logit gradients under every method, side by side."""

import numpy as np
from matplotlib.figure import Figure

from gdw_notebooks.examples.portraits import Portraits
from gdw_notebooks.figures import style

COLUMNS = 5
ROWS_SHOWN = 12  # mislabelled instances, and as many clean ones
CELL_HEIGHT = 1.75  # inches of one portrait


def flow_portraits(found: Portraits, *, title: str, large: bool = False) -> Figure:
    """One matrix for each method: instances by flows, mislabelled ones above the line, clean ones below.

    The columns of a row are ordered: the observed label, the true class (where it is another one), then all others.
    Colour is the gradient's sign and the square root of its size: small flows are then visible too.
    """
    lines = -(-len(found.gradients) // COLUMNS)
    figure, axes = style.new_figure(
        lines, COLUMNS, width=11, height=1.1 + CELL_HEIGHT * lines, large=large, squeeze=False, sharex=True, sharey=True
    )
    order = _row_order(found)
    for each in axes.flat[len(found.gradients) :]:
        each.set_axis_off()
    lowest = len(found.gradients) - COLUMNS  # from here on nothing is below a portrait
    for place, (each, (method, gradient)) in enumerate(zip(axes.flat, found.gradients.items(), strict=False)):
        matrix = np.stack([gradient[row].numpy()[_columns(found, row)] for row in order])
        seen = np.sign(matrix) * np.sqrt(np.abs(matrix))
        image = each.imshow(seen, cmap=style.SIGNED, vmin=-1, vmax=1, aspect="auto")
        each.axhline(ROWS_SHOWN - 0.5, color=style.INK, linewidth=1)
        each.grid(False)
        each.set_title(style.method_title(method), fontsize=style.SMALL, loc="left", fontweight="bold")
        each.set_xticks([0, 1, 5.5], ["label", "true", "others"], fontsize=style.SMALL - 1.5, rotation=35)
        each.set_yticks([ROWS_SHOWN / 2 - 0.5, 1.5 * ROWS_SHOWN - 0.5], ["wrong", "right"], fontsize=style.SMALL - 1)
        each.tick_params(length=0, labelbottom=place >= lowest)
    bar = figure.colorbar(image, ax=axes, shrink=0.5, ticks=[-1, -0.5, 0, 0.5, 1])
    bar.set_ticklabels(["−1", "−¼", "0", "¼", "1"])
    bar.set_label("gradient sent into a logit, times B", fontsize=style.SMALL)
    style.finding(figure, title)
    return figure


def _row_order(found: Portraits) -> list[int]:
    """The first mislabelled instances, then the first clean ones, each by their true class."""
    wrong = (found.labels != found.true_labels).numpy()
    chosen = [np.flatnonzero(wrong)[:ROWS_SHOWN], np.flatnonzero(~wrong)[:ROWS_SHOWN]]
    truth = found.true_labels.numpy()
    return [int(row) for rows in chosen for row in rows[np.argsort(truth[rows], kind="stable")]]


def _columns(found: Portraits, row: int) -> list[int]:
    """The label's column, the true class's, then the others; a clean row keeps some other class in second place."""
    label, true = int(found.labels[row]), int(found.true_labels[row])
    first = [label] if label == true else [label, true]
    return [*first, *(c for c in range(next(iter(found.gradients.values())).shape[1]) if c not in first)]
