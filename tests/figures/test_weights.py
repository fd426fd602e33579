"""Weights by group, and the weight network's curve: data on the axes, empty groups, titles."""

import numpy as np
import pytest

from gdw.methods.learned_weights import CURVE_LOSSES
from gdw_notebooks.figures import style
from gdw_notebooks.figures.weight_curve import weight_curve
from gdw_notebooks.figures.weights import weights_by_group
from tests.figures.histories import history


def lines(axes):
    return {line.get_label(): line.get_ydata() for line in axes.get_lines()}


def test_each_group_has_its_axes_and_each_flow_its_line():
    clean, mislabelled = weights_by_group([history()]).axes
    np.testing.assert_allclose(lines(clean)["observed label"], [1, 0.9, 0.8, 0.7, 0.6, 0.5])
    np.testing.assert_allclose(lines(mislabelled)["observed label"], [0.8, 0.7, 0.6, 0.5, 0.4, 0.3])
    np.testing.assert_allclose(lines(mislabelled)["true class"], 0.5)
    np.testing.assert_allclose(lines(mislabelled)["other classes"], 0.95)


def test_an_empty_group_has_no_line():
    clean, _ = weights_by_group([history()]).axes
    assert "true class" not in lines(clean)  # on clean instances it is the observed label's
    figure = weights_by_group([history(wrong=False)])
    assert not lines(figure.axes[1])
    assert "no label is wrong" in figure.get_suptitle()


@pytest.mark.parametrize(("name", "share"), [("flow_weight_plain", 2), ("flow_mass", 4)])
def test_other_quantities(name, share):
    clean, _ = weights_by_group([history()], name=name).axes
    np.testing.assert_allclose(lines(clean)["observed label"][0], 1 / share)


def test_one_row_for_each_method():
    figure = weights_by_group([history("gdw"), history("mwnet", offset=10)])
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "GDW: clean instances", "GDW: mislabelled instances", "MWNet: clean instances", "MWNet: mislabelled instances",
    ]  # fmt: skip
    np.testing.assert_allclose(lines(figure.axes[2])["observed label"][0], 1.1)


def test_the_title_reads_the_last_epoch():
    title = weights_by_group([history()]).get_suptitle().replace("\n", " ")
    assert "epoch 6: weight 0.30 for the observed label’s flow, 0.95 for the other classes’" in title


def test_the_curve_of_each_epoch():
    (axes,) = weight_curve(history(curve=True), [1, 6]).axes
    np.testing.assert_allclose(axes.get_lines()[0].get_xdata(), CURVE_LOSSES)
    np.testing.assert_allclose(lines(axes)["epoch 1"], np.linspace(1, 0, 33) / 6)
    np.testing.assert_allclose(lines(axes)["epoch 6"], np.linspace(1, 0, 33))


def test_the_curve_shows_five_epochs_of_many():
    (axes,) = weight_curve(history(curve=True, epochs=40)).axes
    assert list(lines(axes)) == ["epoch 1", "epoch 11", "epoch 20", "epoch 30", "epoch 40"]


def test_a_method_without_a_weight_network_is_told_so():
    with pytest.raises(ValueError, match="cross-entropy has no weight network"):
        weight_curve(history("cross-entropy"))


def test_without_a_mislabelled_instance_in_the_epoch_the_title_does_not_claim_right_labels():
    """As in the second stage of fine-tune, which trains on clean pictures alone."""
    tuned = history("fine-tune", wrong=False)
    tuned.wrong_label_rate = 0.54
    title = weights_by_group([tuned]).get_suptitle().replace("\n", " ")
    assert title == "fine-tune trained on no mislabelled instance in epoch 6"


@pytest.mark.parametrize(
    ("ends", "verdict"),
    [((0.78, 1.0), "large losses more"), ((1.0, 0.2), "small losses more"), ((0.9, 0.91), "nearly the same")],
)
def test_the_verdict_on_v_follows_its_curve(ends, verdict):
    run = history(curve=True)
    run.epochs["weight_curve"] = np.repeat(np.linspace(*ends, 33)[None], 6, axis=0)
    assert verdict in style.words(weight_curve(run))


def test_the_curves_of_both_methods_are_shown():
    figure = weight_curve([history(curve=True), history("mwnet", seed=3, curve=True)])
    assert [axes.get_title("left") for axes in figure.axes] == ["GDW, seed 0", "MWNet, seed 3"]
    assert "GDW, epoch 6" in style.words(figure)
    assert "MWNet, epoch 6" in style.words(figure)
