"""The stepper's picture, read off its axes."""

from functools import cache

import pytest
from matplotlib.patches import Rectangle

from gdw_notebooks.examples.bilevel import walk
from gdw_notebooks.examples.small_problem import Problem
from gdw_notebooks.figures.stepper import number_text, stepper

WALKS = {mode: walk(Problem(mode)) for mode in ("instance", "class")}
EVERY_STAGE = [(mode, number) for mode, made in WALKS.items() for number in range(len(made))]


@cache
def drawn(mode, number, large=False):
    return stepper(WALKS[mode], number, large)


def texts(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize(("mode", "number"), EVERY_STAGE)
def test_every_known_number_stands_in_the_picture_and_every_change_is_marked(mode, number):
    stage = WALKS[mode].stages[number]
    figure = drawn(mode, number)
    matrices = figure.axes[0]
    shown = texts(matrices)
    for name, rows in stage.tables.items():
        for value in (value for row in rows for value in row):
            assert number_text(value) in shown, name
    marks = [p for p in matrices.patches if isinstance(p, Rectangle) and p.get_gid() == "changed"]
    outlined, hatched = [p for p in marks if p.get_linewidth() > 2], [p for p in marks if p.get_hatch()]
    assert len(outlined) == len(hatched) == sum(map(len, stage.changed.values()))
    assert stage.title in figure.get_suptitle()
    assert stage.formula in [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(("mode", "number"), EVERY_STAGE)
def test_the_explanation_is_at_the_top_and_overlaps_nothing(mode, number, large):
    figure, stage = drawn(mode, number, large), WALKS[mode].stages[number]
    figure.canvas.draw()
    written = {text.get_text(): text.get_window_extent() for text in figure.texts}
    reading, formula = written[stage.reading], written[stage.formula]
    assert formula.y1 < figure._suptitle.get_window_extent().y0
    assert reading.y1 < formula.y0
    assert reading.y0 > max(text.get_window_extent().y1 for text in figure.axes[0].texts)
    assert reading.y0 > 0.8 * figure.bbox.height
    assert reading.x1 < min(axes.get_tightbbox().x0 for axes in figure.axes[1:])


@pytest.mark.parametrize("mode", WALKS)
def test_each_g_stands_beside_its_difference(mode):
    made = WALKS[mode]
    number = next(n for n, stage in enumerate(made.stages) if "g" in stage.changed)
    planes = drawn(mode, number).axes[1:]
    for i, plane in enumerate(planes):
        words = " ".join(texts(plane))
        for exact, difference in zip(made.meta_gradient[i], made.finite_difference[i], strict=True):
            assert number_text(exact.item()) in words
            assert number_text(difference.item()) in words
    assert not any("diff" in text for text in texts(drawn(mode, number - 1).axes[1]))


def test_arrows_point_along_the_gradients():
    made = WALKS["instance"]
    longest = made.arrows.norm(dim=-1).max()
    for i, plane in enumerate(stepper(made, len(made) - 1).axes[1:]):
        tips = [tuple(text.xy) for text in plane.texts if getattr(text, "arrow_patch", None)]
        expected = [(made.clean / made.clean.norm()).tolist(), (made.arrows[i, 0] / longest).tolist()]
        assert [pytest.approx(tip) for tip in expected] == tips


def test_numbers_are_short_and_never_minus_zero():
    assert number_text(-0.0001) == "0.000"
    assert number_text(-0.25, short=True) == "−.250"
    assert number_text(-1.4, short=True) == "−1.40"
