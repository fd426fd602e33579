"""CMW-Net against a slow loop by double backward; its families; one family is Meta-Weight-Net."""

from copy import deepcopy

import pytest
import torch

import gdw
from gdw.methods import CMWNet
from gdw.methods.cmw_net import class_families
from gdw.training.stepping import take_step
from tests.methods.helpers import BATCH, CLASSES, make_step, small_model
from tests.methods.test_meta_methods import clean_loss_after, losses_of, mwnet_loop, real_step

COUNTS, STEPS, LR = [50, 20, 21, 1], 3, 0.5


def new(**settings):
    random = torch.Generator().manual_seed(0)
    method = CMWNet(CLASSES, generator=random, class_counts=COUNTS, weight_net_lr=1e-2, **settings).double()
    net = deepcopy(method.weight_net)
    return method, net, torch.optim.Adam(net.parameters(), lr=1e-2, weight_decay=1e-4)


def by_hand(net, losses, labels, family):
    """Each weight by its own pass and its own output of V."""
    weights = [net(loss[None], family[label][None])[0, 0] for loss, label in zip(losses, labels, strict=True)]
    return torch.stack(weights)


def cmw_loop(model, step, net, optimizer, family):
    """The paper's algorithm: virtual step with V's weights, V's step, the real step with V's new weights."""
    weights = by_hand(net, losses_of(model, step).detach(), step.labels, family)
    loss = clean_loss_after(model, losses_of(model, step), weights / BATCH, step.meta_batch, LR)
    optimizer.zero_grad()
    loss.backward(inputs=list(net.parameters()))
    optimizer.step()
    with torch.no_grad():
        return by_hand(net, losses_of(model, step).detach(), step.labels, family) / BATCH


def test_three_steps_end_where_the_papers_loop_does():
    method, net, adam = new()
    assert method.family.tolist() == [2, 1, 1, 0]
    model, twin = small_model(), small_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    for k in range(STEPS):
        step = make_step(model, seed=k, lr=optimizer)
        real_step(twin, cmw_loop(twin, step, net, adam, method.family), step, LR)
        take_step(step, method, optimizer)
        torch.testing.assert_close(
            dict(model.named_parameters()), dict(twin.named_parameters()), rtol=1e-10, atol=1e-12
        )


def test_with_one_family_it_is_meta_weight_net():
    method, net, adam = new(families=1)
    alone = lambda losses: net.of_all_families(losses)  # noqa: E731  (V as MWNet calls it)
    alone.parameters = net.parameters
    model, twin = small_model(), small_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    for k in range(STEPS):
        step = make_step(model, seed=k, lr=optimizer)
        real_step(twin, mwnet_loop(twin, step, (alone, adam)), step, LR)
        take_step(step, method, optimizer)
        torch.testing.assert_close(
            dict(model.named_parameters()), dict(twin.named_parameters()), rtol=1e-10, atol=1e-12
        )


@pytest.mark.parametrize(
    ("counts", "families", "expected"),
    [
        ([5000, 4900, 500, 480, 50, 40], 3, [2, 2, 1, 1, 0, 0]),
        ([40, 50, 500], 2, [0, 0, 1]),
        ([100, 100, 100], 3, [0, 0, 0]),
        ([100, 7, 100], 3, [1, 0, 1]),
        ([3, 2, 1], 1, [0, 0, 0]),
    ],
)
def test_classes_of_similar_size_are_a_family(counts, families, expected):
    assert class_families(torch.tensor(counts), families).tolist() == expected


def test_the_task_gives_the_families_and_each_curve_is_recorded():
    training = gdw.Training(gdw.Experiment(method="cmw-net", imbalance=0.1, rate=0.2, epochs=2))
    list(training.events())
    counts = torch.bincount(training.task.train.labels, minlength=10)
    assert torch.equal(training.method.family, class_families(counts, 3))
    curves = training.history["family_curves"]
    assert curves.shape == (2, 3, 33)
    assert (curves[1] != curves[0]).any()
