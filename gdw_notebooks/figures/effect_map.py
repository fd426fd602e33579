"""A map of differences: one cell for each pair of noise rate and imbalance, hatched where it is undecided."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from gdw.comparison.report import Difference
from gdw_notebooks.figures import style

LIMIT = 10.0  # points: differences beyond it have the colour of it
COLORS = "PuOr_r"  # GDW's orange where GDW is above its rival
DARK = 0.62  # of the limit, from where the number is written in white
HATCH = "///"
SHOWN_AS_0 = 0.05  # points: with one decimal these are 0


def effect_map(
    cells: Mapping[tuple[float, float], Difference],
    rates: Sequence[float],
    imbalances: Sequence[float],
    *,
    rival: str,
    chosen: tuple[float, float] | None = None,
    title: str | None = None,
    large: bool = False,
) -> Figure:
    """GDW minus a rival in points of test accuracy, over noise rates (columns) and imbalances (rows).

    Args:
        cells: the paired difference of each (rate, imbalance), with p-values corrected for all of them (Holm).
        rival: its title, for the words.
        chosen: a cell to frame.
        title: the finding; by default how many cells are won, lost and undecided.
    """
    figure, axes = style.new_figure(height=3.9, large=large)
    mean = np.array([[cells[rate, imbalance].mean for rate in rates] for imbalance in imbalances])
    axes.imshow(mean, cmap=COLORS, vmin=-LIMIT, vmax=LIMIT, aspect="auto")
    axes.grid(False)
    for row, imbalance in enumerate(imbalances):
        for column, rate in enumerate(rates):
            _cell(axes, column, row, cells[rate, imbalance], framed=(rate, imbalance) == chosen)
    axes.set_xticks(range(len(rates)), [f"{100 * rate:g} %" for rate in rates])
    axes.set_yticks(range(len(imbalances)), [f"{imbalance:g} ({1 / imbalance:g} : 1)" for imbalance in imbalances])
    axes.set_xlabel("uniform noise (mixing rate)\nin a cell: GDW minus its rival, points of test accuracy")
    axes.set_ylabel("imbalance (long tail)")
    style.finding(figure, title or finding(cells, rival))
    return figure


def verdict(difference: Difference) -> str:
    """``"wins"``, ``"loses"``, or ``"undecided"`` where its p-value is not below 0.05."""
    return "undecided" if difference.undecided else "wins" if difference.mean > 0 else "loses"


def finding(cells: Mapping[tuple[float, float], Difference], rival: str) -> str:
    """How many cells GDW wins, loses, or leaves undecided."""
    said = [verdict(difference) for difference in cells.values()]
    counts = [f"{kind} {said.count(kind)}" for kind in ("wins", "loses")]
    return f"Against {rival}, GDW {' and '.join(counts)} of {len(said)} cells (Holm); the hatched ones are undecided"


def interval(difference: Difference) -> str:
    """Both ends with one decimal; with two where one would show 0 for an end that decides the cell."""
    ends = (difference.low, difference.high)
    digits = 2 if any(end and abs(end) < SHOWN_AS_0 for end in ends) else 1
    return "[" + ", ".join(_signed(end, digits) for end in ends) + "]"


def _signed(value: float, digits: int = 1) -> str:
    """With its sign; what is rounded to 0 is never below it."""
    return f"{value:+z.{digits}f}".replace("-", "−")


def _cell(axes, column: int, row: int, difference: Difference, framed: bool) -> None:
    corner, ink = (column - 0.5, row - 0.5), style.INK
    if abs(difference.mean) > DARK * LIMIT and not difference.undecided:  # those stand on white
        ink = "white"
    if difference.undecided:
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, hatch=HATCH, edgecolor="#8c8c8c", linewidth=0))
    if framed:
        for color, width in (("white", 6.5), (style.INK, 3)):  # seen on the darkest cell and on the palest
            axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=color, linewidth=width, zorder=2))
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5} if difference.undecided else None
    axes.text(column, row - 0.12, _signed(difference.mean), ha="center", va="center", color=ink,
              fontsize=style.TEXT, fontweight="bold", bbox=box)  # fmt: skip
    axes.text(column, row + 0.22, interval(difference), ha="center", va="center",
              color=ink, fontsize=style.SMALL - 1, bbox=box)  # fmt: skip
