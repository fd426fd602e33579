"""Label smoothing against torch's own."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from gdw.methods import LabelSmoothing
from tests.methods.helpers import autograd_of, make_step


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7, 1.0])
def test_the_gradient_is_that_of_torch_label_smoothing(smoothing):
    step = make_step()
    expected = autograd_of(lambda z: cross_entropy(z, step.labels, label_smoothing=smoothing), step)
    torch.testing.assert_close(LabelSmoothing(smoothing=smoothing).logit_gradient(step), expected)


def test_smoothing_outside_0_to_1_is_refused():
    with pytest.raises(ValueError, match=r"smoothing must lie in \[0, 1\]"):
        LabelSmoothing(smoothing=1.2)
