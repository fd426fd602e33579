"""Picture: a figure as PNG in the page, with alternative text for those who cannot see it."""

import base64
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from matplotlib.figure import Figure

from gdw_notebooks.figures import style
from gdw_notebooks.panels.scripts import bundle

HERE = Path(__file__).parent


class Picture(anywidget.AnyWidget):
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

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        return with_picture(super()._repr_mimebundle_(**kwargs), self)


def with_picture(bundle: dict | tuple[dict, dict], picture: Any) -> tuple[dict, dict]:
    """A widget's data for a notebook, with the PNG and words of a Picture or a Drawing for readers without a kernel."""
    return with_png(bundle, picture.value, picture.alt)


def with_png(bundle: dict | tuple[dict, dict], png: bytes, alt: str) -> tuple[dict, dict]:
    """A widget's data for a notebook, with a PNG and its words; without a PNG as it is."""
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
    if not png:
        return data, metadata
    data = data | {"image/png": base64.b64encode(png).decode()}
    return data, metadata | {"image/png": {"alt": alt}}
