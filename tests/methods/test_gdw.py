"""GDW: its ties and limits, and a comparison with a slow loop written from the paper."""

from copy import deepcopy
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from gdw.methods import GDW, MWNet, TiedGDW
from tests.methods.helpers import BATCH, CLASSES, autograd_of, batch, make_step, small_model


def new(kind=GDW, **given):
    return kind(CLASSES, generator=torch.Generator().manual_seed(0), **given).double()


def test_tied_gdw_is_autograd_of_the_weighted_mean_loss():
    step = make_step()
    gradient = new(TiedGDW).logit_gradient(step)
    weights = (gradient * step.flows).sum(-1) * BATCH / (step.flows**2).sum(-1)
    expected = autograd_of(lambda z: (weights * cross_entropy(z, step.labels, reduction="none")).mean(), step)
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-14)
    assert weights.std() > 1e-3  # they do differ between instances


def test_untied_gdw_is_not():
    """The control of the test above: no instance weight gives these rows."""
    step = make_step()
    ratio = new().logit_gradient(step) / step.flows
    assert ratio.std(dim=-1).max() > 1e-3


@given(seed=st.integers(0, 1000), step_size=st.floats(0, 2), clip=st.floats(0, 2), tied=st.booleans())
@settings(max_examples=30)
def test_what_goes_back_sums_to_zero_within_each_instance(seed, step_size, clip, tied):
    gradient = new(step_size=step_size, clip=clip, tied=tied).logit_gradient(make_step(seed=seed))
    torch.testing.assert_close(gradient.sum(-1), torch.zeros(BATCH, dtype=torch.float64), atol=1e-14, rtol=0)


def test_without_the_constraint_it_does_not():
    total = new(zero_mean=False).logit_gradient(make_step()).sum(-1)
    assert total.abs().max() > 1e-4


def papers_loop(step, net, optimizer, step_size, clip):
    """Equation by equation: V, constraint, virtual step, meta loss, V's step, stage two, constraint."""

    def constrained(weights):
        rows = []
        for w, p, t in zip(weights, step.probs, step.labels.tolist(), strict=True):
            others = [c for c in range(CLASSES) if c != t]
            label_weight = sum(w[c] * p[c] for c in others) / (1 - p[t])
            rows.append(torch.stack([label_weight if c == t else w[c] for c in range(CLASSES)]))
        return torch.stack(rows)

    first = constrained(net(step.losses).expand(-1, CLASSES))
    names, values = zip(*step.model.named_parameters(), strict=True)
    gradients = torch.autograd.grad(
        step.logits, values, first * step.flows / BATCH, create_graph=True, retain_graph=True
    )
    virtual = {n: v - 0.5 * g for n, v, g in zip(names, values, gradients, strict=True)}
    images, labels = step.meta_batch
    meta_loss = cross_entropy(functional_call(step.model, virtual, (images,)), labels)
    (g,) = torch.autograd.grad(meta_loss, first, retain_graph=True)
    optimizer.zero_grad()
    meta_loss.backward(inputs=list(net.parameters()))
    optimizer.step()
    outer_rate = step_size * BATCH * CLASSES
    second = first.detach() - (outer_rate * g / g.abs().sum()).clamp(-clip, clip)
    return constrained(second.clamp(1e-6, 1e6)) * step.flows / BATCH


def test_three_batches_give_the_papers_gradients_and_the_papers_weight_net():
    method = new(step_size=0.1, clip=0.2, weight_net_lr=1e-2)
    net = deepcopy(method.weight_net)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2, weight_decay=1e-4)
    for seed in range(3):
        step = make_step(small_model(), seed=seed)
        expected = papers_loop(step, net, optimizer, 0.1, 0.2)
        torch.testing.assert_close(method.logit_gradient(step), expected, rtol=1e-10, atol=1e-13)
    torch.testing.assert_close(method.weight_net.state_dict(), net.state_dict(), rtol=1e-10, atol=1e-12)


def test_an_all_zero_meta_gradient_moves_nothing():
    step = make_step(lr=0.0)
    both, first_alone = new(), new(stage_two=False)
    torch.testing.assert_close(both.logit_gradient(step), first_alone.logit_gradient(step))


@pytest.mark.parametrize("kind", [GDW, MWNet])
def test_between_two_questions_to_the_clean_set_v_stands_as_it_is(kind):
    method, asked, curves = new(kind, meta_every=3), [], []
    for seed in range(7):
        step = make_step(seed=seed, meta_batch=lambda seed=seed: asked.append(seed) or batch(5, seed=seed))
        gradient = method.logit_gradient(step)
        curves.append(method.snapshot()["weight_curve"])
        if seed not in asked:
            expected = method.instance_weights(step).detach() * step.flows / len(step)
            torch.testing.assert_close(gradient, expected)
    assert asked == [0, 3, 6]
    moved = [not torch.equal(before, after) for before, after in pairwise(curves)]
    assert moved == [False, False, True, False, False, True]


def test_asking_at_every_batch_is_the_default_and_at_none_is_refused():
    assert new().meta_every == 1
    with pytest.raises(ValueError, match="meta_every must be at least 1, got 0"):
        new(meta_every=0)


def test_what_is_saved_knows_when_the_clean_set_is_asked_next():
    first, second = new(meta_every=2), new(meta_every=2)
    first.logit_gradient(make_step())
    second.load_state_dict(first.state_dict())
    asked = []
    for method in (first, second):
        method.logit_gradient(make_step(seed=1, meta_batch=lambda: asked.append(1)))
    assert not asked
