"""Drawing: pictures that the browser draws from numbers."""

import anywidget
import traitlets
from ipywidgets import ToggleButtons

from gdw_notebooks.panels.picture import HERE
from gdw_notebooks.panels.scripts import bundle


class Drawing(anywidget.AnyWidget):
    """One of several views of the same numbers, chosen by buttons: a press of one is followed without the kernel.

    The kernel never says which view the page shows: while it trains it is behind what somebody has pressed.

    Args:
        buttons: one button for each view, in their order.

    Attributes:
        views: what drawing.js draws, each with ``words``, ``title``, ``plots`` and ``legend``, or with ``pictures``.
        shots: these pictures as PNG in base64, one for each words below it; sent again only where another is shown.
        buttons: the model id of the buttons.
        old: what to say above a picture that is not of now; empty where it is.
        clicked: of the point that was last clicked, its plot's place, its number, and when; empty before.
        watched: as a Picture's.
    """

    _esm = bundle(HERE / "drawing.js")
    _css = (HERE / "panel.css").read_text("utf-8")
    views = traitlets.List().tag(sync=True)
    shots = traitlets.List().tag(sync=True)
    buttons = traitlets.Unicode().tag(sync=True)
    old = traitlets.Unicode("").tag(sync=True)
    clicked = traitlets.List([]).tag(sync=True)
    watched = traitlets.List([]).tag(sync=True)

    def __init__(self, buttons: ToggleButtons):
        super().__init__(buttons=buttons.model_id)
        self._buttons = buttons

    @property
    def alt(self) -> str:
        """The chosen view in words."""
        if not self.views:
            return ""
        shown = self.views[min(self._buttons.index, len(self.views) - 1)]
        return f"{shown['words']} {shown['title']}".strip()

    def __repr__(self) -> str:
        return f"Drawing({self.alt!r})"
