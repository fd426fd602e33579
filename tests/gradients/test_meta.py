"""The meta gradient: finite differences, rates, state that must not move, fallbacks; models in test_cases.py."""

import copy
import threading
import warnings

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy
from torch.nn.utils import parametrizations

from gdw.data.randomness import generator
from gdw.gradients.flows import class_gradients
from gdw.gradients.meta import NoMetaGradient, forward
from gdw.gradients.rates import VirtualStep
from gdw.networks.classifiers import build_model
from tests.awkward import CLASSES, Attention, Recurrent, small
from tests.ways import BY_WAY

BATCH, LR = 6, 0.1


def pictures(shape, count=BATCH, seed=0):
    random = torch.Generator().manual_seed(seed)
    images = torch.randn(count, *shape, generator=random, dtype=torch.float64)
    return images, torch.randint(CLASSES, (count,), generator=random)


def step_of(model, shape, way="its own", lr=LR):
    dtype = next(model.parameters()).dtype
    images, labels = pictures(shape)
    meta_images, meta_labels = pictures(shape, 5, seed=1)
    meta_batch = meta_images.to(dtype), meta_labels
    return BY_WAY[way](model, images.to(dtype), labels, meta_batch=meta_batch, lr=lr)


def some_weights(seed=2):
    return torch.rand(BATCH, CLASSES, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def both_ways(model, shape, lr=LR):
    weights = some_weights()
    ways = [step_of(model, shape, d, lr).meta_gradient(weights) for d in ("forward", "double-backward")]
    assert ways[1].abs().max() > 0
    return ways


def test_finite_differences():
    """The slow way, from the definition: step, evaluate, once for every weight."""
    model = small(nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, CLASSES))
    step, weights, eps = step_of(model, (8,), "forward"), some_weights(), 1e-6
    (images, labels), (meta_images, meta_labels) = pictures((8,)), pictures((8,), 5, seed=1)
    flows = class_gradients(model(images).softmax(-1).detach(), labels)

    def meta_loss(weights):
        loss = (model(images) * weights * flows).sum() / BATCH
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        moved = {n: p - LR * g for (n, p), g in zip(model.named_parameters(), gradients, strict=True)}
        return cross_entropy(torch.func.functional_call(model, moved, (meta_images,)), meta_labels).item()

    got = step.meta_gradient(weights)
    for i in range(BATCH):
        for c in range(CLASSES):
            nudge = torch.zeros_like(weights)
            nudge[i, c] = eps
            expected = (meta_loss(weights + nudge) - meta_loss(weights - nudge)) / (2 * eps)
            assert got[i, c].item() == pytest.approx(expected, abs=1e-9)


def test_dropout_leaves_the_random_state_alone():
    model = small(nn.Linear(8, 32), nn.Dropout(0.5), nn.Linear(32, CLASSES))
    after = []
    for way in ("forward", "double-backward"):
        torch.manual_seed(3)
        step_of(model, (8,), way).meta_gradient(some_weights())
        after.append(torch.rand(1))
    assert torch.equal(*after)


def test_frozen_parameters_stay_out_of_the_virtual_step():
    model = small(nn.Linear(8, 9), nn.Tanh(), nn.Linear(9, CLASSES))
    model[0].weight.requires_grad_(False)
    assert set(VirtualStep(model, 0.1).parameters) == {"0.bias", "2.weight", "2.bias"}


def test_each_parameter_takes_its_groups_rate():
    model = small(nn.Linear(8, 9), nn.Tanh(), nn.Linear(9, CLASSES))
    groups = [{"params": model[0].parameters(), "lr": 0.3}, {"params": [model[2].weight], "lr": 0.01}]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    assert VirtualStep(model, optimizer).rates == {"0.weight": 0.3, "0.bias": 0.3, "2.weight": 0.01}
    forward_mode, oracle = both_ways(model, (8,), lr=optimizer)
    torch.testing.assert_close(forward_mode, oracle, rtol=1e-11, atol=1e-16)
    assert not torch.allclose(forward_mode, both_ways(model, (8,), lr=0.3)[0])


def test_running_statistics_move_once_per_step():
    model = small(nn.Linear(8, 9), nn.BatchNorm1d(9), nn.Linear(9, CLASSES))
    step = step_of(model, (8,), "forward")
    after_forward = {name: value.clone() for name, value in model.named_buffers()}
    step.meta_gradient(some_weights())
    assert model[1].num_batches_tracked == 1
    assert all(torch.equal(value, after_forward[name]) for name, value in model.named_buffers())


def test_virtual_parameters_leave_the_model_where_it_is():
    model = small(nn.Linear(8, CLASSES))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    step_of(model, (8,), "forward").meta_gradient(some_weights())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    ones = {name: torch.ones_like(p) for name, p in model.named_parameters()}
    moved, _ = VirtualStep(model, 0.5)(ones)
    torch.testing.assert_close(moved["0.bias"], model[0].bias - 0.5)
    assert not torch.allclose(forward(model, moved, pictures((8,))[0]), model(pictures((8,))[0]))


def test_a_missing_forward_rule_is_named_once_and_double_backward_takes_over():
    torch.manual_seed(0)
    model = Recurrent()  # in float32 one fused operation, without a forward rule; in float64 many small ones
    exact = step_of(copy.deepcopy(model).double(), (8, 4), "forward").meta_gradient(some_weights())
    with pytest.warns(UserWarning, match="Recurrent has no forward-mode derivative at mkldnn_rnn_layer"):
        got = step_of(model, (8, 4)).meta_gradient(some_weights().float())
    torch.testing.assert_close(got.double(), exact, rtol=1e-3, atol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step_of(model, (8, 4)).meta_gradient(some_weights().float())


def test_a_model_that_cannot_be_differentiated_twice_gets_a_clear_error():
    torch.manual_seed(0)
    model = Attention().double()
    parametrizations.weight_norm(model.out)  # has no forward-mode rule, and fused attention no second derivative
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION), pytest.warns(UserWarning, match="weight_norm"):
        step = step_of(model, (8, 4))
        with pytest.raises(NoMetaGradient, match="attention.*MATH"):
            step.meta_gradient(some_weights())


def test_two_threads_at_once():
    model = small(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, CLASSES))
    expected, results = step_of(model, (8,), "forward").meta_gradient(some_weights()), []

    def work():
        own = copy.deepcopy(model)  # a forward pass under other parameters swaps a module's own: one thread per model
        results.extend(step_of(own, (8,), "forward").meta_gradient(some_weights()) for _ in range(30))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 60
    assert all(torch.equal(result, expected) for result in results)


def test_forward_mode_waits_while_other_code_in_the_process_uses_it():
    """As torch.func.jvp in another cell does while a run trains: the numbers are the same, a little later."""
    model = build_model("mlp", (1, 8, 8), CLASSES, generator(0, "model")).double()
    weights, taken, found = some_weights(), threading.Event(), []
    expected = step_of(model, (1, 8, 8), "forward").meta_gradient(weights)
    worker = threading.Thread(
        target=lambda: (taken.wait(), found.append(step_of(model, (1, 8, 8), "forward").meta_gradient(weights)))
    )
    worker.start()

    def slow(x):
        taken.set()
        worker.join(0.3)  # long enough for the other thread to come to the level
        return x**2

    _, tangent = torch.func.jvp(slow, (torch.tensor(3.0),), (torch.tensor(1.0),))
    worker.join(60)
    assert tangent == 6
    torch.testing.assert_close(found[0], expected, atol=0, rtol=0)


def test_forward_mode_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr("gdw.private.LEVEL_SECONDS", 0.05)
    with torch.autograd.forward_ad.dual_level(), pytest.raises(RuntimeError, match="in use elsewhere"):
        model = build_model("mlp", (1, 8, 8), CLASSES, generator(0, "model")).double()
        step_of(model, (1, 8, 8), "forward").meta_gradient(some_weights())
