"""Seesaw loss against a slow loop from the paper's equations, differentiated by autograd."""

import pytest
import torch

from gdw.methods import SeesawLoss
from tests.methods.helpers import BATCH, CLASSES, autograd_of, make_step, sure_step


def papers_loss(logits, labels, counts, p, q):
    """Equations 3 to 7, factor by factor; the factors are constants."""
    total = 0.0
    for z, i in zip(logits, labels.tolist(), strict=True):
        sigma = z.detach().softmax(0)
        below = z[i].exp()
        for j in range(CLASSES):
            if j != i:
                mitigation = 1.0 if counts[i] <= counts[j] else (counts[j] / counts[i]) ** p
                compensation = 1.0 if sigma[j] <= sigma[i] else (sigma[j] / sigma[i]) ** q
                below = below + mitigation * compensation * z[j].exp()
        total = total - (z[i].exp() / below).log()
    return total / len(labels)


@pytest.mark.parametrize(("p", "q"), [(0.8, 2.0), (0.0, 2.0), (0.8, 0.0), (1.5, 0.5)])
def test_three_steps_give_autograds_gradient(p, q):
    method, counts = SeesawLoss(CLASSES, p=p, q=q).double(), [0] * CLASSES
    for seed in range(3):
        step = make_step(seed=seed)
        for label in step.labels.tolist():
            counts[label] += 1
        expected = autograd_of(lambda z, s=step: papers_loss(z, s.labels, [max(c, 1) for c in counts], p, q), step)
        torch.testing.assert_close(method.logit_gradient(step), expected)
    assert method.seen.tolist() == counts


def test_without_its_factors_it_is_cross_entropy():
    step = make_step()
    torch.testing.assert_close(SeesawLoss(CLASSES, p=0.0, q=0.0).logit_gradient(step), step.flows / BATCH)


def test_a_common_class_pushes_a_rare_one_less():
    method, step = SeesawLoss(CLASSES, q=0.0).double(), make_step()
    method.seen += torch.tensor([1000, 1000, 1000, 10])
    weights = method.logit_gradient(step) * BATCH / step.flows
    common = step.labels != 3
    assert (weights[common, 3] < 0.2).all()
    assert torch.unique(weights[0].round(decimals=6)).numel() > 1  # class-level: cells of a row differ


def test_a_model_sure_of_wrong_answers_gives_finite_gradients_in_float32():
    gradient = SeesawLoss(CLASSES).logit_gradient(sure_step(right=False))
    assert gradient.isfinite().all()
    assert gradient.sum(-1).abs().max() < 1e-6
