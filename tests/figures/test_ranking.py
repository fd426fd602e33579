"""Rankings, matrices and sheets: the data on their axes."""

import numpy as np
import pytest

from gdw_notebooks.figures import style
from gdw_notebooks.figures.picture_sheet import picture_sheet
from gdw_notebooks.figures.ranking import found_curves, recall_at
from gdw_notebooks.figures.transition import transition_figure


def test_recall_counts_the_wrong_labels_from_the_top():
    np.testing.assert_allclose(recall_at([0.1, 0.9, 0.5, 0.7], [True, True, False, False]), [0.5, 0.5, 0.5, 1])


def test_curves_show_mean_and_range_over_seeds():
    wrong = np.array([True, False, False, True])
    scores = {"good": np.array([[4, 1, 2, 3], [4, 2, 3, 1]])}
    axes = found_curves(scores, wrong, title="A finding").axes[0]
    by_name = {line.get_label(): line.get_ydata() for line in axes.lines}
    np.testing.assert_allclose(by_name["good"], [50, 75, 75, 100])
    np.testing.assert_allclose(by_name["no ranking can be better"], [50, 100, 100, 100])
    np.testing.assert_allclose(by_name["at random"], [25, 50, 75, 100])


def test_a_ranking_by_a_methods_training_looks_like_the_method():
    """GDW's orange was MWNet's, and tied GDW's blue was cleanlab's."""
    names = {"audit": "", "cleanlab": "", "plain loss": "cross-entropy", "GDW's weights": "gdw",
             "MWNet's weights, early": "mwnet"}  # fmt: skip
    rankings = {name: np.array([[2, 1]]) for name in names}
    axes = found_curves(rankings, np.array([True, False]), title="A finding").axes[0]
    seen = {line.get_label(): line.get_color() for line in axes.lines}
    methods = {look.color for look in style.METHODS.values()} | set(style.CLASSES)
    assert len({seen[name] for name in names}) == len(names)
    for name, method in names.items():
        assert seen[name] == style.METHODS[method].color if method else seen[name] not in methods
    dotted = [line.get_label() for line in axes.lines if line.get_linestyle() == ":" or line._dash_pattern[1]]
    assert len({seen[name] for name in dotted}) == len(dotted)
    assert "at random" not in dotted


def test_a_matrix_shows_percent_and_leaves_zeros_empty():
    matrix = np.array([[0.9546, 0.045, 0.0004], [0.9045, 0.0955, 0], [0, 0.0004, 0.9996]])
    axes = transition_figure({"one": matrix, "other": np.eye(3)}, ("a", "b", "c"), title="A finding").axes
    assert [text.get_text() for text in axes[0].texts] == ["95", "4.5", "<0.1", "90", "9.6", "", "", "<0.1", "100"]
    np.testing.assert_allclose(axes[1].images[0].get_array(), 100 * np.eye(3))


def test_a_sheet_has_a_caption_for_each_picture():
    pictures = [np.full((2, 2), shade) for shade in np.linspace(0, 1, 10)]
    axes = picture_sheet(pictures, [f"label {k}\nproposed {k}" for k in range(10)], title="A finding").axes[0]
    assert len(axes.images) == len(axes.texts) == 10
    assert axes.texts[9].get_text() == "label 9\nproposed 9"
    with pytest.raises(ValueError, match="each picture needs a caption"):
        picture_sheet(pictures, ["one"], title="A finding")
