"""The loss mixture: its posterior by hand, its schedule, and what it does with losses it cannot split."""

import math

import numpy as np
import pytest
import torch

import gdw
from gdw.methods import LossMixture
from gdw.methods.loss_mixture import FIT, small_loss_probability
from tests.methods.helpers import BATCH, CLASSES, make_step


def two_groups(between=0.3):
    """Sixty small losses, half of them around ``between``, and forty large ones."""
    random = torch.Generator().manual_seed(0)
    small = 0.3 + 0.1 * torch.randn(60, generator=random, dtype=torch.float64)
    small[30:] += between - 0.3
    large = 3.0 + 0.4 * torch.randn(40, generator=random, dtype=torch.float64)
    return torch.cat([small, large])


def expectation_maximisation(losses):
    """Two Gaussians by the textbook's loop, as many rounds as the fit has; the posterior of the small one."""
    x = ((losses - losses.min()) / (losses.max() - losses.min())).numpy()
    belongs = np.stack([x < 0.5, x >= 0.5]).astype(float)  # where k-means splits groups so far apart
    for _ in range(FIT["max_iter"]):
        share, mean = belongs.mean(1), (belongs @ x) / belongs.sum(1)
        variance = (belongs * (x - mean[:, None]) ** 2).sum(1) / belongs.sum(1) + FIT["reg_covar"]
        density = share[:, None] * np.exp(-((x - mean[:, None]) ** 2) / (2 * variance[:, None]))
        density /= np.sqrt(2 * math.pi * variance[:, None])
        belongs = density / density.sum(0)
    return torch.from_numpy(belongs[mean.argmin()])


@pytest.mark.parametrize("between", [0.3, 0.9])
def test_the_weight_is_the_posterior_of_the_small_group(between):
    losses = two_groups(between)
    found = small_loss_probability(losses)
    torch.testing.assert_close(found, expectation_maximisation(losses), rtol=0, atol=1e-6)
    assert (found[:60] > 0.99).all()
    assert (found[60:] < 0.01).all()


def test_instances_not_seen_have_weight_1_and_so_have_equal_losses():
    losses = torch.cat([two_groups(), torch.tensor([math.nan, math.inf], dtype=torch.float64)])
    assert torch.equal(small_loss_probability(losses)[-2:], torch.ones(2, dtype=torch.float64))
    for equal in (torch.full((9,), 0.7), torch.full((9,), math.nan)):
        assert torch.equal(small_loss_probability(equal), torch.ones(9))


def test_it_is_cross_entropy_until_the_warm_up_ends_and_fits_once_an_epoch():
    method = LossMixture(CLASSES, BATCH, warm_up=2).double()
    for epoch in (0, 1):
        step = make_step(epoch=epoch)
        torch.testing.assert_close(method.logit_gradient(step), step.flows / BATCH)
        torch.testing.assert_close(method.losses, step.losses)
    step = make_step(epoch=2)
    weights = small_loss_probability(step.losses)
    assert weights.min() < 0.5
    torch.testing.assert_close(method.logit_gradient(step), weights[:, None] * step.flows / BATCH)
    method.losses.fill_(1.0)
    torch.testing.assert_close(method.logit_gradient(step), weights[:, None] * step.flows / BATCH)  # not fitted again
    later = make_step(epoch=3, seed=1)
    method.losses.fill_(1.0)
    torch.testing.assert_close(method.logit_gradient(later), later.flows / BATCH)  # fitted: all losses are equal


def test_on_wrong_labels_the_clean_ones_have_the_larger_weights():
    history = gdw.run(gdw.Experiment(method="loss-mixture", rate=0.6, epochs=15, settings={"warm_up": 5}))
    assert history["auroc"][-1] > 0.8
    assert history["small_loss_share"][0] == pytest.approx(1)
    assert 0.1 < history["small_loss_share"][-1] < 0.9
