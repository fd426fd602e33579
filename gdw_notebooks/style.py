"""How everything looks: a colour, marker, line and hatch for each method, sizes, and figures without pyplot's state."""

import textwrap
import zlib
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gdw.methods import METHODS

DPI = 100  # pixels per inch on a screen
WIDTH, HEIGHT = 7.6, 4.2  # inches: beside the controls on a page 1280 pixels wide
LARGE = 1.5  # how much larger type and lines are on a projector; the picture keeps its size in pixels
CHARACTERS_PER_INCH = 12.5  # of a title
GHOST_ALPHA = 0.35  # of the run before this one
BAND_ALPHA = 0.18  # of the seeds' spread

# Roles: text and lines of 4.5 : 1 and more on white, told apart by colour-blind eyes, and never by colour alone.
OBSERVED, TRUE, OTHER = "#b34700", "#0063a6", "#666666"
FLOW_COLOURS = {"observed label": OBSERVED, "true class": TRUE, "other classes": OTHER}
FLOW_HATCHES = {"observed label": "", "true class": "////", "other classes": "...."}
FLOW_LINES = {"observed label": "-", "true class": "--", "other classes": ":"}
FLOW_MARKERS = {"observed label": "o", "true class": "s", "other classes": "^"}
GROUP_COLOURS = {"clean": "#0063a6", "mislabelled": "#b34700"}
GROUP_HATCHES = {"clean": "", "mislabelled": "////"}
SIGNED = "RdBu_r"  # diverging, white at 0: red pushes a logit down (the gradient is positive), blue pulls it up
CLASS_COLOURS = ("#E69F00", "#56B4E9", "#CC79A7", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#999999", "#332288", "#AA4499")
CLASS_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")


@dataclass(frozen=True)
class Look:
    """How a method is drawn: by four means, of which colour is only one."""

    colour: str
    marker: str
    line: str | tuple
    hatch: str


_LOOKS = {
    "gdw": Look("#0072B2", "o", "-", ""),
    "gdw-tied": Look("#AA4499", "s", "--", "////"),
    "mwnet": Look("#C25100", "^", "-.", "\\\\\\\\"),
    "l2rw": Look("#00805D", "v", (0, (5, 1, 1, 1, 1, 1)), "xxxx"),
    "insw": Look("#7A7A00", "D", (0, (3, 1)), "++++"),
    "cross-entropy": Look("#4D4D4D", "P", "-", "...."),
    "only-clean": Look("#A36F00", "*", ":", "oo"),
    "fine-tune": Look("#882255", "X", (0, (6, 2)), "--"),
    "pooled": Look("#117733", "<", (0, (1, 1)), "||"),
}
# For every other method, a user's own among them: by its name, so that it looks the same in every figure.
_OTHER_COLOURS = ("#332288", "#5D7A99", "#B3446C", "#6B5B2E", "#1F8A8A", "#8A4FBF", "#A0522D", "#3F6F3F")
_OTHER_MARKERS = ("h", "p", "d", ">", "8", "H")
_OTHER_LINES = ("-", "--", "-.", (0, (4, 1, 1, 1)), (0, (2, 1)))
_OTHER_HATCHES = ("**", "OO", "/.", "\\.", "x.")


def look(method: str) -> Look:
    """The look of a method's name."""
    if method in _LOOKS:
        return _LOOKS[method]
    number = zlib.crc32(method.encode())
    choices = (_OTHER_COLOURS, _OTHER_MARKERS, _OTHER_LINES, _OTHER_HATCHES)
    return Look(*(choice[number // 7**k % len(choice)] for k, choice in enumerate(choices)))


def colour(method: str) -> str:
    """The colour of a method's name."""
    return look(method).colour


def method_title(method: str) -> str:
    """As in a legend: the method's own title, else its name."""
    return METHODS[method].title if method in METHODS else method


def new_figure(width: float = WIDTH, height: float = HEIGHT, large: bool = False, layout: str = "constrained") -> Figure:
    """A matplotlib figure on the Agg canvas: no window, no state shared between threads.

    Args:
        width, height: in inches of 100 pixels.
        large: for a projector; the same pixels with type and lines 1.5 times as large.
    """
    scale = LARGE if large else 1.0
    figure = Figure(figsize=(width / scale, height / scale), dpi=DPI * scale, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def set_title(target: Axes | Figure, text: str, width: float | None = None) -> None:
    """The finding, at the left above axes or a whole figure, wrapped to its width.

    Args:
        width: of the target in inches of its figure; by default the figure's.
    """
    figure = target if isinstance(target, Figure) else target.figure
    lines = textwrap.wrap(text, max(20, int((width or figure.get_figwidth()) * CHARACTERS_PER_INCH)))
    if isinstance(target, Figure):
        target.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=11, fontweight="bold")
    else:
        target.set_title("\n".join(lines), loc="left", fontsize=11, fontweight="bold")


def bare(axes: Axes) -> Axes:
    """Without the upper and right spine, with a faint grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e3e3e3", linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def png(figure: Figure) -> bytes:
    """The figure as a PNG file, with nothing in it that changes from one drawing to the next."""
    import io

    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()
