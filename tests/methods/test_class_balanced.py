"""Class-balanced loss: its two limits, and torch's own class weights."""

import torch
from torch.nn.functional import cross_entropy

from gdw.methods import ClassBalanced
from gdw.methods.class_balanced import class_balanced_weights, effective_number
from tests.methods.helpers import CLASSES, autograd_of, begun, labels_task, make_step

LABELS = [0] * 50 + [1] * 20 + [2] * 5 + [3] * 1
COUNTS = torch.tensor([50, 20, 5, 1])


def prepared(beta):
    method = ClassBalanced(CLASSES, beta=beta).double()
    begun(method, labels_task(LABELS))
    return method


def test_beta_near_0_is_cross_entropy():
    step = make_step()
    expected = autograd_of(lambda z: cross_entropy(z, step.labels), step)
    torch.testing.assert_close(prepared(0.0).logit_gradient(step), expected)
    torch.testing.assert_close(prepared(1e-9).logit_gradient(step), expected)


def test_beta_near_1_is_inverse_frequency():
    inverse = 1 / COUNTS.double()
    inverse = inverse / inverse.mean()
    torch.testing.assert_close(class_balanced_weights(COUNTS, 1.0), inverse)
    torch.testing.assert_close(class_balanced_weights(COUNTS, 1 - 1e-9), inverse, rtol=1e-5, atol=0)


def test_between_them_it_is_torch_cross_entropy_with_these_class_weights():
    step, beta = make_step(), 0.9
    weights = torch.tensor([(1 - beta) / (1 - beta**n) for n in COUNTS.tolist()], dtype=torch.float64)
    weights = CLASSES * weights / weights.sum()
    expected = autograd_of(
        lambda z: cross_entropy(z, step.labels, weight=weights, reduction="sum") / len(step), step
    )
    torch.testing.assert_close(prepared(beta).logit_gradient(step), expected)


def test_the_effective_number_is_the_expected_number_of_distinct_prototypes():
    """The paper's recursion E_n = 1 + beta E_(n-1)."""
    expected = 0.0
    for n in range(1, 30):
        expected = 1 + 0.97 * expected
        torch.testing.assert_close(effective_number(torch.tensor([n]), 0.97).item(), expected)


def test_a_class_nobody_observes_gets_no_weight():
    weights = class_balanced_weights(torch.tensor([10, 0, 10]), 0.99)
    assert weights.tolist() == [1.5, 0.0, 1.5]
