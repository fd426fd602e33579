"""One stage of the bilevel step: every tensor as a small matrix, and the gradients in the parameters' plane."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from gdw_notebooks.examples.bilevel import Stage, Walk
from gdw_notebooks.examples.small_problem import CLASS, CLASSES, INSTANCES
from gdw_notebooks.figures import style

WIDTH, HEIGHT = 14.0, 8.5  # inches
TYPE, LARGE_TYPE = 1.17, 0.94  # of all sizes below; large type is zoomed by the style as well, and must fit its cells
ARROWS = ("#AA3377", "#0072B2", "#7A5C00")  # of cat, dog, bird: dark enough to be read as names
MATRICES = (0.005, 0.045, 0.71, 0.80)  # left, bottom, width, height of the matrices' part, as shares of the figure
PLANES = (0.722, 0.06, 0.15, 0.86)
GAP, ROW = 0.75, 5.0  # between blocks, and from one row of blocks to the next, in cells
CHANGED = "#b34700"
ROWS = {
    "instance": (("x", "theta", "z", "p"), ("loss", "d", "w", "theta_virtual"), ("meta_loss", "clean", "t", "g", "fd"),
                 ("change", "sent", "sum")),
    "class": (("x", "theta", "z", "p"), ("loss", "d", "V", "w"), ("theta_virtual", "meta_loss", "clean", "t", "g"),
              ("fd", "change", "sent", "sum")),
}  # fmt: skip
AXES, ONE = ("1", "2"), ("",)
# name: (symbol and what it is, columns, whether its rows are the instances)
BLOCKS = {
    "x": ("$x$  pictures", AXES, True), "theta": (r"$\theta$  parameters", AXES, False),
    "z": ("$z$  logits", CLASSES, True), "p": ("$p$  probabilities", CLASSES, True),
    "loss": (r"$\ell$  loss", ONE, True), "d": ("$d$  flows", CLASSES, True),
    "V": (r"$V(\ell)$", ONE, True), "w": ("$w$  weights", CLASSES, True),
    "theta_virtual": (r"$\theta'$  virtual", AXES, False), "meta_loss": ("$L$  clean", ONE, False),
    "clean": (r"$\nabla L$  at $\theta'$", AXES, False), "t": ("$t$  tangent", CLASSES, True),
    "g": ("$g$  exact", CLASSES, True), "fd": ("$g$  by differences", CLASSES, True),
    "change": ("change of $w$", CLASSES, True), "sent": ("$w d / B$  sent back", CLASSES, True),
    "sum": ("row sum", ONE, True),
}  # fmt: skip
FOLDED = ("w", "g", "fd", "change")  # one column in instance mode


def stepper(walk: Walk, number: int, large: bool = False) -> Figure:
    """Stage ``number`` (from 0) of a walk.

    Changed cells have a thick outline and hatching; what is not known yet is dotted and empty. On the right, for each
    instance: its gradient (in class mode: each flow's) next to the clean gradient; the shaded side is where ``g < 0``.
    """
    stage = walk.stages[number]
    figure, axes = style.new_figure(width=WIDTH, height=HEIGHT, large=large, formulas=True)
    figure.set_layout_engine("none")
    axes.set_position(MATRICES)
    size = LARGE_TYPE if large else TYPE
    style.finding(figure, f"{number + 1} of {len(walk)}.  {stage.title}")
    figure.text(0.012, 0.915, stage.formula, fontsize=14 * size, va="center")
    figure.text(0.012, 0.861, stage.reading, fontsize=10.5 * size, va="center")  # on top: seen without scrolling
    _matrices(axes, walk, stage, number, size)
    left, bottom, width, height = PLANES
    for i in range(len(INSTANCES)):
        box = (left, bottom + (2 - i) * height / 3, width, height / 3 - 0.045)
        _plane(figure.add_axes(box, label=f"plane {i}"), walk, stage, i, size)
    return figure


def columns_of(name: str, mode: str) -> tuple[str, ...]:
    """Headings of a tensor's columns."""
    return ONE if mode != CLASS and name in FOLDED else BLOCKS[name][1]


def _matrices(axes: Axes, walk: Walk, stage: Stage, number: int, size: float) -> None:
    axes.set(xlim=(0, 15.2), ylim=(ROW * len(ROWS[walk.mode]) - 0.2, -0.1))
    axes.axis("off")
    known_before = set().union(*(s.tables for s in walk.stages[: number + 1]))
    for r, names in enumerate(ROWS[walk.mode]):
        x = 0.7
        for name in names:
            columns = columns_of(name, walk.mode)
            gone = name in known_before and name not in stage.tables
            _block(axes, name, columns, (x, r * ROW + 1.6), stage, gone, size)
            x += max(len(columns), 1.25) + GAP


def _block(axes: Axes, name: str, columns: tuple, corner: tuple, stage: Stage, gone: bool, size: float) -> None:
    (x, y), (heading, _, by_instance) = corner, BLOCKS[name]
    values, changed = stage.tables.get(name), stage.changed.get(name, frozenset())
    rows = len(INSTANCES) if by_instance else 1
    heading_type = {"fontsize": 8 * size, "va": "center", "color": "#444444"}
    axes.text(x, y - 0.95, heading, fontsize=9.5 * size, fontweight="bold" if changed else "normal", va="center")
    for j, column in enumerate(columns):
        axes.text(x + j + 0.5, y - 0.3, column, ha="center", **heading_type)
    for i in range(rows):
        if by_instance:
            axes.text(
                x - 0.1, y + i + 0.5, INSTANCES[i][0], fontsize=8 * size, ha="right", va="center", color="#444444"
            )
        for j in range(len(columns)):
            cell_is_new = (i, j) in changed
            _cell(axes, (x + j, y + i), None if values is None else values[i][j], cell_is_new, size)
    if gone:
        axes.text(x + len(columns) / 2, y + rows / 2, "thrown away", fontsize=8.5 * size, ha="center", va="center")


def _cell(axes: Axes, corner: tuple, value: float | None, changed: bool, size: float) -> None:
    look = {"facecolor": "white", "edgecolor": "#9a9a9a", "linewidth": 0.8, "linestyle": ":" if value is None else "-"}
    axes.add_patch(Rectangle(corner, 1, 1, zorder=1, **look))
    if changed:
        mark = {"facecolor": "none", "gid": "changed"}
        axes.add_patch(Rectangle(corner, 1, 1, edgecolor="#f0c7a6", hatch="///", linewidth=0, zorder=2, **mark))
        axes.add_patch(Rectangle(corner, 1, 1, edgecolor=CHANGED, linewidth=2.2, zorder=3, **mark))
    if value is not None:
        back = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85} if changed else None
        axes.text(
            corner[0] + 0.5, corner[1] + 0.5, number_text(value, size == LARGE_TYPE), fontsize=9.5 * size,
            ha="center", va="center", zorder=4, bbox=back,
        )  # fmt: skip


def number_text(value: float, short: bool = False) -> str:
    """Three decimals; never a negative zero. Short, for large type: without the 0 before the point."""
    text = f"{value:.{2 if short and abs(value) >= 1 else 3}f}".replace("-0.000", "0.000").replace("-", "−")
    return text.replace("0.", ".", 1) if short and abs(value) < 1 else text


def _plane(axes: Axes, walk: Walk, stage: Stage, i: int, size: float) -> None:
    axes.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), xticks=[], yticks=[], aspect="equal", anchor="W")
    axes.spines[:].set_color("#bbbbbb")
    axes.axhline(0, color="#dddddd", linewidth=0.6)
    axes.axvline(0, color="#dddddd", linewidth=0.6)
    axes.set_title(INSTANCES[i], loc="left", fontsize=9.5 * size, pad=3)
    axes.set_xlabel(r"$\theta_1$", fontsize=8 * size, labelpad=1)
    axes.set_ylabel(r"$\theta_2$", fontsize=8 * size, labelpad=1)
    if "clean" in stage.tables:
        _clean_side(axes, walk, size)
    if "d" in stage.tables:
        longest = walk.arrows.norm(dim=-1).max()
        for c, arrow in enumerate((walk.arrows[i] / longest).tolist()):
            label = CLASSES[c] if walk.mode == CLASS else r"$\nabla \ell$"
            _arrow(axes, arrow, ARROWS[c], label, size)
    if "g" in stage.tables:
        _derivatives(axes, walk, i, size)


def _clean_side(axes: Axes, walk: Walk, size: float) -> None:
    """The clean gradient's direction, and the half plane on its side."""
    x, y = (walk.clean / walk.clean.norm()).tolist()
    side = [(-4 * y, 4 * x), (4 * y, -4 * x), (4 * y + 4 * x, -4 * x + 4 * y), (-4 * y + 4 * x, 4 * x + 4 * y)]
    axes.add_patch(Polygon(side, facecolor="#eef2f6", edgecolor="#d5dde5", hatch="..", linewidth=0.8, zorder=0))
    _arrow(axes, (x, y), style.INK, "clean", size, width=2.4)


def _arrow(axes: Axes, tip, colour: str, label: str, size: float, width: float = 1.6) -> None:
    axes.annotate(
        "", xy=tip, xytext=(0, 0), zorder=3,
        arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": width, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    x, y = tip
    length = max((x * x + y * y) ** 0.5, 1e-9)
    reach = 1 + 0.2 / length
    axes.text(
        max(-1.0, min(1.0, x * reach)), max(-1.12, min(1.12, y * reach)), label, fontsize=8.5 * size, color=colour,
        ha="center", va="center", zorder=4, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.8},
    )  # fmt: skip


def _derivatives(axes: Axes, walk: Walk, i: int, size: float) -> None:
    """``g`` and its finite difference, as numbers next to the plane."""
    lines = ["           g   diff."]
    for c, (exact, difference) in enumerate(zip(walk.meta_gradient[i], walk.finite_difference[i], strict=True)):
        name = CLASSES[c] if walk.mode == CLASS else ""
        lines.append(f"{name:5}{number_text(exact.item()):>7}{number_text(difference.item()):>7}")
    angle = "" if walk.mode == CLASS else ("\n\nless than 90°:\ng < 0, weight up" if walk.meta_gradient[i] < 0
                                           else "\n\nmore than 90°:\ng > 0, weight down")  # fmt: skip
    text = "\n".join(lines) + angle
    axes.text(1.04, 0.98, text, transform=axes.transAxes, fontsize=8.2 * size, family="monospace", va="top")
