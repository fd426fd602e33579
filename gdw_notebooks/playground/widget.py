"""The playground within a notebook: a frame that trains without the kernel, and a picture where there is no frame."""

from pathlib import Path

import anywidget
import traitlets

from gdw_notebooks.panels.in_notebook import InNotebook
from gdw_notebooks.panels.scripts import bundle
from gdw_notebooks.playground.page import page

PICTURE = Path(__file__).with_name("playground.png")  # of the page after 400 steps: python -m tools.playground_picture
WORDS = (
    "The playground after 400 steps, three pictures side by side. A third of the labels of three spiral arms name the "
    "next class. Cross-entropy learns many of them by heart: it is right at about four points in five. For tied GDW "
    "and GDW many mislabelled points are small and pale, and their regions follow the arms."
)


class Playground(InNotebook, anywidget.AnyWidget):
    """Three learners on one scene, trained in the browser: it needs no kernel once it is shown."""

    _esm = bundle(Path(__file__).with_name("widget.js"))
    page = traitlets.Unicode().tag(sync=True)

    def __init__(self, **kwargs):
        super().__init__(page=page(), **kwargs)

    def __repr__(self) -> str:
        return "Playground()"

    def printed(self) -> tuple[bytes, str]:
        return PICTURE.read_bytes(), WORDS
