"""A figure that does not change in a notebook, with alt text; GitHub shows it as a picture."""

import io

from matplotlib.figure import Figure
from PIL import Image

from gdw_notebooks.panels.picture import Picture

COLOURS = 128  # of the stored picture: lines and letters need no more, and it is a third as large


class Still(Picture):
    """Shows a figure.

    Args:
        figure: drawn once, now.
        alt: what the picture shows, in words.
    """

    again = ""

    def __init__(self, figure: Figure, alt: str):
        super().__init__()
        self.show(figure, alt)
        self.value = _small(self.value)

    def __repr__(self) -> str:
        return f"Still({self.alt!r})"


def _small(png: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS).save(buffer, format="png", optimize=True)
    return buffer.getvalue()
