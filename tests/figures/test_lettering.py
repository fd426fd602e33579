"""Names from outside are drawn letter by letter: no formulas, no missing glyphs; our own formulas stay formulas."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gdw_notebooks.figures import lettering, style
from gdw_notebooks.figures.scores import scores
from gdw_notebooks.figures.transition import transition_figure

HARD = ["$5", "$10", "a_{b", r"\frac{", "猫", "собака", "été", "emoji 🐱", "tab\there", "lone \udce9", "$x$", "^^"]


@pytest.fixture
def no_other_fonts(monkeypatch):
    monkeypatch.setattr(lettering, "_installed", list)
    lettering._font_of.cache_clear()
    yield
    lettering._font_of.cache_clear()


def hard_classes():
    return transition_figure({"one": np.eye(3)}, ("$5", "$10 _{", "猫"), title="What becomes of “猫”")


@pytest.mark.parametrize("name", HARD)
def test_any_name_can_be_a_title_a_tick_a_label_and_a_legend(name):
    figure, axes = style.new_figure()
    axes.plot([0, 1], label=name)
    axes.set_xticks([0, 1], [name, "b"])
    axes.set_title(name)
    axes.annotate(name, (0, 0))
    figure.legend()
    style.finding(figure, f"{name} and {name}")
    assert style.picture(figure).startswith(b"\x89PNG")


def test_a_dollar_sign_looks_like_a_dollar_sign():
    def pixels(text, formulas):
        figure, axes = style.new_figure()
        if formulas:
            figure = Figure(figure.get_size_inches(), dpi=figure.dpi, layout="constrained")
            axes = FigureCanvasAgg(figure).figure.subplots()
        axes.set_axis_off()
        axes.set_title(text)
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba())

    assert np.array_equal(pixels("$5 and $10", False), pixels(r"\$5 and \$10", True))
    assert not np.array_equal(pixels("$x$", False), pixels("$x$", True))  # our own formulas are drawn as formulas


def test_every_view_of_hard_class_names_is_drawn():
    assert style.picture(hard_classes())
    assert style.picture(scores({"$5": {"gdw": [1, 2]}, "$10 猫": {"gdw": [3]}}, title="$5 or $10"))


def test_a_letter_that_the_usual_font_lacks_comes_from_a_font_that_has_it():
    letter = "\u24b6"  # Ⓐ: in STIXGeneral, which comes with matplotlib, and not in DejaVu Sans
    assert lettering.spelled(letter) == letter
    assert [*lettering.fonts_with({letter})]
    assert [*lettering.fonts_with(set())] == []


def test_a_letter_that_no_font_has_is_spelled(no_other_fonts):
    assert lettering.spelled("猫") == "U+732B"
    assert lettering.spelled("ＡＢ") == "AB"  # full-width Latin letters
    assert lettering.spelled("a\tb") == "a b"
    assert lettering.spelled("Ångström – 5 °") == "Ångström – 5 °"  # the usual font has all of these
    figure = hard_classes()
    figure.canvas.draw()
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["$5", "$10 _{", "U+732B"]
    assert figure.get_suptitle() == "What becomes of “U+732B”"


def test_powers_of_ten_on_a_logarithmic_axis_stay_formulas():
    figure, axes = style.new_figure()
    axes.plot([1, 1000])
    axes.set_yscale("log")
    figure.canvas.draw()
    assert all(tick.label1.get_parse_math() for tick in axes.yaxis.get_major_ticks())
