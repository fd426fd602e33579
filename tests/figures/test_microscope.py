"""The microscope's figure, by the data on its axes and the sentence above them."""

from itertools import combinations

import numpy as np
import pytest

from gdw_notebooks.examples.instances import Instance, cat_dog_bird
from gdw_notebooks.figures.microscope import finding, microscope_figure, role, signed


def right_label():
    return Instance.from_probs((0.6, 0.3, 0.1), 0, 0, ("cat", "dog", "bird"))


@pytest.mark.parametrize(
    ("weights", "mode", "says"),
    [
        ((1, 1, 1), "instance", "cat − bird is always −0.500 times the weight"),
        ((0, 1, 1), "classes", "above “bird” by +0.100. The price: the wrong label “dog” still gets +0.100."),
        ((1, 1, 0), "classes", "so that the sum stays 0; cat − bird is −0.600."),
        ((0, 1, 1), "free", "their sum has left 0 and is +0.600."),
        ((1, 1, 1), "free", "The sum is still 0, for now."),
    ],
)
def test_the_title_is_the_finding(weights, mode, says):
    figure = microscope_figure(cat_dog_bird(), np.array(weights, float), mode)
    assert says in finding(cat_dog_bird(), np.array(weights, float), mode)
    assert says.replace(" ", "") in figure.get_suptitle().replace("\n", "").replace(" ", "")


def test_bars_are_the_pushes_and_outlines_those_at_weight_one():
    figure = microscope_figure(cat_dog_bird(), np.array([0.5, 1, 1]), "classes")
    bars = figure.axes[1]
    widths = [patch.get_width() for patch in bars.patches]
    np.testing.assert_allclose(widths, [-0.6, 0.7, -0.1, -0.3, 0.4, -0.1], atol=1e-12)
    assert [label.get_text() for label in bars.get_yticklabels()] == ["cat (true)", "dog (observed)", "bird"]
    low, high = bars.get_xlim()
    assert low < -0.6 < 0.7 < high


def test_a_right_label_has_no_price_and_its_own_colour():
    assert "price" not in finding(right_label(), np.ones(3), "classes")
    assert [role(right_label(), c) for c in range(3)] == ["true class", "other classes", "other classes"]


def test_two_classes_have_no_third():
    two = Instance.from_probs((0.7, 0.3), 1, 0, ("cat", "dog"))
    assert "there is no third class" in microscope_figure(two, np.ones(2)).axes[1].get_xlabel()


@pytest.mark.parametrize(("value", "text"), [(0.1, "+0.100"), (-0.0004, "0.000"), (-1.3, "−1.300"), (0.0, "0.000")])
def test_signed_numbers(value, text):
    assert signed(value) == text


@pytest.mark.parametrize("large", [False, True])
def test_the_columns_of_numbers_keep_apart(large):
    figure = microscope_figure(cat_dog_bird(), np.array([0, 1, 1.0]), large=large)
    figure.canvas.draw()
    texts = figure.axes[1].texts
    assert len(texts) == 8
    for one, other in combinations(texts, 2):
        assert not one.get_window_extent().overlaps(other.get_window_extent()), (one.get_text(), other.get_text())
