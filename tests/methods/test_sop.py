"""SOP against autograd of the paper's two losses: the logits, u and v."""

from copy import deepcopy

import pytest
import torch

from gdw.methods import INSW, SOP
from gdw.methods.sop import SMALLEST
from tests.methods.helpers import BATCH, CLASSES, make_step


def papers_losses(logits, labels, u, v):
    """Cross-entropy of the normalised p + s, and the squared error of the predicted one-hot vector plus s."""
    onehot = torch.eye(CLASSES, dtype=logits.dtype)[labels]
    pull, push = (u[:, None] ** 2 * onehot).clamp(0, 1), (v**2 * (1 - onehot)).clamp(0, 1)
    explained = (logits.softmax(-1) + pull - push.detach()).clamp(min=SMALLEST)
    explained = explained / explained.sum(-1, keepdim=True)
    predicted = torch.eye(CLASSES, dtype=logits.dtype)[logits.argmax(-1)]
    first = -(onehot * explained.log()).sum(-1).mean()
    second = ((predicted + pull.detach() - push - onehot) ** 2).sum(-1).mean()
    return first, second


def started(spread):
    method = SOP(CLASSES, 40, u_lr=3.0, v_lr=2.0).double()
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        method.u.copy_(spread * torch.randn(method.u.shape, generator=random))
        method.v.copy_(spread * torch.randn(method.v.shape, generator=random))
    return method


@pytest.mark.parametrize("spread", [1e-8, 0.1, 0.5, 1.0])
def test_gradient_and_both_updates_are_autograds(spread):
    """From 0.5 on, some probabilities meet the smallest value, and from 1 on, squares the largest."""
    chosen = torch.randperm(40, generator=torch.Generator().manual_seed(2))[:BATCH]
    method, step = started(spread), make_step(indices=chosen)
    u, v = (kept.detach().clone()[step.indices].requires_grad_() for kept in (method.u, method.v))
    logits = step.logits.detach().requires_grad_()
    first, second = papers_losses(logits, step.labels, u, v)
    expected, u_gradient = torch.autograd.grad(first, (logits, u))
    (v_gradient,) = torch.autograd.grad(second, v)
    before = method.u.detach().clone()
    torch.testing.assert_close(method.logit_gradient(step), expected)
    torch.testing.assert_close(method.u.detach()[step.indices], (u - 3.0 * u_gradient).detach(), rtol=1e-9, atol=1e-20)
    torch.testing.assert_close(method.v.detach()[step.indices], (v - 2.0 * v_gradient).detach(), rtol=1e-9, atol=1e-20)
    others = torch.tensor([i for i in range(40) if i not in step.indices.tolist()])
    assert torch.equal(method.u.detach()[others], before[others])


@pytest.mark.parametrize(("kind", "kept"), [(SOP, ("u", "v")), (INSW, ("phi",))])
def test_an_instance_that_is_twice_in_a_batch_moves_by_both_gradients(kind, kept):
    """As autograd does it, and as with an index of its own for each row."""
    twice, apart = (kind(CLASSES, 40, torch.Generator().manual_seed(0)).double() for _ in range(2))
    rows = torch.arange(BATCH)
    indices = rows.clone()
    indices[5] = 2
    for name in kept:
        getattr(apart, name).data[5] = getattr(apart, name).data[2]
    before = deepcopy(apart)
    for method, chosen in ((twice, indices), (apart, rows)):
        method.logit_gradient(make_step(indices=chosen))
    for name in kept:
        start, each, found = (getattr(method, name).detach() for method in (before, apart, twice))
        expected = start[2] + (each[2] - start[2]) + (each[5] - start[5])
        torch.testing.assert_close(found[2], expected, rtol=1e-12, atol=1e-20)
        assert (each[5] != start[5]).any()


def test_u_grows_where_a_label_stays_wrong_and_then_the_row_has_little_gradient():
    method, step = SOP(CLASSES, 12, generator=torch.Generator().manual_seed(0)).double(), make_step()
    first = method.logit_gradient(step)
    for _ in range(200):
        last = method.logit_gradient(step)
    torch.testing.assert_close(first, step.flows / BATCH, rtol=1e-6, atol=1e-9)  # it starts as cross-entropy
    assert (last.abs().sum(-1) < 0.5 * first.abs().sum(-1)).all()
