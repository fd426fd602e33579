"""A title's lines: no line ends between a number and what belongs to it."""

from pathlib import Path

import pytest

from gdw.methods import METHODS
from gdw_notebooks import panels
from gdw_notebooks.figures import style

LONG = "At epoch 10 the weights are ≈ 0.42 (observed label), ≈ 0.21 (true class); it loses ≈ 19 points with 30 % wrong"


@pytest.mark.parametrize("width", [4.0, 5.0, 5.5, 6.0, 6.5, style.WIDTH])
def test_a_number_stays_with_its_unit_and_its_sign(width):
    figure, _ = style.new_figure(width=width)
    style.finding(figure, LONG)
    lines = figure.get_suptitle().split("\n")
    assert len(lines) > 1
    assert not [line for line in lines if line.endswith(("≈", "epoch")) or line.startswith(("%", "points"))]
    assert style.words(figure) == LONG


def test_a_methods_colour_is_in_no_style_sheet():
    """A notice had GDW's orange."""
    owned = {style.METHODS[name].color.lower() for name in ("gdw", "mwnet", "l2rw")}
    sheets = {path.name: path.read_text("utf-8").lower() for path in Path(panels.__file__).parent.glob("*.css")}
    assert sheets
    assert not [(name, color) for name, text in sheets.items() for color in owned if color in text]


def test_gdw_alone_has_a_solid_line_since_a_page_draws_no_markers():
    assert [name for name in METHODS if not style.method_look(name).dashes] == ["gdw"]
