"""The virtual step in the optimiser's own metric: against the textbook, and against finite differences."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

from gdw import Step
from gdw.gradients.rates import learning_rates
from tests.awkward import CLASSES
from tests.gradients.cases import BATCH, CASES, META, some_weights, textbook

CASE = CASES["mlp"]
ADAMS = [
    (torch.optim.Adam, {}),
    (torch.optim.AdamW, {"weight_decay": 0.1}),
    (torch.optim.Adam, {"amsgrad": True, "betas": (0.8, 0.95), "eps": 1e-4}),
]
WAYS = [{"derivative": "auto"}, {"derivative": "reuse"}, {"derivative": "double-backward"}, {"save_memory": True}]


def trained(kind=torch.optim.Adam, steps=3, **settings):
    """The model of a case after a few steps of a real optimiser, whose groups have two rates."""
    model = CASE.model()
    groups = [{"params": model[0].parameters(), "lr": 0.03}, {"params": model[2].parameters(), "lr": 0.01}]
    optimizer = kind(groups, **settings)
    for seed in range(steps):
        images, labels = CASE.batch(seed=10 + seed)
        optimizer.zero_grad()
        cross_entropy(model(images), labels).backward()
        optimizer.step()
    return model, optimizer


def preconditioned_rates(model, optimizer):
    """``lr / (sqrt(v / (1 - beta2^t)) + eps)`` from the optimiser's state, as in Adam's paper."""
    rates = {}
    for group in optimizer.param_groups:
        for name, parameter in model.named_parameters():
            if any(parameter is own for own in group["params"]):
                state = optimizer.state[parameter]
                v = state["max_exp_avg_sq"] if group["amsgrad"] else state["exp_avg_sq"]
                unbiased = v / (1 - group["betas"][1] ** int(state["step"]))
                rates[name] = group["lr"] / (unbiased.sqrt() + group["eps"])
    return rates


def meta_gradient(model, optimizer, **how):
    step = Step(model, *CASE.batch(), meta_batch=CASE.batch(META, seed=4), lr=optimizer, **how)
    return step.meta_gradient(some_weights())


@pytest.mark.parametrize("how", WAYS, ids=str)
@pytest.mark.parametrize(("kind", "settings"), ADAMS)
def test_the_textbooks_number_in_adams_metric(kind, settings, how):
    model, optimizer = trained(kind, **settings)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    case = replace(CASE, build=lambda: model)
    expected = textbook(case, some_weights(), preconditioned_rates(model, optimizer))
    found = meta_gradient(model, optimizer, virtual="optimizer", **how)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-15)
    assert not torch.allclose(found, meta_gradient(model, optimizer, **how), rtol=0.1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_finite_differences():
    """The clean loss after the virtual step, once for every weight."""
    model, optimizer = trained()
    (images, labels), (meta_images, meta_labels) = CASE.batch(), CASE.batch(META, seed=4)
    rates = preconditioned_rates(model, optimizer)
    flows = model(images).softmax(-1).detach() - torch.nn.functional.one_hot(labels, CLASSES)

    def meta_loss(weights):
        loss = (model(images) * weights * flows).sum() / BATCH
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        moved = {n: p - rates[n] * g for (n, p), g in zip(model.named_parameters(), gradients, strict=True)}
        return cross_entropy(torch.func.functional_call(model, moved, (meta_images,)), meta_labels).item()

    found, eps = meta_gradient(model, optimizer, virtual="optimizer"), 1e-5
    for i in range(BATCH):
        for c in range(CLASSES):
            nudge = torch.zeros_like(found)
            nudge[i, c] = eps
            difference = (meta_loss(some_weights() + nudge) - meta_loss(some_weights() - nudge)) / (2 * eps)
            assert found[i, c].item() == pytest.approx(difference, rel=1e-6, abs=1e-9)


def test_at_the_first_step_and_for_sgd_it_is_plain_sgd():
    for model, optimizer in (trained(steps=0), trained(torch.optim.SGD, momentum=0.9)):
        expected = meta_gradient(model, optimizer, virtual="sgd")
        assert torch.equal(meta_gradient(model, optimizer, virtual="optimizer"), expected)


def test_only_parameters_with_a_state_are_preconditioned():
    model, optimizer = trained()
    del optimizer.state[model[0].weight]
    rates = learning_rates(model, optimizer, "optimizer")
    assert rates["0.weight"] == 0.03
    assert rates["0.bias"].shape == model[0].bias.shape


def test_other_optimisers_and_numbers_are_refused():
    model, optimizer = trained(torch.optim.RMSprop)
    with pytest.raises(ValueError, match="knows the optimisers Adam, AdamW, SGD, got RMSprop"):
        meta_gradient(model, optimizer, virtual="optimizer")
    with pytest.raises(ValueError, match="needs the optimiser as lr, got the number 0.1"):
        meta_gradient(model, 0.1, virtual="optimizer")
    with pytest.raises(ValueError, match="unknown virtual step 'adam'"):
        meta_gradient(model, optimizer, virtual="adam")
