"""CMW-Net against a slow loop by double backward; its families; one family is Meta-Weight-Net."""

from copy import deepcopy

import pytest
import torch
from torch.func import functional_call
from torch.nn.functional import cross_entropy

import gdw
from gdw.methods import CMWNet
from gdw.methods.cmw_net import class_families
from gdw.training.stepping import take_step
from tests.methods.helpers import BATCH, CLASSES, begun, make_step, small_model
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


def divided_loss(model, step, net, family, average):
    """The published code for unbalanced classes: the weighted losses over the sum of the weights, a constant."""
    losses = losses_of(model, step)
    weights = by_hand(net, losses.detach(), step.labels, family)
    return (weights * losses).sum() / weights.sum().detach()


def own_label_loss(model, step, net, family, average):
    """The published code for wrong labels: the rest of each weight goes to the averaged model's own labels."""
    losses = losses_of(model, step)
    weights = by_hand(net, losses.detach(), step.labels, family)
    own = average(step.images).softmax(-1).detach()
    to_own = -(own * model(step.images).log_softmax(-1)).sum(-1)
    return (weights * losses + (1 - weights) * to_own).mean()


def double_backward_step(loss, twin, step, net, adam, family, average):
    """Virtual step on the loss, V's step by double backward, then the real step on the loss with the new V."""
    names, values = zip(*twin.named_parameters(), strict=True)
    gradients = torch.autograd.grad(loss(twin, step, net, family, average), values, create_graph=True)
    ahead = {name: v - LR * g for name, v, g in zip(names, values, gradients, strict=True)}
    images, labels = step.meta_batch
    adam.zero_grad()
    cross_entropy(functional_call(twin, ahead, (images,)), labels).backward(inputs=list(net.parameters()))
    adam.step()
    gradients = torch.autograd.grad(loss(twin, step, net, family, average), values)
    with torch.no_grad():
        for value, gradient in zip(values, gradients, strict=True):
            value -= LR * gradient


@pytest.mark.parametrize(
    ("settings", "loss", "keep"),
    [({"divide_by_weights": True}, divided_loss, 0.0), ({"own_labels": 0.9}, own_label_loss, 0.9)],
)
def test_six_steps_end_where_the_published_losses_do(settings, loss, keep):
    method, net, adam = new(**settings)
    model, twin = small_model(), small_model()
    average, optimizer = deepcopy(twin), torch.optim.SGD(model.parameters(), lr=LR)
    for k in range(6):
        step = make_step(model, seed=k, lr=optimizer)
        double_backward_step(loss, twin, step, net, adam, method.family, average)
        with torch.no_grad():
            for kept, parameter in zip(average.parameters(), twin.parameters(), strict=True):
                kept.mul_(keep).add_((1 - keep) * parameter)
        take_step(step, method, optimizer)
        for ours, theirs in ((model, twin), (method.weight_net, net)):
            torch.testing.assert_close(
                dict(ours.named_parameters()), dict(theirs.named_parameters()), rtol=1e-10, atol=1e-12
            )


def gradient_of(**settings):
    return new(**settings)[0].logit_gradient(make_step())


def test_divided_by_its_weights_a_step_is_longer_by_one_over_their_mean():
    weights = new()[0].instance_weights(make_step())
    method = new(divide_by_weights=True)[0]
    torch.testing.assert_close(method.shares(make_step()), weights / weights.mean())
    assert method.shares(make_step()).sum().item() == pytest.approx(BATCH)


def test_own_labels_of_the_model_itself_send_nothing_back():
    """An average that keeps nothing is the model: ``z = probs``, and only the weighted flows are left."""
    method = new(own_labels=1e-300)[0]
    torch.testing.assert_close(method.logit_gradient(make_step()), gradient_of())
    torch.testing.assert_close(gradient_of(own_labels=0.9), gradient_of())  # at the first step the average is the model


def test_with_own_labels_the_weights_sum_to_the_batch_already():
    assert torch.equal(gradient_of(own_labels=0.9, divide_by_weights=True), gradient_of(own_labels=0.9))


@pytest.mark.parametrize("settings", [{"divide_by_weights": True}, {"own_labels": 0.9}])
def test_a_run_captured_or_saved_in_the_middle_gives_the_same_numbers(settings):
    gdw.methods.check(CMWNet, settings)


def test_a_new_phase_starts_a_new_average():
    training = gdw.Training(gdw.Experiment(method="cmw-net", epochs=1, settings={"own_labels": 0.9}))
    list(training.events())
    assert set(training.method.average) == set(dict(training.model.named_parameters()))
    assert all(not torch.equal(training.method.average[n], p) for n, p in training.model.named_parameters())
    begun(training.method, training.task, model=training.model)
    assert training.method.average == {}


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
