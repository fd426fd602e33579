"""MWNet's approximate relatives: their error against the exact gradient, measured, and how it shrinks."""

import pytest
import torch
from torch import nn

import gdw
from gdw.methods import FiniteDifferenceMWNet, FirstOrderMWNet
from tests.methods.helpers import CLASSES, make_step, small_model

WEIGHTS = torch.linspace(0.1, 0.9, 12, dtype=torch.float64)[:, None]


def exact(step):
    return step.meta_gradient(WEIGHTS.expand_as(step.flows)).sum(-1, keepdim=True)


def relative_error(approximate, step):
    truth = exact(step)
    return float((approximate - truth).norm() / truth.norm())


def test_the_differences_error_falls_with_the_square_of_the_distance():
    step = make_step()
    errors = [
        relative_error(FiniteDifferenceMWNet(CLASSES, distance=d).double().gradient_of(WEIGHTS, step), step)
        for d in (1e-1, 1e-2, 1e-3)
    ]
    assert errors[1] == pytest.approx(errors[0] / 100, rel=0.2)
    assert errors[2] == pytest.approx(errors[1] / 100, rel=0.2)
    assert errors[2] < 1e-6  # the default distance, in float64


def test_both_points_of_the_difference_drop_the_units_that_the_first_pass_dropped():
    model = small_model()
    model.insert(2, nn.Dropout(0.3))
    method = FiniteDifferenceMWNet(CLASSES).double()
    for seed in range(3):
        torch.manual_seed(seed)
        step = make_step(model)
        found = []
        for gradient in (exact, lambda step: method.gradient_of(WEIGHTS, step)):
            torch.manual_seed(seed + 10)  # the clean batch drops other units
            found.append(gradient(step))
        assert float((found[1] - found[0]).norm() / found[0].norm()) < 1e-5
        before = torch.get_rng_state()
        torch.testing.assert_close(step.output_at(step.problem.here), step.logits.detach())
        assert torch.equal(torch.get_rng_state(), before)


def test_at_the_default_distance_float32_keeps_a_hundredth():
    step = make_step()
    model = step.model.float()
    images, labels = step.meta_batch
    single = gdw.Step(model, step.images.float(), step.labels, meta_batch=(images.float(), labels), lr=0.5)
    approximate = FiniteDifferenceMWNet(CLASSES).gradient_of(WEIGHTS.float(), single).double()
    truth = exact(make_step())
    assert float((approximate - truth).norm() / truth.norm()) < 1e-2


def test_the_first_orders_error_falls_with_the_learning_rate():
    method = FirstOrderMWNet(CLASSES).double()
    errors = []
    for lr in (0.5, 0.05, 0.005):
        step = make_step(lr=lr)
        errors.append(relative_error(method.gradient_of(WEIGHTS, step), step))
    assert errors[1] == pytest.approx(errors[0] / 10, rel=0.5)
    assert errors[2] == pytest.approx(errors[1] / 10, rel=0.2)
    assert errors[0] > 1e-3  # it is an approximation


@pytest.mark.parametrize("method", ["mwnet-difference", "mwnet-first-order"])
def test_an_epoch_runs_and_moves_the_weight_network(method):
    training = gdw.Training(gdw.Experiment(method=method, rate=0.4, epochs=1))
    before = [p.clone() for p in training.method.weight_net.parameters()]
    list(training.events())
    assert any(not torch.equal(a, b) for a, b in zip(before, training.method.weight_net.parameters(), strict=True))


def test_without_a_learning_rate_the_virtual_step_is_refused():
    with pytest.raises(ValueError, match="learning rate"):
        FiniteDifferenceMWNet(CLASSES).double().logit_gradient(make_step(lr=None))
