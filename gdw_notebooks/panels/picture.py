"""Picture: a figure as PNG in the page, with alternative text for those who cannot see it."""

from pathlib import Path

import anywidget
import traitlets
from matplotlib.figure import Figure

from gdw_notebooks.figures import style

HERE = Path(__file__).parent


class Picture(anywidget.AnyWidget):
    """An image whose bytes and whose alternative text may change at any time, from any thread.

    Attributes:
        value: PNG.
        alt: what is to be seen, in words.
        width: in CSS pixels; 0 takes the PNG's own.
        clicked: where it was last clicked, shares of width and height from the top left corner.
    """

    _esm = HERE / "picture.js"
    _css = HERE / "panel.css"
    value = traitlets.Bytes(b"").tag(sync=True)
    alt = traitlets.Unicode("").tag(sync=True)
    width = traitlets.Int(0).tag(sync=True)
    clicked = traitlets.List([]).tag(sync=True)

    def show(self, figure: Figure, alt: str) -> None:
        """Draw the figure here; the words first, so that no picture ever stands without its own."""
        png = style.picture(figure)
        with self.hold_sync():
            self.alt, self.width, self.value = alt, style.css_width(figure), png

    def __repr__(self) -> str:
        return f"Picture({self.alt!r})"
