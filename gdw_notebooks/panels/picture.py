"""A picture with alt text, for panels: ``ipywidgets.Image`` has none."""

from pathlib import Path

import anywidget
import traitlets


class Picture(anywidget.AnyWidget):
    """A PNG in the page; setting ``value`` shows another one in its place, without a flicker.

    Attributes:
        value: a PNG file's bytes.
        alt: what is to be seen, in words.
        width: in CSS pixels; it shrinks with a narrow page.
    """

    _esm = Path(__file__).with_name("picture.js")

    value = traitlets.Bytes(b"").tag(sync=True)
    alt = traitlets.Unicode("").tag(sync=True)
    width = traitlets.Int(760).tag(sync=True)

    def __repr__(self) -> str:
        return f"Picture({self.alt!r})"
