"""ELR against autograd of the paper's loss, over several visits of the same instances."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from gdw.methods import ELR
from tests.methods.helpers import BATCH, CLASSES, autograd_of, make_step, sure_step


def papers_loss(logits, labels, targets, strength):
    """Equation 6, with the targets as constants."""
    agreement = (targets * logits.softmax(-1)).sum(-1)
    return cross_entropy(logits, labels) + strength * (1 - agreement).log().mean()


@pytest.mark.parametrize(("strength", "momentum"), [(3.0, 0.7), (7.0, 0.9), (0.0, 0.5), (1.0, 1.0), (3.0, 0.0)])
def test_four_visits_give_autograds_gradient(strength, momentum):
    method = ELR(CLASSES, 40, strength=strength, momentum=momentum).double()
    targets = torch.zeros(40, CLASSES, dtype=torch.float64)
    for seed in range(4):
        indices = torch.randperm(16, generator=torch.Generator().manual_seed(seed))[:BATCH]
        step = make_step(seed=seed, indices=indices)
        for row, index in enumerate(indices.tolist()):
            probs = step.logits[row].detach().softmax(0)
            targets[index] = momentum * targets[index] + (1 - momentum) * probs
        expected = autograd_of(lambda z, s=step: papers_loss(z, s.labels, targets[s.indices], strength), step)
        torch.testing.assert_close(method.logit_gradient(step), expected)
    torch.testing.assert_close(method.targets, targets)
    assert method.targets[16:].abs().max() == 0  # instances that were not seen


def test_where_target_and_prediction_agree_the_gradient_stays_finite_in_float32():
    method, step = ELR(CLASSES, 8), sure_step(right=False)
    for _ in range(60):
        gradient = method.logit_gradient(step)
    assert gradient.isfinite().all()
    assert gradient.abs().max() < 1


def test_it_asks_for_what_it_keeps():
    with pytest.raises(ValueError, match=r"num_instances=\.\.\."):
        ELR(CLASSES)
    with pytest.raises(ValueError, match=r"num_classes=\.\.\."):
        ELR(None, 40)
