"""The virtual step as the optimiser's own: against finite differences through that very step."""

import copy
import warnings
from functools import cache

import pytest
import torch
from torch.nn.functional import cross_entropy, one_hot

from gdw import Step
from gdw.gradients.rates import VirtualStep
from tests.awkward import CLASSES
from tests.gradients.cases import BATCH, CASES, META, some_weights
from tests.ways import BY_WAY

CASE = CASES["mlp"]
SGD, Adam, AdamW = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW
OPTIMISERS = {
    "sgd": (SGD, {}),
    "momentum": (SGD, {"momentum": 0.9, "weight_decay": 0.1}),
    "dampening": (SGD, {"momentum": 0.9, "dampening": 0.3}),
    "nesterov": (SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    "sgd, upwards": (SGD, {"momentum": 0.9, "weight_decay": 0.1, "maximize": True}),
    "adam": (Adam, {}),
    "adam, large eps": (Adam, {"eps": 1e-3, "weight_decay": 0.1}),
    "adam, fused": (Adam, {"eps": 1e-4, "fused": True}),
    "adamw": (AdamW, {"eps": 1e-3, "weight_decay": 0.1}),
    "adamw, upwards": (AdamW, {"eps": 1e-4, "weight_decay": 0.1, "maximize": True}),
    "amsgrad": (Adam, {"amsgrad": True, "betas": (0.8, 0.95), "eps": 1e-4}),
    "no memory": (AdamW, {"betas": (0.0, 0.0), "eps": 1e-2}),
}
WAYS = [*({"way": way} for way in BY_WAY), {"save_memory": True}]


def trained(kind, steps=3, **settings):
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


def after_a_real_step(model, optimizer, weights):
    """Copies of both take the step that sends ``weights * flows / B`` back."""
    (images, labels), (model, optimizer) = CASE.batch(), copy.deepcopy((model, optimizer))
    optimizer.zero_grad()
    logits = model(images)
    flows = logits.detach().softmax(-1) - one_hot(labels, CLASSES)
    logits.backward(weights * flows / BATCH)
    optimizer.step()
    return model


def differences(model, optimizer, width=1e-5):
    """The clean loss after the real step, twice for every weight."""
    (images, labels), expected = CASE.batch(META, seed=4), torch.zeros(BATCH, CLASSES, dtype=torch.float64)
    for place in range(expected.numel()):
        nudge = torch.zeros_like(expected)
        nudge.view(-1)[place] = width
        with torch.enable_grad():
            models = [after_a_real_step(model, optimizer, some_weights() + sign * nudge) for sign in (1, -1)]
        up, down = (cross_entropy(moved(images), labels).item() for moved in models)
        expected.view(-1)[place] = (up - down) / (2 * width)
    return expected


@cache
def at_step(name, step):
    kind, settings = OPTIMISERS[name]
    model, optimizer = trained(kind, step - 1, **settings)
    return model, optimizer, differences(model, optimizer)


def step_of(model, optimizer, way="its own", **how):
    return BY_WAY[way](model, *CASE.batch(), meta_batch=CASE.batch(META, seed=4), lr=optimizer, **how)


def meta_gradient(model, optimizer, **how):
    return step_of(model, optimizer, **how).meta_gradient(some_weights())


@pytest.mark.parametrize("how", WAYS, ids=str)
@pytest.mark.parametrize("step", [1, 100])
@pytest.mark.parametrize("name", OPTIMISERS)
def test_the_derivative_of_the_real_step(name, step, how):
    model, optimizer, expected = at_step(name, step)
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()["state"]))
    found = meta_gradient(model, optimizer, virtual="optimizer", **how)
    assert (found - expected).abs().max() <= 1e-6 * expected.abs().max() + 1e-10
    torch.testing.assert_close((model.state_dict(), optimizer.state_dict()["state"]), before, rtol=0, atol=0)


@pytest.mark.parametrize("step", [1, 100])
@pytest.mark.parametrize("name", OPTIMISERS)
def test_the_virtual_parameters_are_the_next_ones(name, step):
    model, optimizer, _ = at_step(name, step)
    expected = after_a_real_step(model, optimizer, some_weights())
    for name, value in step_of(model, optimizer, virtual="optimizer").problem.ahead(some_weights()).items():
        torch.testing.assert_close(value, expected.get_parameter(name).detach(), rtol=0, atol=1e-15)


def test_adams_first_step_in_float32():
    """What is left of it is of the size of eps: the terms that cancel would leave nothing but rounding."""
    model, optimizer, _ = at_step("adam", 1)
    exact = meta_gradient(model, optimizer, virtual="optimizer")
    model = copy.deepcopy(model).float()
    groups = [{"params": model[0].parameters(), "lr": 0.03}, {"params": model[2].parameters(), "lr": 0.01}]
    (images, labels), (meta_images, meta_labels) = CASE.batch(), CASE.batch(META, seed=4)
    meta_batch = meta_images.float(), meta_labels
    step = Step(model, images.float(), labels, meta_batch=meta_batch, lr=Adam(groups), virtual="optimizer")
    found = step.meta_gradient(some_weights().float()).double()
    assert (found - exact).abs().max() <= 1e-3 * exact.abs().max()


def test_a_gradient_of_zero_has_a_derivative_too():
    """At weights 0 nothing goes back: Adam's first step goes down as fast as eps lets it."""
    model, optimizer = trained(Adam, 0, eps=1e-3)
    found = step_of(model, optimizer, virtual="optimizer").meta_gradient(torch.zeros_like(some_weights()))
    images, labels = CASE.batch(META, seed=4)
    nudge = torch.zeros_like(found)
    nudge[1, 2] = width = 1e-6
    losses = [
        cross_entropy(after_a_real_step(model, optimizer, sign * nudge)(images), labels).item() for sign in (1, -1)
    ]
    assert found[1, 2].item() == pytest.approx((losses[0] - losses[1]) / (2 * width), rel=1e-3)


def test_plain_sgd_is_the_papers_virtual_step():
    model, optimizer = trained(SGD)
    expected = meta_gradient(model, optimizer, virtual="sgd")
    torch.testing.assert_close(meta_gradient(model, optimizer, virtual="optimizer"), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("kind", [Adam, AdamW, torch.optim.RMSprop, torch.optim.Adagrad])
def test_a_plain_virtual_step_beside_another_optimiser_is_said_once(kind):
    model, optimizer = trained(kind)
    advice = "take virtual='optimizer'" if kind in (Adam, AdamW) else "takes: give a learning rate"
    with pytest.warns(UserWarning, match=rf"plain SGD's, .* the {kind.__name__} given as lr.*{advice}") as said:
        meta_gradient(model, optimizer)
        meta_gradient(model, optimizer)
    assert len(said) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        meta_gradient(model, optimizer)
        meta_gradient(model, 0.1)
        meta_gradient(*trained(SGD, momentum=0.9))
        if kind in (Adam, AdamW):
            meta_gradient(*trained(kind), virtual="optimizer")


def test_the_learning_rates_are_those_of_the_groups():
    model, optimizer = trained(Adam)
    assert VirtualStep(model, optimizer, "optimizer").rates == {
        "0.weight": 0.03, "0.bias": 0.03, "2.weight": 0.01, "2.bias": 0.01,
    }  # fmt: skip


class OwnStep(Adam):
    """An optimiser of one's own, which may do anything."""


@pytest.mark.parametrize("kind", [torch.optim.RMSprop, OwnStep])
def test_other_optimisers_are_refused(kind):
    model, optimizer = trained(kind)
    with pytest.raises(ValueError, match=f"knows the optimisers Adam, AdamW, SGD, got {kind.__name__}"):
        meta_gradient(model, optimizer, virtual="optimizer")


def test_the_groups_are_those_of_a_state_that_was_loaded():
    model, optimizer = trained(SGD)
    step = VirtualStep(model, optimizer)
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.param_groups[0]["lr"] = 0.5
    assert step.rates["0.weight"] == 0.5
    gradients = {name: torch.ones_like(p) for name, p in step.parameters.items()}
    torch.testing.assert_close(step(gradients)[0]["0.weight"], model[0].weight.detach() - 0.5)


@pytest.mark.parametrize("rate", [-0.1, float("nan"), torch.tensor(-0.1), torch.tensor(float("inf"))])
def test_a_rate_of_a_group_that_is_no_length_of_a_step_is_refused(rate):
    model, optimizer = trained(SGD)
    optimizer.param_groups[0]["lr"] = rate
    with pytest.raises(ValueError, match="the learning rate of 0.weight must be a finite number of at least 0"):
        VirtualStep(model, optimizer)


def test_numbers_and_unknown_names_are_refused():
    model, optimizer = trained(Adam)
    with pytest.raises(ValueError, match="needs the optimiser as lr, got the number 0.1"):
        meta_gradient(model, 0.1, virtual="optimizer")
    with pytest.raises(ValueError, match="unknown virtual step 'adam'"):
        meta_gradient(model, optimizer, virtual="adam")
