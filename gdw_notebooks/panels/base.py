"""A panel: controls next to one picture; without a kernel it is a picture only. All panels share this code."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from threading import RLock
from typing import TYPE_CHECKING

from ipywidgets import HTML, Button, HBox, Layout, ToggleButton, VBox, Widget
from matplotlib.figure import Figure

from gdw_notebooks.figures import style
from gdw_notebooks.panels import page_errors
from gdw_notebooks.panels.drawing import Drawing
from gdw_notebooks.panels.in_notebook import InNotebook
from gdw_notebooks.panels.picture import Picture

if TYPE_CHECKING:
    from pandas import DataFrame

CONTROLS_WIDTH, WIDEST_CONTROLS = "min(340px, 100%)", "min(460px, 100%)"  # words below them never push the picture down


class Panel(InNotebook, HBox):
    """Redraws whenever one of its controls changes.

    A panel of your own makes its controls, calls ``super().__init__(controls)`` last, and writes ``draw`` and
    ``describe``, and ``table`` where its picture has data to read::

        class Loudness(Panel):
            def __init__(self):
                self.weight = FloatSlider(1.0, min=0.0, max=1.0, description="weight")
                super().__init__([self.weight])

            def draw(self):
                return bars(self.weight.value, large=self.large.value)

            def describe(self):
                return f"Bars at weight {self.weight.value}"

    Args:
        controls: shown one below the other; those with a ``value`` are watched and go back to their first value
            at a press of Reset. A row or column of controls is watched too.

    Attributes:
        picture: the Picture; ``picture.value`` is PNG, ``picture.alt`` its words.
        large: switch for type that is read from the last row.
        show_table: switch for the picture's data as a table.
        reset: button that brings every control back.
        left, right: the columns that hold all this.
    """

    def __init__(self, controls: Sequence[Widget]):
        page_errors.show_in_words()
        self.picture, self.data = self.new_picture(), HTML()
        self.large = ToggleButton(value=False, description="Large type", tooltip="larger type, for a projector")
        self.show_table = ToggleButton(value=False, description="Show as table", tooltip="the picture in numbers")
        self.reset = Button(description="Reset", tooltip="set every control back to its first value")
        self._lock, self._quiet = RLock(), False
        self._watched = list(_with_value(controls))
        self._start = [control.value for control in self._watched]
        for switch in (self.large, self.show_table, self.reset):
            switch.layout.width = "auto"
        switches = HBox([self.large, self.show_table, self.reset], layout=Layout(flex_flow="row wrap"))
        self.left = VBox(
            [*controls, switches], layout=Layout(flex="0 1 auto", min_width=CONTROLS_WIDTH, max_width=WIDEST_CONTROLS)
        )
        self.right = VBox([self.picture, self.data], layout=Layout(flex="1 1 480px", min_width="0"))
        super().__init__([self.left, self.right], layout=Layout(flex_flow="row wrap", grid_gap="8px 16px"))
        self.add_class("gdw-panel")
        for control in self._watched:
            control.observe(self._changed, names="value")
        self.picture.watched = [control.model_id for control in self._watched]
        self.large.observe(self._resize, names="value")
        self.show_table.observe(lambda change: self._tabulate(), names="value")
        self.reset.on_click(lambda button: self.on_reset())
        self.redraw()

    def new_picture(self) -> Picture | Drawing:
        """What shows the picture: a PNG, unless the browser draws it from numbers."""
        return Picture()

    def draw(self) -> Figure:
        """The picture, from what the controls say; ``self.large.value`` asks for large type."""
        raise NotImplementedError

    def describe(self) -> str:
        """The picture in words, for those who cannot see it; by default the figure's own title."""
        return ""

    def printed(self) -> tuple[bytes, str]:
        return self.picture.value, self.picture.alt

    def table(self) -> "DataFrame | None":
        """The picture's data; None where there is none."""
        return None

    def redraw(self) -> None:
        """Draw the picture again, and its table if it is shown."""
        with self._lock:
            if self._quiet:
                return
            self.show_picture()
            self._tabulate()

    def show_picture(self) -> None:
        """Draw, and put the picture on the page with its words."""
        figure = self.draw()
        self.picture.show(figure, self.describe() or style.words(figure))

    def on_reset(self) -> None:
        """Set every control back to its first value, then draw once."""
        with self.one_redraw():
            for control, value in zip(self._watched, self._start, strict=True):
                control.value = value

    @contextmanager
    def one_redraw(self) -> Iterator[None]:
        """However many controls change within, the picture is drawn once, at the end."""
        try:
            with self.no_redraw():
                yield
        finally:
            self.redraw()

    @contextmanager
    def no_redraw(self) -> Iterator[None]:
        """Whatever changes within, the picture stays as it is."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def close(self) -> None:
        """Take the panel off the page, with all its parts: ipywidgets keeps every widget that nobody has closed."""
        for part in list(_parts(self, {})):
            if part is not self:
                part.close()
        super().close()

    def _changed(self, change: dict) -> None:
        self.redraw()

    def _resize(self, change: dict) -> None:
        (self.add_class if change["new"] else self.remove_class)("gdw-large")
        self.redraw()

    def _tabulate(self) -> None:
        frame = self.table() if self.show_table.value else None
        text = "" if frame is None else frame.to_html(border=0, float_format=style.number, na_rep="")
        if self.show_table.value and frame is None:
            text = "This picture has no numbers to show yet."
        if frame is not None:
            caption = escape(frame.attrs.get("caption", "Data of the picture"))
            text = text.replace("<thead>", f"<caption>{caption}</caption><thead>", 1)
            text = f'<div class="gdw-scrolls" tabindex="0" role="region" aria-label="{caption}">{text}</div>'
        self.data.value = text

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _parts(widget: Widget, seen: dict[int, Widget]) -> Iterator[Widget]:
    """The widget, its children and theirs, and the layout and style of each, once; and those that it shows at times."""
    if id(widget) not in seen:
        seen[id(widget)] = widget
        yield widget
        for held in [*(getattr(widget, name) for name in widget.keys), *vars(widget).values()]:
            for part in held if isinstance(held, (list, tuple)) else [held]:
                if isinstance(part, Widget):
                    yield from _parts(part, seen)


def _with_value(widgets: Sequence[Widget]) -> Iterator[Widget]:
    for widget in widgets:
        if hasattr(widget, "children"):
            yield from _with_value(widget.children)
        elif hasattr(widget, "value") and not isinstance(widget, HTML):
            yield widget
