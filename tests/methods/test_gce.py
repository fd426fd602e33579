"""GCE against autograd of the paper's loss; q = 0 is cross-entropy."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from gdw.methods import GCE
from tests.methods.helpers import autograd_of, make_step, sure_step


def papers_loss(logits, labels, q):
    """Equation 6."""
    probability = logits.softmax(-1).gather(1, labels[:, None])
    return ((1 - probability**q) / q).mean()


@pytest.mark.parametrize("q", [0.05, 0.3, 0.7, 1.0])
def test_the_gradient_is_autograds(q):
    step = make_step()
    expected = autograd_of(lambda z: papers_loss(z, step.labels, q), step)
    torch.testing.assert_close(GCE(q=q).logit_gradient(step), expected)


def test_q_0_is_cross_entropy():
    step = make_step()
    expected = autograd_of(lambda z: cross_entropy(z, step.labels), step)
    torch.testing.assert_close(GCE(q=0.0).logit_gradient(step), expected)


def test_a_label_that_the_model_rules_out_gives_no_gradient_in_float32():
    step = sure_step(right=False)
    gradient = GCE().logit_gradient(step)
    assert gradient.isfinite().all()
    assert gradient.abs().max() < 1e-6
