"""Decision regions: the grid asks the network, points show label, truth and weight."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gdw.pictures.pixels import Pixels
from gdw_notebooks.figures.regions import finding, regions_of, shares

POINTS = torch.tensor([[-1.0, 0.0], [1.0, 0.5], [1.0, -0.5], [0.5, 1.0]])
LABELS, CLEAN = torch.tensor([0, 1, 1, 0]), torch.tensor([0, 1, 1, 1])  # the last one is wrong
TASK = SimpleNamespace(input_shape=(2,), train=SimpleNamespace(images=POINTS), pixels=Pixels())


@pytest.fixture
def right_is_blue():
    model = torch.nn.Linear(2, 2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[-5.0, 0.0], [5.0, 0.0]]))
        model.bias.zero_()
    return model


def test_the_grid_is_what_the_network_believes_there(right_is_blue):
    region = regions_of(right_is_blue, TASK, resolution=21)
    assert (region.left, region.right) == pytest.approx((-1.2, 1.2))
    best = region.probs.argmax(-1)
    assert (best[:, :10] == 0).all()
    assert (best[:, 11:] == 1).all()
    np.testing.assert_allclose(region.probs.sum(-1), 1, atol=1e-6)


def test_the_model_stays_in_the_mode_it_was_in(right_is_blue):
    for training in (True, False):
        right_is_blue.train(training)
        regions_of(right_is_blue, TASK, resolution=3)
        assert right_is_blue.training == training


def test_pictures_have_no_regions():
    with pytest.raises(ValueError, match="two coordinates"):
        regions_of(torch.nn.Identity(), SimpleNamespace(input_shape=(1, 8, 8)))


def test_a_weight_is_a_share_of_the_largest_and_nothing_where_it_was_not_seen():
    np.testing.assert_allclose(shares(np.array([1.0, 0.5, np.nan, 0.25])), [1, 0.5, 0, 0.25])


def test_the_finding_says_what_wrong_labels_weigh():
    weights = np.array([1.0, 0.5, np.nan, 0.25])
    told = finding(LABELS, CLEAN, weights, "GDW")
    assert told == "25 % of the labels are wrong: with GDW they weigh 0.25 on average, clean points 0.75"
    assert finding(LABELS, None, weights, "GDW") == "Nobody knows which of these labels are wrong"
