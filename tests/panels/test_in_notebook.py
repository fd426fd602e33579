"""What a notebook keeps of a panel: one output where no front end is known, a picture and the panel in JupyterLab."""

from types import SimpleNamespace

import pytest
from IPython.core.formatters import DisplayFormatter
from ipywidgets import HTML

from gdw_notebooks.examples.small_problem import CLASS
from gdw_notebooks.figures import style
from gdw_notebooks.panels import in_notebook
from gdw_notebooks.panels.broken_data import BrokenData
from gdw_notebooks.panels.in_notebook import VIEW, InNotebook
from gdw_notebooks.panels.microscope import FlowMicroscope
from gdw_notebooks.panels.rerun import Cell
from gdw_notebooks.panels.stepper import BilevelStepper
from gdw_notebooks.panels.still import Still

MATRIX = [[0.5, 0.5], [0.0, 1.0]]
PANELS = {
    "panel": lambda: BrokenData(MATRIX, ("cat", "dog")), "microscope": FlowMicroscope,
    "stepper": lambda: BilevelStepper(CLASS),
}  # fmt: skip


@pytest.fixture
def outputs(monkeypatch):
    """What is shown in a cell of JupyterLab, one dictionary for each output."""
    found = []
    monkeypatch.setattr(in_notebook, "current_cell", lambda: Cell("a", "1", watched=True))
    monkeypatch.setattr(in_notebook, "display", lambda data, raw, display_id=None: found.append(data))
    return found


@pytest.mark.parametrize("make", PANELS.values(), ids=PANELS)
def test_jupyterlab_keeps_the_picture_beside_the_panel(outputs, make):
    panel = make()
    assert DisplayFormatter().format(panel) == ({}, {})  # it has shown itself
    alive, kept = outputs
    assert VIEW not in kept  # else JupyterLab would look for the panel there, and find no picture
    assert alive[VIEW]["model_id"] == panel.model_id
    assert in_notebook.AGAIN in kept["text/html"]
    bundle = panel._repr_mimebundle_()[0]
    assert bundle.get("text/html", bundle.get("image/png")) in kept["text/html"]


def test_elsewhere_everything_is_in_one_output():
    data, metadata = DisplayFormatter().format(BrokenData(MATRIX, ("cat", "dog")))
    assert data.keys() >= {VIEW, "image/png", "text/plain"}
    assert metadata["image/png"]["alt"]


def test_a_picture_that_never_moves_needs_no_kernel(outputs):
    figure, _ = style.new_figure()
    DisplayFormatter().format(Still(figure, "A <finding>"))
    (kept,) = outputs
    assert VIEW not in kept
    assert 'alt="A &lt;finding&gt;"' in kept["text/html"]
    assert "width: 719px" in kept["text/html"]  # of 7.2 inches
    assert in_notebook.AGAIN not in kept["text/html"]


@pytest.mark.parametrize("ends", ["before", "while it is drawn", "after"])
def test_the_picture_kept_is_of_the_end_of_a_run_whenever_that_is(monkeypatch, ends):
    """A short run ends on a thread of its own while its lab is being shown."""
    kept = []
    monkeypatch.setattr(in_notebook, "current_cell", lambda: Cell("a", "1", watched=True))

    def display(data, raw, display_id=None):
        kept.append(data)
        return SimpleNamespace(update=lambda data, raw: kept.append(data)) if display_id else None

    class Lab(InNotebook, HTML):
        def printed(self):
            shown = self.value
            if ends == "while it is drawn" and shown == "running":
                self.end()
            return png, shown

        def end(self):
            self.value = "done"
            self.keep_picture()

    monkeypatch.setattr(in_notebook, "display", display)
    png, lab = style.picture(style.new_figure()[0]), Lab("running")
    if ends == "before":
        lab.end()
    DisplayFormatter().format(lab)
    if ends == "after":
        lab.end()
    assert 'alt="done"' in kept[-1]["text/html"]
    assert len(kept) == 3 - (ends == "before")
