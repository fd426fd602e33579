"""Picture: a figure as PNG in the page, with alternative text for those who cannot see it."""

from pathlib import Path

import anywidget
import traitlets
from matplotlib.figure import Figure

from gdw_notebooks.figures import style
from gdw_notebooks.panels.in_notebook import InNotebook
from gdw_notebooks.panels.scripts import bundle

HERE = Path(__file__).parent


class Picture(InNotebook, anywidget.AnyWidget):
    """An image whose bytes and whose alternative text may change at any time, from any thread.

    Its script also looks after the panel around it: names for screen readers, keys that stay in the panel, presses
    after values, and a word when the server is gone (care.js).

    Attributes:
        value: PNG.
        alt: what the picture shows, in words.
        width: in CSS pixels; 0 takes the PNG's own.
        watched: model ids of the panel's controls. A press of a button of the panel waits until the kernel has all
            their values: JupyterLab may send values and presses through different threads of the kernel.
    """

    # Text, not paths: of a file's path anywidget keeps every widget ever made, to load it again when the file changes.
    _esm = bundle(HERE / "picture.js")
    _css = (HERE / "panel.css").read_text("utf-8")
    value = traitlets.Bytes(b"").tag(sync=True)
    alt = traitlets.Unicode("").tag(sync=True)
    width = traitlets.Int(0).tag(sync=True)
    watched = traitlets.List([]).tag(sync=True)

    def show(self, figure: Figure, alt: str) -> None:
        """Draw the figure here. The words come first: no picture is ever shown without its words."""
        png = style.picture(figure)
        with self.hold_sync():
            self.alt, self.width, self.value = alt, style.css_width(figure), png

    def __repr__(self) -> str:
        return f"Picture({self.alt!r})"

    def printed(self) -> tuple[bytes, str]:
        return self.value, self.alt
