"""Every method with a loss of its own against autograd of what its paper writes; what is special to some of them."""

import pytest
import torch

from gdw import Step
from gdw.methods import ELR, GCE, LDAM, SOP, BalancedSoftmax, FocalLoss, SeesawLoss
from gdw.methods.class_balanced import class_balanced_weights, effective_number
from tests.methods.helpers import BATCH, CLASSES, COUNTS, batch, make_step, new, ready, small_model, sure_step
from tests.methods.losses import CASES, EQUAL_TO_CROSS_ENTROPY


@pytest.mark.parametrize(("kind", "formula", "settings", "given"), [*CASES, *EQUAL_TO_CROSS_ENTROPY])
def test_three_steps_send_back_what_autograd_does(kind, formula, settings, given):
    method, loss = ready(kind, **settings), formula(**settings)
    for seed in range(3):
        indices = torch.randperm(16, generator=torch.Generator().manual_seed(seed))[:BATCH]
        step = make_step(seed=seed, **{"indices": indices, **given})
        logits = step.logits.detach().requires_grad_()
        (expected,) = torch.autograd.grad(loss(logits, step, method), logits)
        torch.testing.assert_close(method.logit_gradient(step), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "settings", "largest"),
    [
        (FocalLoss, {"gamma": 0.5}, 1.0),
        (FocalLoss, {"gamma": 2.0}, 1.0),
        (SeesawLoss, {}, 1.0),
        (SOP, {}, 1.0),
        (GCE, {}, 1e-6),  # a label that the model rules out sends nothing back
        (ELR, {}, 1.0),  # target and prediction agree
    ],
)
@pytest.mark.parametrize("right", [True, False])
def test_a_model_sure_of_its_answers_gives_finite_gradients_in_float32(kind, settings, largest, right):
    method, step = kind(CLASSES, 8, **settings), sure_step(right)
    for _ in range(60):
        gradient = method.logit_gradient(step)
    assert gradient.isfinite().all()
    assert gradient.sum(-1).abs().max() < 1e-6
    assert gradient.abs().max() < largest


def test_logits_of_the_balanced_posterior_are_where_the_expected_gradient_vanishes():
    """p(y | x) of the long-tailed data is proportional to prior times the balanced posterior."""
    step, method = make_step(), ready(BalancedSoftmax)
    balanced = step.logits.detach().softmax(-1)
    tailed = balanced * torch.tensor(COUNTS)
    tailed = tailed / tailed.sum(-1, keepdim=True)
    total = torch.zeros_like(balanced)
    for label in range(CLASSES):
        step = Step(small_model(), batch()[0], torch.full((len(balanced),), label))
        total += tailed[:, label, None] * method.logit_gradient(step)
    torch.testing.assert_close(total, torch.zeros_like(total), atol=1e-15, rtol=0)


def test_class_balanced_weights_are_inverse_frequencies_near_beta_1():
    inverse = 1 / torch.tensor(COUNTS, dtype=torch.float64)
    inverse = inverse / inverse.mean()
    torch.testing.assert_close(class_balanced_weights(torch.tensor(COUNTS), 1.0), inverse)
    torch.testing.assert_close(class_balanced_weights(torch.tensor(COUNTS), 1 - 1e-9), inverse, rtol=1e-5, atol=0)
    # and a class that nobody observes gets no weight
    assert class_balanced_weights(torch.tensor([10, 0, 10]), 0.99).tolist() == [1.5, 0.0, 1.5]


def test_the_effective_number_is_the_expected_number_of_distinct_prototypes():
    """The paper's recursion E_n = 1 + beta E_(n-1)."""
    expected = 0.0
    for n in range(1, 30):
        expected = 1 + 0.97 * expected
        torch.testing.assert_close(effective_number(torch.tensor([n]), 0.97).item(), expected)


def test_the_rarest_class_has_ldams_widest_margin():
    margins = ready(LDAM).margins
    assert margins.argmax() == 3
    assert margins.max() == pytest.approx(0.5)
    assert (margins.diff() > 0).all()


def test_a_class_that_is_never_observed_narrows_no_margin_of_ldam():
    margins = LDAM(3, class_counts=[0, 100, 1600]).margins
    assert margins.tolist() == pytest.approx([0.5, 0.5, 0.25])


def test_what_elr_and_seesaw_keep_is_of_what_they_saw():
    step = make_step(indices=torch.arange(12))
    elr, seesaw = new(ELR, momentum=0.7), new(SeesawLoss)
    for method in (elr, seesaw):
        method.logit_gradient(step)
    torch.testing.assert_close(elr.targets[:12], 0.3 * step.probs)
    assert not elr.targets[12:].any()
    assert torch.equal(seesaw.seen, torch.bincount(step.labels, minlength=CLASSES))


def test_in_seesaw_a_common_class_pushes_a_rare_one_less():
    method, step = new(SeesawLoss, q=0.0), make_step()
    method.seen += torch.tensor([1000, 1000, 1000, 10])
    weights = method.logit_gradient(step) * BATCH / step.flows
    common = step.labels != 3
    assert (weights[common, 3] < 0.2).all()
    assert (weights[common].std(-1) > 0.1).all()  # class-level: cells of a row differ
