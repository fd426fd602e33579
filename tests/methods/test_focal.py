"""Focal loss against autograd; gamma 0 is cross-entropy."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from gdw import Step
from gdw.methods import FocalLoss
from tests.methods.helpers import autograd_of, make_step, small_model


def focal_loss(logits, labels, gamma):
    log_prob = logits.log_softmax(-1).gather(1, labels[:, None])
    return (-((1 - log_prob.exp()) ** gamma) * log_prob).mean()


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_the_gradient_is_autograds(gamma):
    step = make_step()
    expected = autograd_of(lambda z: focal_loss(z, step.labels, gamma), step)
    torch.testing.assert_close(FocalLoss(gamma=gamma).logit_gradient(step), expected)


def test_gamma_0_is_cross_entropy():
    step = make_step()
    expected = autograd_of(lambda z: cross_entropy(z, step.labels), step)
    torch.testing.assert_close(FocalLoss(gamma=0.0).logit_gradient(step), expected)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_a_model_sure_of_every_label_gives_finite_gradients_in_float32(gamma):
    model = small_model().float()
    with torch.no_grad():
        model[2].weight *= 1e4
    images = torch.ones(8, 6) * torch.arange(-4, 4)[:, None]
    step = Step(model, images, model(images).argmax(-1))
    assert step.losses.min() == 0
    assert FocalLoss(gamma=gamma).logit_gradient(step).isfinite().all()
