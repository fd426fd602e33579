"""A panel: its controls redraw one picture, which has words, a table, large type and a way back."""

import pandas as pd
import pytest
from ipywidgets import FloatSlider, VBox

from gdw_notebooks.figures import style
from gdw_notebooks.panels.base import Panel

PNG = b"\x89PNG"


class Level(Panel):
    def __init__(self):
        self.level, self.drawn = FloatSlider(0.5, min=0, max=1, description="level"), []
        super().__init__([VBox([self.level])])

    def draw(self):
        figure, axes = style.new_figure(large=self.large.value)
        axes.plot([0, self.level.value])
        style.finding(figure, f"The level is {self.level.value}")
        self.drawn.append((self.level.value, figure.dpi))
        return figure

    def table(self):
        return pd.DataFrame({"level": [self.level.value]})


@pytest.fixture
def panel():
    return Level()


def test_a_control_redraws_the_picture_and_its_words(panel):
    before = panel.picture.value
    panel.level.value = 0.75
    assert panel.drawn[-1][0] == 0.75
    assert panel.picture.value.startswith(PNG)
    assert panel.picture.value != before
    assert panel.picture.alt == "The level is 0.75"


def test_reset_goes_back_and_draws_once(panel):
    panel.level.value = 1.0
    count = len(panel.drawn)
    panel.reset.click()
    assert panel.level.value == 0.5
    assert len(panel.drawn) == count + 1


def test_the_table_comes_on_demand_and_follows(panel):
    assert panel.data.value == ""
    panel.show_table.value = True
    assert "<td>0.5</td>" in panel.data.value
    panel.level.value = 0.25
    assert "<td>0.25</td>" in panel.data.value
    panel.show_table.value = False
    assert panel.data.value == ""


def test_large_type_in_picture_and_controls(panel):
    small = panel.drawn[-1][1]
    panel.large.value = True
    assert panel.drawn[-1][1] == pytest.approx(style.LARGE * small)
    assert "gdw-large" in panel._dom_classes
    panel.large.value = False
    assert "gdw-large" not in panel._dom_classes


def test_without_a_kernel_it_is_a_picture_with_a_name(panel):
    data, metadata = panel._repr_mimebundle_()
    assert data["text/plain"] == "Level()"
    assert data["image/png"].startswith("iVBOR")  # PNG in base64
    assert metadata["image/png"]["alt"] == panel.picture.alt == "The level is 0.5"


def test_its_alt_text_is_in_the_notebook_and_in_its_html(panel):
    import nbformat
    from IPython.core.formatters import DisplayFormatter
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    data, metadata = DisplayFormatter().format(panel)
    output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
    cell = nbformat.v4.new_code_cell("panel", outputs=[output])
    notebook = nbformat.v4.new_notebook(cells=[cell])
    config = Config({"NbConvertBase": {"display_data_priority": ["image/png"]}})
    html, _ = HTMLExporter(config=config, template_name="classic").from_notebook_node(notebook)
    assert 'alt="The level is 0.5"' in html


def test_the_table_has_numbers_that_people_read(panel):
    panel.level.value = 1.388e-17
    panel.show_table.value = True
    assert "<td>0</td>" in panel.data.value
    assert "e-17" not in panel.data.value


def test_the_picture_knows_which_values_a_press_waits_for(panel):
    assert panel.picture.watched == [panel.level.model_id]
