"""The ledger's pictures, read off their axes, from a run of a few epochs."""

import numpy as np
import pytest

import gdw
from gdw_notebooks.figures.followed import followed
from gdw_notebooks.figures.ledger import flow_ledger, push_over_pull, tail_balance, tail_class
from gdw_notebooks.figures.scores import scores


@pytest.fixture(scope="module")
def runs():
    base = gdw.Experiment(imbalance=0.05, epochs=3)
    return [gdw.run(base.with_(method=method)) for method in ("gdw", "gdw-tied")]


def test_the_matrices_and_marks_are_the_record(runs):
    figure = flow_ledger(runs, 2)
    axes = np.array(figure.axes[:6]).reshape(2, 3)
    for (weights, shares, sides), history in zip(axes, runs, strict=True):
        np.testing.assert_array_equal(weights.images[0].get_array(), history["class_weight"][1])
        np.testing.assert_allclose(shares.images[0].get_array(), 100 * history["class_mass"][1])
        drawn = [line.get_ydata() for line in sides.lines]
        (pull_before, push_before), (pull_after, push_after) = history["pull_push"][1]
        for line, expected in zip(drawn, (pull_before, pull_after, push_before, push_after), strict=True):
            np.testing.assert_allclose(line, np.clip(expected, 1e-5, None))


def test_the_title_says_the_rarest_class_before_and_after(runs):
    assert tail_class(runs[0]) == 9
    (pull, push), _ = runs[0]["pull_push"][1]
    assert f"{push[9] / pull[9]:.1f} → " in flow_ledger(runs, 2).get_suptitle().replace("\n", " ")


def test_no_pull_is_no_ratio(runs):
    history = gdw.History.from_record(runs[0].to_record())
    history["pull_push"][0, :, 0, 9] = 0
    assert np.isnan(push_over_pull(history)[0, :, 9]).all()
    assert np.isfinite(push_over_pull(history)[1:]).all()


def test_tail_balance_draws_medians(runs):
    figure = tail_balance({"gdw": [runs[0], runs[0]], "gdw-tied": [runs[1]]})
    for axes, history in zip(figure.axes, runs, strict=True):
        expected = push_over_pull(history)[:, :, 9]
        np.testing.assert_allclose(axes.lines[0].get_ydata(), expected[:, 0])
        np.testing.assert_allclose(axes.lines[1].get_ydata(), expected[:, 1])


def test_scores_show_every_seed_and_the_mean():
    axes = scores({"a": {"gdw": [90, 92], "gdw-tied": [91, 91]}, "b": {"gdw": [50, 60]}}, title="finding").axes[0]
    dots = [line.get_xdata().tolist() for line in axes.lines[::2]]
    strokes = [line.get_xdata()[0] for line in axes.lines[1::2]]
    assert dots == [[90, 92], [91, 91], [50, 60]]
    assert strokes == [91, 91, 55]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["GDW", "tied GDW", "GDW"]
    assert [text.get_text() for text in axes.texts if text.get_fontweight() == "bold"] == ["a", "b"]
    (legend,) = axes.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["one seed", "mean of the seeds, with its number"]


def test_followed_draws_the_three_kinds():
    weights = np.array([[0.1, 0.2, 0.3, 0.5], [0.2, 0.3, 0.4, 0.6]])
    lines = followed(weights, [1, 2], 0, 1, title="finding").axes[0].lines
    assert [line.get_ydata().tolist() for line in lines] == [[0.1, 0.2], [0.2, 0.3], [0.4, 0.5]]
    assert len(followed(weights, [1, 2], 0, 0, title="finding").axes[0].lines) == 2
