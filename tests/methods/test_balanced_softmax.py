"""Balanced softmax against autograd, and against its reason: the Bayes rule under another class balance."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from gdw.methods import BalancedSoftmax
from tests.methods.helpers import CLASSES, autograd_of, begun, labels_task, make_step

LABELS = [0] * 50 + [1] * 20 + [2] * 5 + [3] * 1
PRIOR = torch.tensor([50, 20, 5, 1], dtype=torch.float64) / 76


def prepared(**settings):
    method = BalancedSoftmax(CLASSES, **settings).double()
    begun(method, labels_task(LABELS))
    return method


@pytest.mark.parametrize("tau", [0.5, 1.0, 2.0])
def test_the_gradient_is_autograds(tau):
    step = make_step()
    expected = autograd_of(lambda z: cross_entropy(z + tau * PRIOR.log(), step.labels), step)
    torch.testing.assert_close(prepared(tau=tau).logit_gradient(step), expected)


def test_tau_0_and_equal_classes_are_cross_entropy():
    step = make_step()
    expected = autograd_of(lambda z: cross_entropy(z, step.labels), step)
    torch.testing.assert_close(prepared(tau=0.0).logit_gradient(step), expected)
    equal = BalancedSoftmax(CLASSES).double()
    begun(equal, labels_task([0, 1, 2, 3]))
    torch.testing.assert_close(equal.logit_gradient(step), expected)


def test_logits_of_the_balanced_posterior_are_where_the_expected_gradient_vanishes():
    """p(y | x) of the long-tailed data is proportional to prior times the balanced posterior."""
    step = make_step()
    balanced = step.logits.detach().softmax(-1)
    tailed = (balanced * PRIOR) / (balanced * PRIOR).sum(-1, keepdim=True)
    total = torch.zeros_like(balanced)
    for label in range(CLASSES):
        step.labels = torch.full_like(step.labels, label)
        total += tailed[:, label, None] * prepared().logit_gradient(step)
    torch.testing.assert_close(total, torch.zeros_like(total), atol=1e-15, rtol=0)
