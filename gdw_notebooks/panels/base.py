"""A panel: controls beside one picture, live with a kernel and a picture without one.

    class Shares(Panel):
        def __init__(self, history):
            self.history = history
            self.epoch = IntSlider(1, min=1, max=len(history), description="epoch")
            super().__init__([self.epoch])

        def draw(self, large):                       # a matplotlib Figure
            return shares_figure(self.history, self.epoch.value - 1, large=large)

        def describe(self):                          # the picture in words
            return f"shares at epoch {self.epoch.value}"

        def table(self):                             # the same data, as a pandas DataFrame
            return shares_table(self.history, self.epoch.value - 1)
"""

import base64
from collections.abc import Sequence
from threading import RLock

from ipywidgets import HTML, Button, HBox, Layout, ToggleButton, ValueWidget, VBox, Widget
from matplotlib.figure import Figure

from gdw_notebooks.panels.picture import Picture
from gdw_notebooks.style import png

CONTROLS_WIDTH = "320px"
TABLE_STYLE = "<style>.gdw-table table{border-collapse:collapse}.gdw-table td,.gdw-table th{padding:2px 8px;text-align:right}</style>"


class Panel(HBox):
    """Redraws when one of its controls changes; carries its picture into the notebook's file.

    A subclass makes its controls, hands them over, and writes ``draw``, ``describe`` and ``table``. Whatever
    ``draw`` needs must stand before ``super().__init__``, which draws for the first time.

    Args:
        controls: widgets in their order for the keyboard; every change of a ``value`` redraws.
        silent: widgets shown among the controls that do not redraw (a status line, a run code).
    """

    def __init__(self, controls: Sequence[Widget], silent: Sequence[Widget] = ()):
        self._lock = RLock()  # a run's thread and the page's may both want to draw
        self._start = [(c, c.value) for c in controls if isinstance(c, ValueWidget) and c not in silent]
        self.large_type = ToggleButton(False, description="Large type", tooltip="for a projector")
        self.as_table = ToggleButton(False, description="Show as table", tooltip="the picture's data, as numbers")
        self.reset_button = Button(description="Reset", tooltip="all controls as they were at first")
        for button in (self.large_type, self.as_table, self.reset_button):
            button.layout = Layout(width="auto")
        self.picture = Picture()
        self.data_table = HTML(layout=Layout(display="none", overflow="auto", max_height="420px"))
        tools = HBox([self.reset_button, self.large_type, self.as_table], layout=Layout(flex_flow="row wrap"))
        self.controls = VBox([*controls, tools], layout=Layout(min_width=CONTROLS_WIDTH, max_width="100%"))
        view = VBox([self.picture, self.data_table], layout=Layout(flex="1 1 480px", min_width="0"))
        super().__init__([self.controls, view], layout=Layout(flex_flow="row wrap", align_items="flex-start"))
        self.reset_button.on_click(lambda _: self.reset())
        for widget, _ in [*self._start, (self.large_type, None), (self.as_table, None)]:
            widget.observe(lambda _: self.redraw(), names="value")
        self.redraw()

    def draw(self, large: bool) -> Figure:
        """The figure for the controls as they stand."""
        raise NotImplementedError

    def describe(self) -> str:
        """The picture in words, for those who do not see it."""
        raise NotImplementedError

    def table(self):
        """The picture's data as a pandas DataFrame."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw once more, in whatever thread this is."""
        with self._lock:
            self.picture.value = png(self.draw(self.large_type.value))
            self.picture.alt = self.describe()
            self.data_table.layout.display = "" if self.as_table.value else "none"
            if self.as_table.value:
                table = self.table().to_html(border=0, float_format=lambda value: f"{value:.3g}")
                self.data_table.value = f'{TABLE_STYLE}<div class="gdw-table">{table}</div>'

    def reset(self) -> None:
        """All controls as they were at first."""
        for control, value in self._start:
            control.value = value

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        return bundle | {"text/plain": repr(self), "image/png": base64.b64encode(self.picture.value).decode()}
