"""Matrices side by side: nothing of the picture is outside it."""

import numpy as np
import pytest

from gdw_notebooks.figures.transition import transition_figure

NAMES = {
    "digits": tuple("0123456789"),
    "words": ("airplane", "automobile", *"abcdefgh"),
    "three": ("cat", "dog", "bird"),
}
TITLES = ("Short", "A long finding, " * 7)


@pytest.mark.parametrize("title", TITLES, ids=["short", "long"])
@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("large", [False, True])
def test_every_word_is_inside_the_picture(names, title, large):
    matrix = np.full((len(names),) * 2, 0.04) + 0.6 * np.eye(len(names))
    figure = transition_figure({"one": matrix, "two": matrix}, names, title=title, large=large)
    figure.canvas.draw()
    left, bottom, right, top = figure.get_tightbbox().extents
    width, height = figure.get_size_inches()
    assert min(left, bottom) >= 0
    assert right <= width
    assert top <= height
