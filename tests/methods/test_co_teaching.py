"""Co-teaching: who picks for whom, how the kept share falls, and that the peer learns like the model."""

from copy import deepcopy

import pytest
import torch
from torch.nn.functional import cross_entropy

import gdw
from gdw.data.task import Split
from gdw.gradients.prepared import Prepared
from gdw.methods import CoTeaching
from gdw.pictures.pretrained import NEW_LAYER
from gdw.training.stepping import take_step
from tests.methods.helpers import CLASSES, begun, labels_task, make_step, new, small_model


def train_each_other(pair, step, kept=6):
    """A step of two networks with their optimisers, as a plain loop: each learns the instances that the other picks."""
    losses = [cross_entropy(net(step.images), step.labels, reduction="none") for net, _ in pair]
    picked = [loss.argsort()[:kept] for loss in losses]
    for (_, own), loss, chosen in zip(pair, losses, reversed(picked), strict=True):
        own.zero_grad()
        loss[chosen].mean().backward()
        own.step()


def test_the_kept_share_falls_over_the_first_epochs_and_stays():
    method = CoTeaching(CLASSES, forget=0.4, ramp=4)
    assert [round(method.kept_share(epoch), 6) for epoch in (0, 1, 2, 4, 30)] == [1.0, 0.9, 0.8, 0.6, 0.6]


def test_the_forgotten_share_is_estimated_on_the_clean_set():
    """Symmetric 50: half of the labels are wrong; the estimate may be 0.15 off."""
    training = gdw.Training(gdw.Experiment(method="co-teaching", noise="symmetric", rate=0.5, epochs=40))
    for event in training.events():
        if isinstance(event, gdw.EpochDone) and event.epoch < 12:
            assert training.method.peer is None
    assert float(training.method.forget) == pytest.approx(0.5, abs=0.15)
    assert training.history["auroc"][-1] > 0.9


def one_group(model):
    return model.parameters()


def two_groups(model):
    return [{"params": model[0].parameters(), "lr": 3e-3, "weight_decay": 0.1}, {"params": model[2].parameters()}]


def first_layer_frozen(model):
    model[0].requires_grad_(False)
    return [p for p in model.parameters() if p.requires_grad]


def frozen_but_given(model):
    model[0].requires_grad_(False)
    return model.parameters()


OPTIMIZERS = {
    "SGD": lambda given: torch.optim.SGD(given, lr=0.1, momentum=0.9, weight_decay=5e-4),
    "AdamW": lambda given: torch.optim.AdamW(given, lr=1e-2, betas=(0.8, 0.9), weight_decay=0.05, amsgrad=True),
    "RMSprop": lambda given: torch.optim.RMSprop(given, lr=1e-2, momentum=0.5, centered=True),
    "Nesterov": lambda given: torch.optim.SGD(given, lr=0.1, momentum=0.8, nesterov=True, weight_decay=1e-2),
    "fused Adam": lambda given: torch.optim.Adam(given, lr=1e-2, fused=True),
}


@pytest.mark.parametrize("groups", [one_group, two_groups, first_layer_frozen, frozen_but_given])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_each_network_learns_from_the_others_small_losses_with_an_optimiser_like_the_models(kind, groups):
    """Beside a plain loop: two networks, each with an optimiser of its own from one recipe, under one schedule."""
    model, method = small_model(), new(CoTeaching, forget=0.5, ramp=1)
    optimizer = OPTIMIZERS[kind](groups(model))
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.7)
    begun(method, model=model)
    twin, peer = deepcopy(model), deepcopy(method.peer)
    assert not torch.equal(twin[2].weight, peer[2].weight)
    pair = [(net, OPTIMIZERS[kind](groups(net))) for net in (twin, peer)]
    schedules = [torch.optim.lr_scheduler.ExponentialLR(own, 0.7) for _, own in pair]
    for k in range(4):
        step = make_step(model, seed=k, lr=optimizer, epoch=5)
        train_each_other(pair, step)
        take_step(step, method, optimizer)
        for each in (schedule, *schedules):
            each.step()
    for ours, expected in ((model, twin), (method.peer, peer)):
        torch.testing.assert_close(dict(ours.named_parameters()), dict(expected.named_parameters()))
    assert type(method.peer_optimizer) is type(optimizer)


def test_where_all_is_to_be_forgotten_one_instance_is_learnt():
    model, method = small_model(), new(CoTeaching, forget=1.0, ramp=1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    begun(method, model=model)
    pair = [(net, torch.optim.SGD(net.parameters(), lr=0.1)) for net in (deepcopy(model), deepcopy(method.peer))]
    step = make_step(model, lr=optimizer, epoch=5)
    train_each_other(pair, step, kept=1)
    take_step(step, method, optimizer)
    for ours, (expected, _) in zip((model, method.peer), pair, strict=True):
        torch.testing.assert_close(dict(ours.named_parameters()), dict(expected.named_parameters()))


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_the_optimiser_of_a_virtual_step_is_followed_too(kind):
    model, method = small_model(), CoTeaching(CLASSES, forget=0.5)
    optimizer = kind(model.parameters(), lr=0.01)
    take_step(make_step(model, lr=Prepared(model, optimizer, "optimizer")), method, optimizer)
    assert type(method.peer_optimizer) is type(optimizer)


def test_frozen_parameters_of_the_peer_are_the_models():
    """They were learnt elsewhere: in another order they would be worth nothing."""
    model, method = small_model(), CoTeaching(CLASSES, forget=0.5)
    model[0].requires_grad_(False)
    begun(method, model=model)
    assert torch.equal(method.peer[0].weight, model[0].weight)
    assert not torch.equal(method.peer[2].weight, model[2].weight)


def test_a_layer_that_is_unfrozen_later_learns_in_the_peer_too():
    model, method = small_model(), CoTeaching(CLASSES, forget=0.5)
    model[0].requires_grad_(False)
    optimizer = torch.optim.AdamW(model[2].parameters(), lr=1e-2)
    take_step(make_step(model, lr=optimizer), method, optimizer)
    before = method.peer[0].weight.clone()
    model[0].requires_grad_(True)
    optimizer.add_param_group({"params": list(model[0].parameters()), "lr": 1e-3})
    take_step(make_step(model, seed=1, lr=optimizer), method, optimizer)
    assert (method.peer[0].weight - before).abs().max().item() == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("first", ["load", "begin"])
def test_what_the_peers_optimiser_has_gathered_is_saved(kind, first):
    def going_on(model, method, optimizer, seeds):
        for seed in seeds:
            take_step(make_step(model, seed=seed, lr=optimizer, epoch=5), method, optimizer)

    model, method = small_model(), new(CoTeaching, forget=0.5)
    optimizer = OPTIMIZERS[kind](two_groups(model))
    going_on(model, method, optimizer, range(3))
    other, copy = deepcopy(model), CoTeaching(CLASSES, forget=0.5, generator=torch.Generator().manual_seed(1))
    theirs = OPTIMIZERS[kind](two_groups(other))
    theirs.load_state_dict(deepcopy(optimizer.state_dict()))
    if first == "begin":
        begun(copy, model=other)
    copy.load_state_dict(method.state_dict())
    copy.load_state_dict(copy.state_dict())  # saved again before a step
    going_on(model, method, optimizer, range(3, 6))
    going_on(other, copy, theirs, range(3, 6))
    for a, b in zip(method.peer.parameters(), copy.peer.parameters(), strict=True):
        assert torch.equal(a, b)


def test_without_a_learning_rate_it_says_what_to_give():
    with pytest.raises(ValueError, match=r"co-teaching trains a second model: give the Step lr="):
        CoTeaching(CLASSES, forget=0.5).logit_gradient(make_step(lr=None))


def test_a_second_model_of_one_epoch_forgets_in_it():
    """The kept share begins with everything: one epoch of it would be cross-entropy."""
    method = CoTeaching(CLASSES, forget=0.4, ramp=4)
    for epochs, shares in ((1, [0.6]), (2, [1.0, 0.9]), (6, [1.0, 0.9, 0.8, 0.7, 0.6, 0.6])):
        begun(method, epochs=epochs, model=small_model())
        assert [round(method.kept_share(epoch), 6) for epoch in range(epochs)] == shares


@pytest.mark.parametrize("forget", [None, 0.5])
def test_a_pretrained_peer_starts_from_the_pretrained_numbers(forget):
    """Not from what a first model has learnt from wrong labels."""
    model, method = small_model(), new(CoTeaching, forget=forget)
    setattr(model[2], NEW_LAYER, True)
    start = deepcopy(model.state_dict())
    meta = Split(torch.zeros(4, 6), torch.arange(CLASSES))
    task = labels_task([0, 1, 2, 3], meta=meta)
    for phase in method.phases(task, 4):
        with torch.no_grad():
            model[0].weight.add_(1)  # what an earlier phase has learnt
        phase.before(model)
        if phase.restart:
            model.load_state_dict(start)
    take_step(make_step(model, lr=0.0, epoch=3), method, torch.optim.SGD(model.parameters(), lr=0.0))
    assert torch.equal(method.peer[0].weight, model[0].weight)
    assert not torch.equal(method.peer[2].weight, model[2].weight)
