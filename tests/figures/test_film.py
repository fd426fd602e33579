"""A film's pictures have their axes where constrained layout puts them, and keep them while nothing needs more room."""

import numpy as np

from gdw_notebooks.figures.film import Film
from gdw_notebooks.figures.style import finding, new_figure


def figure(title="one line", ylabel="accuracy (%)", large=False, top=100):
    drawn, axes = new_figure(large=large)
    axes.plot([0, 1], [0, top])
    axes.set_ylabel(ylabel)
    finding(drawn, title)
    return drawn


def places(drawn):
    return np.array([axes.get_position(original=True).bounds for axes in drawn.axes])


def laid_out(*args, **kwargs):
    alone = figure(*args, **kwargs)
    alone.draw_without_rendering()
    return places(alone)


def test_each_kind_stands_where_the_layout_puts_it():
    film = Film()
    for kind in ({}, {"title": "long " * 40}, {"ylabel": "two\nlines"}, {"large": True}, {"top": 10_000}, {}):
        np.testing.assert_allclose(places(film.settle(figure(**kind))), laid_out(**kind), atol=1e-12)
    assert len({laid_out(**kind).tobytes() for kind in ({}, {"title": "long " * 40}, {"ylabel": "two\nlines"})}) == 3


def test_the_next_of_a_kind_costs_no_layout(monkeypatch):
    film = Film()
    first = film.settle(figure())
    second = figure(title="other words", top=90)  # an axis that has grown with its line
    monkeypatch.setattr(second, "draw_without_rendering", None)  # calling it would fail
    np.testing.assert_array_equal(places(film.settle(second)), places(first))
    engine = second.get_layout_engine()
    assert engine is None or not engine.adjust_compatible
