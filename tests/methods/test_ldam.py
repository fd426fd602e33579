"""LDAM-DRW against autograd of torch's weighted cross-entropy; the weights wait for their epoch."""

import pytest
import torch
from torch.nn.functional import cross_entropy, one_hot

from gdw.methods import LDAM
from tests.methods.helpers import CLASSES, autograd_of, begun, labels_task, make_step

COUNTS = (50, 20, 5, 1)
LABELS = [label for label, count in enumerate(COUNTS) for _ in range(count)]


def prepared(epochs=10, **settings):
    return begun(LDAM(CLASSES, **settings).double(), labels_task(LABELS), epochs)


def expected_gradient(step, scale, late):
    margins = torch.tensor([0.5 * (1 / n) ** 0.25 for n in COUNTS], dtype=torch.float64)  # the rarest has 1 image
    weights = torch.tensor([(1 - 0.9999) / (1 - 0.9999**n) if late else 1.0 for n in COUNTS], dtype=torch.float64)
    held_back = margins * one_hot(step.labels, CLASSES)
    return autograd_of(lambda z: cross_entropy(scale * (z - held_back), step.labels, weight=weights), step)


@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize(("epoch", "late"), [(0, False), (7, False), (8, True), (9, True)])
def test_the_gradient_is_autograds_and_the_weights_come_at_eight_tenths(epoch, late, scale):
    step = make_step(epoch=epoch)
    gradient = prepared(scale=scale).logit_gradient(step)
    torch.testing.assert_close(gradient, expected_gradient(step, scale, late), rtol=1e-9, atol=1e-12)


def test_without_margin_and_weights_it_is_cross_entropy():
    step = make_step()
    expected = autograd_of(lambda z: cross_entropy(z, step.labels), step)
    torch.testing.assert_close(prepared(max_margin=0.0, deferred=1.0).logit_gradient(step), expected)


def test_the_rarest_class_has_the_widest_margin():
    margins = prepared().margins
    assert margins.argmax() == 3
    assert margins.max() == pytest.approx(0.5)
    assert (margins.diff() > 0).all()
