"""MLC: the closed form of its meta gradient against finite differences and double backward."""

import pytest
import torch
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from gdw.gradients.stacked_step import StackedStep
from gdw.methods import MLC
from gdw.networks.stacked import Stacked
from tests.methods.helpers import BATCH, CLASSES, batch, make_step, small_model
from tests.ways import BY_WAY

LR = 0.5


def some_targets(seed=3):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(BATCH, CLASSES, generator=random, dtype=torch.float64).softmax(-1)


def clean_loss_after(model, step, targets):
    """L_meta at theta - lr d/dtheta of the mean cross-entropy with soft targets, with the graph to the targets."""
    names, values = zip(*model.named_parameters(), strict=True)
    loss = -(targets * model(step.images).log_softmax(-1)).sum(-1).mean()
    gradients = torch.autograd.grad(loss, values, create_graph=True)
    virtual = {name: v - LR * g for name, v, g in zip(names, values, gradients, strict=True)}
    images, labels = step.meta_batch
    return cross_entropy(functional_call(model, virtual, (images,)), labels)


@pytest.mark.parametrize("kind", BY_WAY.values(), ids=BY_WAY)
def test_the_targets_derivative_is_double_backwards_up_to_the_sum_of_a_row(kind):
    """Targets sum to 1, so a constant along a row is no direction: ``sum q log p`` and ``(p - q)`` differ there."""
    model, targets = small_model(), some_targets().requires_grad_()
    step = make_step(model, lr=LR, kind=kind)
    (expected,) = torch.autograd.grad(clean_loss_after(model, step, targets), targets)
    found = step.target_gradient(targets.detach())
    centred = [each - each.mean(-1, keepdim=True) for each in (found, expected)]
    torch.testing.assert_close(*centred, rtol=1e-9, atol=1e-13)
    assert expected.abs().max() > 1e-4


def test_it_is_the_finite_difference_along_every_exchange_of_two_classes():
    model, targets = small_model(), some_targets()
    step, distance = make_step(model, lr=LR), 1e-4
    found = step.target_gradient(targets)
    for row in range(BATCH):
        for c in range(1, CLASSES):
            exchange = torch.zeros_like(targets)
            exchange[row, c], exchange[row, 0] = distance, -distance
            ends = [clean_loss_after(model, step, targets + sign * exchange).item() for sign in (1, -1)]
            slope = (ends[0] - ends[1]) / (2 * distance)
            assert (found[row, c] - found[row, 0]).item() == pytest.approx(slope, rel=1e-5, abs=1e-9)


def test_with_the_observed_labels_as_targets_it_follows_from_the_weights_meta_gradient():
    step = make_step(lr=LR)
    onehot = torch.eye(CLASSES, dtype=torch.float64)[step.labels]
    g = step.meta_gradient(torch.ones_like(step.flows))
    torch.testing.assert_close(step.target_gradient(onehot), -g / step.flows)


def test_a_target_equal_to_the_prediction_has_a_derivative_too():
    """``- g / flow`` would divide by what the weights send back; the closed form does not."""
    step = make_step(lr=LR)
    found = step.target_gradient(step.probs)
    assert found.isfinite().all()
    assert found.abs().max() > 1e-4


def test_of_two_seeds_at_once_each_has_its_own():
    models = [small_model(seed) for seed in (0, 1)]
    steps = [make_step(model, seed=seed, lr=LR) for seed, model in enumerate(models)]
    images, labels = torch.stack([s.images for s in steps]), torch.stack([s.labels for s in steps])
    meta_batch = tuple(torch.stack(part) for part in zip(*(s.meta_batch for s in steps), strict=True))
    together = StackedStep(Stacked(models), images, labels, meta_batch=meta_batch, lr=LR)
    targets = torch.stack([some_targets(1), some_targets(2)])
    found = together.target_gradient(targets)
    for seed, step in enumerate(steps):
        torch.testing.assert_close(found[seed], step.target_gradient(targets[seed]))


def test_targets_are_distributions():
    method = MLC(CLASSES, generator=torch.Generator().manual_seed(0)).double()
    images, labels = batch()
    targets = method.label_net(small_model()(images).softmax(-1), torch.eye(CLASSES, dtype=torch.float64)[labels])
    torch.testing.assert_close(targets.sum(-1), torch.ones(BATCH, dtype=torch.float64))
    assert (targets > 0).all()
