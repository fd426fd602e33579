"""The ledger's page and pictures, from a run of a few epochs."""

import numpy as np
import pytest

import gdw
from gdw_notebooks.figures.followed import followed
from gdw_notebooks.figures.ledger import ledger_frame, ledger_page, push_over_pull, tail_balance, tail_class
from gdw_notebooks.figures.scores import scores


@pytest.fixture(scope="module")
def runs():
    base = gdw.Experiment(imbalance=0.05, epochs=3)
    return [gdw.run(base.with_(method=method)) for method in ("gdw", "gdw-tied")]


def test_the_numbers_shades_and_marks_are_the_record(runs):
    texts, amounts, places = ledger_frame(runs, 2)
    heaviest = max(1, *(history["class_weight"][1].max() for history in runs))
    at, marked, shaded = 1, 0, 0
    for history in runs:
        weights, masses = history["class_weight"][1], 100 * history["class_mass"][1]
        np.testing.assert_allclose(np.array(texts[at : at + 100], float).reshape(10, 10), weights, atol=0.0051)
        np.testing.assert_allclose(np.array(texts[at + 100 : at + 200], float).reshape(10, 10), masses, atol=0.051)
        np.testing.assert_allclose(amounts[shaded : shaded + 100], weights.flatten() / heaviest, atol=0.0051)
        at, shaded = at + 200, shaded + 200
        for c in range(10):
            sides = history["pull_push"][1, :, :, c]  # before and after; pull and push
            np.testing.assert_allclose(np.array(texts[at : at + 4], float), sides.T.flatten(), atol=0.00051)
            ratio = push_over_pull(history)[1, :, c]
            assert texts[at + 4 : at + 6] == ["" if np.isnan(value) else f"{value:.1f}" for value in ratio]
            shown = [float(place[len("translate(") : -len("px)")]) for place in places[marked : marked + 4]]
            assert np.argsort(shown, kind="stable").tolist() == np.argsort(sides.T.flatten(), kind="stable").tolist()
            at, marked = at + 6, marked + 4
    assert (at, shaded, marked) == (len(texts), len(amounts), len(places))


def test_the_page_has_a_place_for_everything_that_a_frame_writes(runs):
    texts, amounts, places = ledger_frame(runs, 2)
    page = ledger_page(runs, 2)
    counts = [page.count(each) for each in (" data-text", " data-amount", " data-place")]
    assert counts == [len(texts), len(amounts), len(places)]
    assert page != ledger_page(runs, 3)


def test_the_finding_says_the_rarest_class_before_and_after(runs):
    assert tail_class(runs[0]) == 9
    (pull, push), _ = runs[0]["pull_push"][1]
    assert f"{push[9] / pull[9]:.1f} → " in ledger_frame(runs, 2)[0][0]


def test_no_pull_is_no_ratio(runs):
    history = gdw.History.from_record(runs[0].to_record())
    history["pull_push"][0, :, 0, 9] = 0
    assert ledger_frame([history], 1)[0][-2:] == ["", ""]
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
    assert [text.get_text() for text in legend.get_texts()] == ["one mark: one seed", "their mean"]
    numbers = [text for text in axes.texts if text.get_fontweight() != "bold"]
    assert [text.get_text() for text in numbers] == ["91.0", "91.0", "55.0", "mean"]
    assert {text.xy[0] for text in numbers} == {1}  # a column at the right of the axes, no mark beside it


def test_settings_of_one_method_each_are_the_names_of_their_lines():
    axes = scores({"a": {"gdw": [90, 92]}, "b": {"gdw": [50, 60]}}, title="finding").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert not [text for text in axes.texts if text.get_fontweight() == "bold"]


def test_followed_draws_the_three_kinds():
    weights = np.array([[0.1, 0.2, 0.3, 0.5], [0.2, 0.3, 0.4, 0.6]])
    lines = followed(weights, [1, 2], 0, 1, title="finding").axes[0].lines
    assert [line.get_ydata().tolist() for line in lines] == [[0.1, 0.2], [0.2, 0.3], [0.4, 0.5]]
    assert len(followed(weights, [1, 2], 0, 0, title="finding").axes[0].lines) == 2
