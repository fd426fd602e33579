"""A title's lines: no line ends between a number and what belongs to it."""

import re
from pathlib import Path

import pytest

from gdw.methods import METHODS
from gdw_notebooks import panels, playground
from gdw_notebooks.figures import style

REPOSITORY = Path(__file__).parents[2]
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
    grey = re.compile(r"#(..)\1\1")
    owned = {look.color.lower() for look in style.METHODS.values() if not grey.fullmatch(look.color)}
    folders = [Path(panels.__file__).parent, Path(playground.__file__).parent, REPOSITORY / "docs" / "site" / "static"]
    sheets = {path.name: path.read_text("utf-8").lower() for folder in folders for path in folder.glob("*.css")}
    assert {"panel.css", "playground.css", "site.css"} <= sheets.keys()
    assert not [(name, color) for name, text in sheets.items() for color in owned if color in text]


def test_gdw_alone_has_a_solid_line_since_a_page_draws_no_markers():
    assert [name for name in METHODS if not style.method_look(name).dashes] == ["gdw"]
