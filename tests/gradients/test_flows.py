"""The paper's two equations, against autograd and as properties."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from gdw.gradients.flows import class_gradients, zero_mean


def batch(seed, gap=1.0, dtype=torch.float64):
    random = torch.Generator().manual_seed(seed)
    logits = gap * torch.randn(7, 5, generator=random, dtype=dtype)
    labels = torch.randint(5, (7,), generator=random)
    return logits, labels, torch.rand(7, 5, generator=random, dtype=dtype)


def test_flows_are_the_gradient_of_cross_entropy():
    logits, labels, _ = batch(0)
    logits.requires_grad_()
    (expected,) = torch.autograd.grad(cross_entropy(logits, labels, reduction="sum"), logits)
    torch.testing.assert_close(class_gradients(logits.detach().softmax(-1), labels), expected)


@given(seed=st.integers(0, 10_000), gap=st.floats(0.1, 100))
def test_weighted_flows_sum_to_zero(seed, gap):
    logits, labels, weights = batch(seed, gap)
    flows = class_gradients(logits.softmax(-1), labels)
    total = (zero_mean(weights, logits, labels) * flows).sum(-1)
    torch.testing.assert_close(total, torch.zeros_like(total), atol=1e-12, rtol=0)


@pytest.mark.parametrize("gap", [1.0, 12.0, 30.0, 100.0])
def test_the_constraint_keeps_its_digits_in_float32(gap):
    logits, labels, weights = batch(1, gap, torch.float32)
    exact = zero_mean(weights.double(), logits.double(), labels)
    torch.testing.assert_close(zero_mean(weights, logits, labels).double(), exact, atol=1e-6, rtol=1e-5)


def test_the_constraint_is_the_papers_quotient():
    logits, labels, weights = batch(2)
    probs, constrained = logits.softmax(-1), zero_mean(weights, logits, labels)
    for i, label in enumerate(labels.tolist()):
        others = [c for c in range(5) if c != label]
        expected = sum(weights[i, c] * probs[i, c] for c in others) / (1 - probs[i, label])
        torch.testing.assert_close(constrained[i, label], expected)
        assert torch.equal(constrained[i, others], weights[i, others])


@given(seed=st.integers(0, 1000))
def test_equal_weights_are_left_alone(seed):
    logits, labels, weights = batch(seed)
    tied = weights[:, :1].expand_as(weights)
    torch.testing.assert_close(zero_mean(tied, logits, labels), tied)


def test_the_clamped_form_is_the_exact_one_below_the_clamp_and_lower_above():
    logits, labels, weights = batch(3)
    torch.testing.assert_close(zero_mean(weights, logits, labels, max_prob=0.999), zero_mean(weights, logits, labels))
    sure = 20 * torch.nn.functional.one_hot(labels, 5).double()
    ones = torch.ones_like(weights)
    assert (zero_mean(ones, sure, labels, max_prob=0.999).gather(1, labels[:, None]) < 0.01).all()


IGNORED = -100  # torch's ignore_index


def test_the_row_of_a_label_that_is_no_class_has_no_flows():
    logits, labels, _ = batch(0)
    labels[2] = IGNORED
    logits.requires_grad_()
    (expected,) = torch.autograd.grad(cross_entropy(logits, labels, reduction="sum"), logits)
    assert not expected[2].any()
    torch.testing.assert_close(class_gradients(logits.detach().softmax(-1), labels), expected)


@pytest.mark.parametrize("max_prob", [None, 0.999])
def test_weights_of_a_row_without_a_class_are_left_alone(max_prob):
    logits, labels, weights = batch(0)
    expected = zero_mean(weights, logits, labels, max_prob)
    expected[2], labels[2] = weights[2], IGNORED
    torch.testing.assert_close(zero_mean(weights, logits, labels, max_prob), expected, rtol=0, atol=0)


@given(seed=st.integers(0, 1000), size=st.sampled_from([0.3, 1e-3, 1e-5, 1e-7]))
def test_weighted_flows_of_soft_labels_sum_to_zero_in_float32_where_the_others_cancel(seed, size):
    """The label's own flow is tiny, and the other two are not: one pulls as much as the other pushes."""
    random = torch.Generator().manual_seed(seed)
    logits = torch.tensor([0.5, 0.3, 0.2]).log() + 1e-2 * torch.randn(9, 3, generator=random)
    soft = logits.softmax(-1) + torch.tensor([size, 0.1 - size, -0.1])
    weights = torch.rand(9, 3, generator=random)
    flows = class_gradients(logits.softmax(-1), soft)
    total = (zero_mean(weights, logits, soft) * flows).sum(-1)
    known = flows[:, 0] != 0  # a flow of 0 can balance nothing
    torch.testing.assert_close(total[known], torch.zeros(int(known.sum())), atol=1e-6, rtol=0)


@pytest.mark.parametrize("max_prob", [None, 0.999])
@pytest.mark.parametrize("gap", [1.0, 12.0, 30.0])
def test_a_soft_label_that_is_one_hot_is_the_hard_one(gap, max_prob):
    logits, labels, weights = batch(1, gap, torch.float32)
    soft = torch.nn.functional.one_hot(labels, 5).float()
    expected = zero_mean(weights, logits, labels, max_prob)
    torch.testing.assert_close(zero_mean(weights, logits, soft, max_prob), expected)


@pytest.mark.parametrize("rounded", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("label", [(0.52, 0.2, 0.28), (0.52, 0.2, 0.285), (0.501, 0.2, 0.3), (0.505, 0.3, 0.2)])
def test_equal_weights_of_soft_labels_are_left_alone_to_the_last_bit(label, rounded):
    """Also where the row sums to 1 only as far as labels are checked."""
    logits = torch.tensor([[0.5, 0.3, 0.2]]).log()
    soft = torch.tensor([label]).to(rounded).float()
    for weight in (1.0, 0.3, 7.7):
        tied = torch.full((1, 3), weight)
        assert torch.equal(zero_mean(tied, logits, soft), tied)


@given(seed=st.integers(0, 1000))
def test_equal_weights_of_any_soft_labels_are_left_alone(seed):
    random = torch.Generator().manual_seed(seed)
    logits, mixed = 3 * torch.randn(2, 9, 10, generator=random)
    soft, tied = mixed.softmax(-1).bfloat16().float(), torch.rand(9, 1, generator=random).expand(9, 10)
    assert torch.equal(zero_mean(tied, logits, soft), tied)
