"""Bars of passes and ratios, and what an approximation saves and loses: by the data on their axes."""

from matplotlib.colors import to_hex

from gdw_notebooks.examples.passes import KINDS, PASSES
from gdw_notebooks.figures import style
from gdw_notebooks.figures.price import LOOKS, pass_bars, ratio_bars, savings


def test_a_bar_is_as_long_as_its_passes():
    figure = pass_bars(list(PASSES), title="Ten passes")
    (axes,) = figure.axes
    ends = {}
    for patch in axes.patches:
        place = round(patch.get_y() + patch.get_height() / 2)
        ends[place] = max(ends.get(place, 0), patch.get_x() + patch.get_width())
    assert [ends[place] for place in range(len(PASSES))] == [3, 10, 10, 11, 12]
    assert [text.get_text() for text in figure.legends[0].texts] == list(KINDS)
    assert set(LOOKS) == set(KINDS)
    assert not {look.color for look in LOOKS.values()} & {look.color for look in style.METHODS.values()}
    assert figure.get_suptitle() == "Ten passes"


def test_a_ratio_has_its_number_and_its_range():
    timed = {"seconds": 0.01, "ratio": 3.7, "range": (3.5, 4.1)}
    figure = ratio_bars({"cross-entropy": 1.0, "GDW, reusing": timed}, title="Time", xlabel="plain steps")
    (axes,) = figure.axes
    assert [patch.get_width() for patch in axes.patches] == [1.0, 3.7]
    assert list(axes.lines[1].get_xdata()) == [3.5, 4.1]
    assert [text.get_text() for text in axes.texts] == ["1.00", "3.70"]
    colors = [to_hex(patch.get_facecolor(), keep_alpha=False).upper() for patch in axes.patches]
    assert colors == [style.METHODS["cross-entropy"].color, style.METHODS["gdw"].color]


def test_an_undecided_difference_is_hollow():
    rows = [
        {"way": "no virtual step", "cost": 3.0, "uniform 60, difference": (-0.1, -0.5, 0.3, 0.6, 10)},
        {"way": "last layer", "cost": 1.67, "uniform 60, difference": (-9.0, -12.0, -7.0, 0.001, 10)},
    ]
    figure = savings(rows, ["uniform 60"], title="Cheap and good")
    (axes,) = figure.axes
    hollow, _zero = axes.lines[1], axes.lines[-1]
    assert hollow.get_markerfacecolor() == "white"
    assert axes.lines[3].get_markerfacecolor() != "white"
    assert list(axes.lines[2].get_xdata()) == [-12.0, -7.0]
    assert [label.get_text().splitlines()[1] for label in axes.get_yticklabels()] == [
        "(3.00 plain steps)", "(1.67 plain steps)",
    ]  # fmt: skip
