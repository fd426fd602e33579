"""The panel of broken data: its rows always sum to 1, and its title is what the numbers say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gdw_notebooks.figures.transition import wrong_share
from gdw_notebooks.panels.broken_data import BrokenData

NAMES = ("cat", "dog", "bird")
START = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.0, 0.3, 0.7]]
moves = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.floats(0, 1)), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def panel():
    return BrokenData(START, NAMES, (600, 300, 100))


class Undrawn(BrokenData):
    """Its numbers alone: drawing is slow, and has its own tests."""

    def redraw(self):
        pass


@settings(max_examples=15)
@given(moves=moves)
def test_rows_sum_to_1_whatever_is_moved(moves):
    panel = Undrawn(START, NAMES, (600, 300, 100))
    np.testing.assert_allclose(panel.matrix, START, atol=1e-12)
    for row, column, value in moves:
        before = panel.matrix
        panel.cells[row][column].value = value
        sliders = np.array([[cell.value for cell in cells] for cells in panel.cells])
        np.testing.assert_allclose(sliders.sum(1), 1, atol=1e-9)
        assert panel.matrix[row, column] == pytest.approx(value, abs=1e-9)
        others = [other for other in range(3) if other != row]
        np.testing.assert_array_equal(panel.matrix[others], before[others])


def test_the_others_of_a_row_change_in_proportion(panel):
    panel.on_reset()
    panel.cells[2][0].value = 0.5
    np.testing.assert_allclose(panel.matrix[2], [0.5, 0.15, 0.35])
    panel.cells[2][0].value = 1.0
    panel.cells[2][0].value = 0.4  # nothing was left of the others: equal parts
    np.testing.assert_allclose(panel.matrix[2], [0.4, 0.3, 0.3])


def test_the_share_of_wrong_labels_counts_images():
    panel = BrokenData([[0.5, 0.5, 0], [0, 1, 0], [0, 0, 1]], NAMES)
    panel.sizes[0].value, panel.sizes[1].value, panel.sizes[2].value = 900, 90, 90
    assert panel.wrong_share == pytest.approx(450 / 1080)
    assert "41.7 % of the 1080 labels are wrong" in panel.picture.alt
    assert "labelled dog, 83 % show something else" in panel.picture.alt
    assert panel.table()["labelled dog"].tolist() == [450, 90, 0]


def test_a_data_set_without_a_wrong_label_says_so():
    assert BrokenData(np.eye(3), NAMES).picture.alt == "0.0 % of the 900 labels are wrong"


@pytest.mark.parametrize("counts", [None, (1, 1, 1), (5, 0, 0)])
def test_wrong_share_by_hand(counts):
    weights = np.ones(3) if counts is None else np.array(counts)
    by_hand = sum(n * (1 - START[c][c]) for c, n in enumerate(weights)) / weights.sum()
    assert wrong_share(np.array(START), counts) == pytest.approx(by_hand)


def test_what_it_refuses():
    with pytest.raises(ValueError, match="the noise matrix must have rows that sum to 1"):
        BrokenData([[1, 1, 0], [0, 1, 0], [0, 0, 1]], NAMES)
    with pytest.raises(ValueError, match="room for 2 to 4 classes"):
        BrokenData(np.eye(10), tuple("0123456789"))
    with pytest.raises(ValueError, match="counts must be 3"):
        BrokenData(np.eye(3), NAMES, (1, 2))
