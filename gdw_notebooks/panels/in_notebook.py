"""What a notebook keeps of a panel: a picture with words, and in JupyterLab a sentence on how to move it again."""

import base64
from html import escape

from IPython.display import DisplayHandle, display

from gdw_notebooks.panels.rerun import current_cell

PNG, VIEW = "image/png", "application/vnd.jupyter.widget-view+json"
PIXELS_PER_CSS = 1.44  # of the figures: style.PIXELS_PER_INCH over style.CSS_PER_INCH
AGAIN = "To use this panel, run the cells above and then this cell."
KEPT = "This picture was kept from the panel. "
# In JupyterLab the picture is an output below the panel. While the panel is alive, the picture is hidden; when a saved
# notebook is opened without its kernel, JupyterLab has "model not found" in the panel's place, and that is hidden. A
# panel that is new needs a moment before it is there.
STYLE = """<style>
.gdw-kept { display: none; }
.jp-OutputArea .gdw-kept { display: block; overflow: hidden; animation: gdw-kept 2s step-end; }
@keyframes gdw-kept { from { max-height: 0; } to { max-height: 0; } }
.jp-OutputArea-child:has(.jp-OutputArea-output .lm-Widget) + .jp-OutputArea-child:has(.gdw-kept) { display: none; }
.jp-OutputArea-child:not(:has(.jp-OutputArea-output .lm-Widget)):has(+ .jp-OutputArea-child .gdw-kept) { display: none }
</style>"""


class InNotebook:
    """A widget of which a notebook stores a picture: mix it in before the widget's class, and write ``printed``.

    Attributes:
        again: what an opened notebook says, below the picture if there is one; empty: the picture is all there is.
    """

    again = AGAIN
    _kept: DisplayHandle | None = None
    _changed = False  # since the kept picture was drawn

    def printed(self) -> tuple[bytes, str]:
        """PNG of what is shown now, and its words; no bytes: there is no picture."""
        return b"", ""

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        data, (png, words) = data | {"text/plain": repr(self)}, self.printed()
        if not png:
            return data, metadata
        return data | {PNG: base64.b64encode(png).decode()}, metadata | {PNG: {"alt": words}}

    def _ipython_display_(self) -> None:
        """Where a front end shows widgets, the panel and its picture are two outputs, of which one is seen."""
        cell = current_cell()
        if cell is None or not cell.watched:
            raise NotImplementedError  # IPython then stores everything in one output
        self._changed = False
        data, metadata = self._repr_mimebundle_()
        if not self.again:
            display({"text/html": _page(data, metadata), "text/plain": data["text/plain"]}, raw=True)
            return
        display({VIEW: data[VIEW], "text/plain": data["text/plain"]}, raw=True)
        self._kept = display(self._as_kept(data, metadata), raw=True, display_id=True)
        if self._changed:  # a short run has ended while its lab was shown
            self.keep_picture()

    def keep_picture(self) -> None:
        """Keep what the panel shows now, in place of what it showed when its cell had run."""
        self._changed = True
        if self._kept is not None:
            self._kept.update(self._as_kept(*self._repr_mimebundle_()), raw=True)

    def _as_kept(self, data: dict, metadata: dict) -> dict[str, str]:
        page = _page(data, metadata)
        words = (KEPT if page else "") + self.again
        return {"text/html": f'{STYLE}<div class="gdw-kept">{page}<p><em>{words}</em></p></div>', "text/plain": words}


def _page(data: dict, metadata: dict) -> str:
    """What is shown where the panel is not alive, as HTML; empty where there is nothing."""
    return data.get("text/html") or (_image(data[PNG], metadata[PNG]["alt"]) if PNG in data else "")


def _image(png: str, words: str) -> str:
    width = round(int.from_bytes(base64.b64decode(png[:32])[16:20]) / PIXELS_PER_CSS)
    return (
        f'<img src="data:image/png;base64,{png}" alt="{escape(words)}" '
        f'style="width: {width}px; max-width: 100%; height: auto;">'
    )
