"""One look for every figure: colour, line, marker and hatch per method; sizes, and type for a projector."""

import re
import textwrap
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gdw_notebooks.figures.lettering import PlainFigure

PIXELS_PER_INCH = 144  # twice CSS's 72: sharp on a fine screen and at 200 % zoom
CSS_PER_INCH = 100  # of the page: 7.2 inches are 720 of its pixels, and the smallest type there is 11 of them high
LARGE = 1.45  # how much larger type and lines are for a projector, in a picture of the same size
WIDTH, HEIGHT = 7.2, 4.0  # inches of a usual figure
TEXT, SMALL, TITLE = 10, 8.5, 11.5  # points
FASTEST = 1  # of PNG's compression levels: a sixth larger than the usual 6, in a third of the time
LETTER = 0.66  # mean width of a bold letter, of its height
NUMBER = re.compile(r"((≈|±|epochs?) )?[+−-]?\d[\d.,]*( (%|points?\b|nats?\b|sd\b))?")  # no line of a title ends within
ROUNDING = 1e-12  # below it a number of a table is what float64 leaves of a 0
INK, FAINT = "#1a1a1a", "#d9d9d9"


@dataclass(frozen=True)
class Look:
    """How one thing is drawn everywhere: colour is never the only difference."""

    color: str
    linestyle: str | tuple = "-"
    marker: str = "o"
    hatch: str = ""

    @property
    def dashes(self) -> list[float]:
        """Of a line, for a drawing in the browser: lengths of strokes and gaps; empty for a solid line."""
        return list(self.linestyle[1]) if isinstance(self.linestyle, tuple) else []

    def drawn(self) -> dict:
        """A line's colour and dashes, for a drawing in the browser."""
        return {"color": self.color, "dashes": self.dashes}

    def line(self) -> dict:
        """Keyword arguments of ``Axes.plot``."""
        return {"color": self.color, "linestyle": self.linestyle, "marker": self.marker}

    def patch(self) -> dict:
        """Keyword arguments of ``Axes.bar`` and its like."""
        return {"facecolor": self.color, "hatch": self.hatch, "edgecolor": "white"}


DASHED, DOTTED, DASHDOT, LONG = (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)), (0, (9, 2))

# Okabe and Ito's eight colours (yellow, too pale on white, replaced by Tol's wine) and one grey.
# GDW's line alone is solid: drawings of a page have no markers.
METHODS = {
    "gdw": Look("#D55E00", "-", "o", ""),
    "gdw-tied": Look("#0072B2", DASHED, "s", "//"),
    "gdw-reduced": Look("#332288", LONG, "*", "++"),
    "gdw-class-net": Look("#AA4499", DASHDOT, "p", "|-"),
    "mwnet": Look("#009E73", DASHDOT, "^", "\\\\"),
    "l2rw": Look("#CC79A7", LONG, "v", "xx"),
    "insw": Look("#882255", DOTTED, "D", ".."),
    "cross-entropy": Look("#000000", DOTTED, "x", "--"),
    "only-clean": Look("#767676", DOTTED, "P", "++"),
    "fine-tune": Look("#56B4E9", LONG, "<", "||"),
    "pooled": Look("#E69F00", DASHED, ">", "oo"),
}
# Rivals; Tol's muted colours, each with another line or marker than its neighbours.
METHODS |= {
    "gce": Look("#117733", DOTTED, "d", "|-"),
    "seesaw": Look("#AA4499", DASHED, "*", "//"),
    "loss-mixture": Look("#999933", DASHDOT, "h", "\\\\"),
    "elr": Look("#117733", DASHED, "p", ".."),
    "sop": Look("#661100", LONG, "d", "xx"),
    "cmw-net": Look("#44AA99", DASHDOT, "v", "oo"),
    "mlc": Look("#661100", DOTTED, "X", "++"),
    "fsr": Look("#999933", LONG, "D", ".."),
}
# For all other methods, and for users' methods: Tol's muted colours that are not taken above.
OTHER_COLORS = ("#332288", "#117733", "#999933", "#AA4499", "#661100")
OTHER_LINES = ((DASHED, "*", "//"), (DASHDOT, "h", "\\\\"), (LONG, "p", "xx"), (DOTTED, "d", "|-"))

# Tol's bright and high-contrast colours: apart in grey too.
CLEAN, MISLABELLED = Look("#4477AA", "-", "o", ""), Look("#EE6677", DASHED, "X", "//")
OBSERVED, TRUE = Look("#BB5566", DASHED, "X", "//"), Look("#004488", "-", "o", "")
OTHER = Look("#B8860B", DOTTED, "s", "..")
GROUP_LOOKS = {"clean": CLEAN, "mislabelled": MISLABELLED}  # keys: gdw.experiments.history.GROUPS
FLOW_LOOKS = {"observed label": OBSERVED, "true class": TRUE, "other classes": OTHER}  # keys: FLOWS there
SIGNED = "RdBu_r"  # diverging, blue below 0 and red above, white at 0
NAMED = {"amber": "#DDAA33", "blue": "#4477AA", "rose": "#EE6677"}  # the classes of "clouds" look as they are called
CLASSES = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#BBBBBB", "#000000", "#999933", "#882255")


def method_look(name: str) -> Look:
    """The method's look; one of your own gets the same one each time, chosen by its name."""
    if name in METHODS:
        return METHODS[name]
    line, color = divmod(zlib.crc32(name.encode()), len(OTHER_COLORS))
    return Look(OTHER_COLORS[color], *OTHER_LINES[line % len(OTHER_LINES)])


def method_title(name: str) -> str:
    """The method's name as in a legend."""
    from gdw.methods import METHODS as known

    return known[name].title or name if name in known else name


def class_colors(names: Sequence[str]) -> list[str]:
    """A colour for each class; a class called after a colour has it."""
    if set(names) <= NAMED.keys():
        return [NAMED[name] for name in names]
    return [CLASSES[place % len(CLASSES)] for place in range(len(names))]


def new_figure(
    rows: int = 1,
    columns: int = 1,
    *,
    width: float = WIDTH,
    height: float = HEIGHT,
    large: bool = False,
    **subplots,
) -> tuple[Figure, Axes]:
    """A figure on Agg, in no global list, with its axes.

    Args:
        rows, columns: of axes; with more than one of either, the axes come as an array.
        width, height: inches, at 144 pixels each.
        large: for a projector: as many pixels, all type and lines 1.45 times as large.
        subplots: as for ``Figure.subplots``.

    Returns:
        The figure and its axes; its layout keeps labels and titles from overlapping.
    """
    zoom = LARGE if large else 1
    figure = PlainFigure(
        (width / zoom, height / zoom), dpi=PIXELS_PER_INCH * zoom, layout="constrained", facecolor="white"
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, **subplots)
    for each in figure.axes:
        plain(each)
    return figure, axes


def plain(axes: Axes) -> Axes:
    """Two spines, a faint grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.tick_params(labelsize=SMALL)
    return axes


def finding(figure: Figure, text: str) -> None:
    """The figure's title: what it shows, wrapped to its width, over its left edge; a number stays with its unit."""
    letters = int(figure.get_figwidth() * 72 / (TITLE * LETTER))
    text = NUMBER.sub(lambda number: number[0].replace(" ", "\N{NO-BREAK SPACE}"), text)
    lines = textwrap.fill(text, letters, break_on_hyphens=False).replace("\N{NO-BREAK SPACE}", " ")
    figure.suptitle(lines, x=0.01, ha="left", fontsize=TITLE, fontweight="bold", color=INK)


def words(figure: Figure) -> str:
    """The figure's title in one line."""
    return figure.get_suptitle().replace("\n", " ")


def number(value: float) -> str:
    """A number as people read it: four digits, and what only rounding has left over is 0."""
    return "0" if abs(value) < ROUNDING else f"{value:.4g}"


def picture(figure: Figure) -> bytes:
    """The figure as PNG."""
    import io

    png = io.BytesIO()
    figure.canvas.print_png(png, pil_kwargs={"compress_level": FASTEST})  # savefig would draw it twice
    return png.getvalue()


def css_width(figure: Figure) -> int:
    """Width in CSS pixels, of a usual figure about that of a notebook's cell; with large type it is larger as well."""
    zoom = figure.dpi / PIXELS_PER_INCH
    return round(figure.get_figwidth() * CSS_PER_INCH * zoom**2)


def spread(values: Iterable[float], gap: float, low: float, high: float) -> list[float]:
    """The values moved apart until neighbours keep ``gap``, within ``low ... high``: places for labels at line ends."""
    order = sorted(range(len(values := list(values))), key=values.__getitem__)
    placed = []
    for index in order:
        placed.append(max(values[index], placed[-1] + gap if placed else low))
    for i in range(len(placed) - 1, -1, -1):
        placed[i] = min(placed[i], high if i == len(placed) - 1 else placed[i + 1] - gap)
    result = [0.0] * len(values)
    for index, place in zip(order, placed, strict=True):
        result[index] = place
    return result
