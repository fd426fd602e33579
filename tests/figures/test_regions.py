"""Decision regions: the grid asks the network, points show label, truth and weight."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba

from gdw.data.pixels import Pixels
from gdw_notebooks.figures import style
from gdw_notebooks.figures.regions import decision_regions, regions_of

POINTS = torch.tensor([[-1.0, 0.0], [1.0, 0.5], [1.0, -0.5], [0.5, 1.0]])
LABELS, CLEAN = torch.tensor([0, 1, 1, 0]), torch.tensor([0, 1, 1, 1])  # the last one is wrong
NAMES = ("amber", "blue")
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


def test_fill_is_the_label_ring_the_truth_and_size_the_weight(right_is_blue):
    region = regions_of(right_is_blue, TASK, resolution=11)
    weights = np.array([1.0, 0.5, np.nan, 0.25])
    figure = decision_regions([region], POINTS, LABELS, CLEAN, NAMES, [weights], ["GDW"])
    drawn = {each.get_gid(): each for each in figure.axes[0].collections}
    clean, wrong = drawn["right labels"], drawn["wrong labels"]
    amber, blue = (to_rgba(color) for color in style.class_colors(NAMES))
    np.testing.assert_allclose(wrong.get_offsets(), [[0.5, 1.0]])
    np.testing.assert_allclose(wrong.get_facecolor(), [amber])
    np.testing.assert_allclose(wrong.get_edgecolor(), [blue])
    sizes = clean.get_sizes()
    assert sizes[0] > sizes[1] > sizes[2]  # 1, a half, and one not yet seen
    assert "25 % of the labels are wrong: with GDW they weigh 0.25" in figure.get_suptitle().replace("\n", " ")


def test_where_nobody_knows_the_truth_no_label_is_called_wrong(right_is_blue):
    figure = decision_regions([regions_of(right_is_blue, TASK, resolution=3)], POINTS, LABELS, None, NAMES)
    drawn = {each.get_gid(): each for each in figure.axes[0].collections}
    assert len(drawn["right labels"].get_offsets()) == len(POINTS)
    assert figure.get_suptitle() == "Nobody knows which of these labels are wrong"
