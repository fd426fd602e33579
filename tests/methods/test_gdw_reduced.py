"""The reduced gradient is the clean loss's derivative with respect to the weights that the constraint leaves free."""

import torch

from gdw.gradients.flows import zero_mean
from gdw.methods import GDW, ReducedGDW, TiedGDW
from tests.methods.helpers import CLASSES, clean_loss_after, make_step

LR, NUDGE = 0.5, 1e-5


def method(kind):
    return kind(CLASSES, generator=torch.Generator().manual_seed(0), stage_one=False, step_size=0.3, clip=10.0).double()


def clean_loss(step, free):
    """After a virtual step whose weights satisfy the constraint, whatever the label's own weight says."""
    weights = zero_mean(free, step.logits.detach(), step.labels)
    return clean_loss_after(step, weights)


def test_it_is_the_finite_difference_over_the_free_weights():
    step = make_step()
    start = torch.ones_like(step.flows)
    changed = method(ReducedGDW).second_stage(start, step.meta_gradient(start), step)
    difference = torch.zeros_like(start)
    for i in range(len(step)):
        for c in range(CLASSES):
            up, down = start.clone(), start.clone()
            up[i, c] += NUDGE
            down[i, c] -= NUDGE
            difference[i, c] = (clean_loss(step, up) - clean_loss(step, down)) / (2 * NUDGE)
    label = torch.nn.functional.one_hot(step.labels, CLASSES).bool()
    assert difference[label].abs().max() < 1e-9  # the label's weight is not free
    moved = (start - 0.3 * difference / difference.abs().mean()).clamp_min(1e-6)
    expected = zero_mean(moved, step.logits.detach(), step.labels)
    torch.testing.assert_close(changed, expected, rtol=1e-5, atol=1e-6)


def test_its_sum_over_an_instance_is_the_gradient_of_tied_gdw():
    step = make_step()
    weights = torch.ones_like(step.flows)
    g = step.meta_gradient(weights)
    probs = step.probs
    t = step.labels[:, None]
    carried = g + g.gather(1, t) * probs / (1 - probs.gather(1, t))
    carried = carried.scatter(1, t, 0.0)
    torch.testing.assert_close(carried.sum(1), g.sum(1))


def test_the_three_differ_and_all_keep_the_constraint():
    step = make_step()
    sent = [method(kind).logit_gradient(step) for kind in (GDW, TiedGDW, ReducedGDW)]
    for gradient in sent:
        torch.testing.assert_close(gradient.sum(1), torch.zeros(len(step), dtype=torch.float64), atol=1e-12, rtol=0)
    assert (sent[0] - sent[2]).abs().max() > 1e-3
    assert (sent[1] - sent[2]).abs().max() > 1e-3
