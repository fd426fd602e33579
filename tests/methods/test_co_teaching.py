"""Co-teaching: who picks for whom, how the kept share falls, and that the peer learns like the model."""

from copy import deepcopy

import pytest
import torch
from torch.nn.functional import cross_entropy

import gdw
from gdw.methods import CoTeaching
from gdw.training.stepping import take_step
from tests.methods.helpers import CLASSES, autograd_of, make_step, small_model


def test_each_network_learns_from_the_others_small_losses():
    """Beside a plain loop: two networks, two optimisers, torch's own cross-entropy on the picked rows."""
    model, method = small_model(), CoTeaching(CLASSES, forget=0.5, ramp=1, generator=torch.Generator().manual_seed(0))
    method.prepare(None, model)
    twin, peer = deepcopy(model), deepcopy(method.peer)
    assert not torch.equal(twin[0].weight, peer[0].weight)
    settings = {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4}
    optimizer = torch.optim.SGD(model.parameters(), **settings)
    pair = [(net, torch.optim.SGD(net.parameters(), **settings)) for net in (twin, peer)]
    for k in range(3):
        step = make_step(model, seed=k, lr=optimizer, epoch=5)
        losses = [cross_entropy(net(step.images), step.labels, reduction="none") for net, _ in pair]
        picked = [loss.argsort()[:6] for loss in losses]
        for (_, own), loss, chosen in zip(pair, losses, reversed(picked), strict=True):
            own.zero_grad()
            loss[chosen].mean().backward()
            own.step()
        take_step(step, method, optimizer)
    for ours, expected in ((model, twin), (method.peer, peer)):
        torch.testing.assert_close(dict(ours.named_parameters()), dict(expected.named_parameters()))


def test_the_kept_share_falls_over_the_first_epochs_and_stays():
    method = CoTeaching(CLASSES, forget=0.4, ramp=4)
    assert [round(method.kept_share(epoch), 6) for epoch in (0, 1, 2, 4, 30)] == [1.0, 0.9, 0.8, 0.6, 0.6]


def test_nothing_forgotten_is_cross_entropy():
    step, method = make_step(), CoTeaching(CLASSES, forget=0.0)
    expected = autograd_of(lambda z: cross_entropy(z, step.labels), step)
    torch.testing.assert_close(method.logit_gradient(step), expected)


def test_the_forgotten_share_is_estimated_on_the_clean_set():
    """Symmetric 50: half of the labels are wrong; the estimate may be 0.15 off."""
    training = gdw.Training(gdw.Experiment(method="co-teaching", noise="symmetric", rate=0.5, epochs=40))
    for event in training.events():
        if isinstance(event, gdw.EpochDone) and event.epoch < 12:
            assert training.method.peer is None
    assert float(training.method.forget) == pytest.approx(0.5, abs=0.15)
    assert training.history["auroc"][-1] > 0.9


def test_a_saved_run_is_loaded_with_its_peer(tmp_path):
    training = gdw.Training(gdw.Experiment(method="co-teaching", epochs=2, settings={"forget": 0.2}))
    list(training.events())
    training.save(tmp_path / "run.pt")
    loaded = gdw.Training.load(tmp_path / "run.pt")
    for name, value in training.method.peer.state_dict().items():
        assert torch.equal(loaded.method.peer.state_dict()[name], value)
