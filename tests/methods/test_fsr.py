"""FSR: weights and margins against the textbook's graph, the dictionary by hand, and its schedule."""

import pytest
import torch
from torch.func import functional_call
from torch.nn.functional import cross_entropy

import gdw
from gdw.methods import FSR
from gdw.methods.fsr import largest_by_class
from gdw.methods.l2rw import TINY
from tests.methods.helpers import BATCH, CLASSES, FEATURES, batch, begun, labels_task, make_step, small_model

TRAIN = 40


def task(seed=3):
    images, labels = batch(TRAIN, seed)
    return labels_task(labels, images=images)


def method(own_task=None, **settings):
    made = FSR(CLASSES, TRAIN, **{"per_class": 3, "warm_up": 0, **settings}).double()
    return begun(made, own_task or task(), model=small_model())


def by_double_backward(step, images, labels):
    """The gradient of the dictionary's loss with respect to equal weights, and the losses after that virtual step."""
    parameters = dict(step.model.named_parameters())
    weights = torch.ones(len(step), dtype=torch.float64, requires_grad=True)
    losses = cross_entropy(step.model(step.images), step.labels, reduction="none")
    gradients = torch.autograd.grad((weights * losses).sum() / len(step), list(parameters.values()), create_graph=True)
    ahead = {name: p - step.lr * g for (name, p), g in zip(parameters.items(), gradients, strict=True)}
    loss = cross_entropy(functional_call(step.model, ahead, (images,)), labels)
    (gradient,) = torch.autograd.grad(loss, weights, retain_graph=True)
    after = cross_entropy(functional_call(step.model, ahead, (step.images,)), step.labels, reduction="none")
    return gradient, after.detach()


def test_weights_and_margins_are_those_of_the_textbook():
    step, own_task = make_step(), task()
    own = method(own_task, total=0.7, momentum=0.25)
    own.margins.copy_(torch.linspace(-1, 1, TRAIN, dtype=torch.float64))
    own.dictionary, before = None, own.margins.clone()
    found = own.logit_gradient(step)
    chosen = largest_by_class(before, own_task.train.labels, CLASSES, 3)
    gradient, after = by_double_backward(step, own_task.train.images[chosen], own_task.train.labels[chosen])
    weights = (-gradient).clamp_min(0)
    assert 0 < (weights > 0).sum() < BATCH
    torch.testing.assert_close(found, 0.7 * (weights / weights.sum())[:, None] * step.flows, rtol=1e-12, atol=1e-15)
    expected = 0.25 * before[:BATCH] + 0.75 * (step.losses - after)
    torch.testing.assert_close(own.margins[:BATCH], expected, rtol=1e-12, atol=1e-14)
    assert torch.equal(own.margins[BATCH:], before[BATCH:])


def test_it_never_asks_the_clean_set():
    step = make_step(meta_batch=lambda: pytest.fail("FSR asked for the clean set"))
    assert method().logit_gradient(step).isfinite().all()


def test_the_dictionary_holds_the_largest_margins_of_each_observed_class():
    labels = torch.tensor([0, 1, 0, 1, 0, 2])
    margins = torch.tensor([0.1, 0.5, 0.3, 0.5, 0.2, -1.0])
    assert largest_by_class(margins, labels, 4, 2).tolist() == [2, 4, 1, 3, 5, 5]  # 5 twice; nothing is of class 3
    equal = torch.zeros(1000)
    assert largest_by_class(equal, torch.zeros(1000, dtype=torch.int64), 1, 4).tolist() == [0, 1, 2, 3]


def test_equal_weights_until_the_warm_up_ends_but_margins_from_the_start():
    own = method(warm_up=2)
    for epoch in (0, 1):
        step = make_step(epoch=epoch)
        torch.testing.assert_close(own.logit_gradient(step), step.flows / BATCH)
    assert (own.margins[:BATCH] != 0).all()
    step = make_step(epoch=2)
    assert not torch.allclose(own.logit_gradient(step), step.flows / BATCH)


def test_a_dictionary_lasts_for_an_epoch():
    own = method()
    own.logit_gradient(make_step(epoch=0))
    first = own.dictionary
    own.logit_gradient(make_step(epoch=0, seed=1))
    assert own.dictionary is first
    own.margins.copy_(torch.arange(TRAIN).double())
    own.logit_gradient(make_step(epoch=1))
    assert not torch.equal(own.dictionary[0], first[0])


def test_a_batch_that_only_raises_the_loss_of_the_dictionary_is_skipped():
    images = torch.ones(TRAIN, FEATURES, dtype=torch.float64)
    own, model = method(labels_task([0] * TRAIN, images=images)), small_model()
    torch.nn.init.zeros_(model[2].weight), torch.nn.init.zeros_(model[2].bias)  # all classes are equally probable
    step = gdw.Step(model, images[:4], torch.ones(4, dtype=torch.long), indices=torch.arange(4), lr=0.1, epoch=0)
    assert own.logit_gradient(step).abs().max() < TINY


def test_a_loaded_state_goes_on_in_its_epoch_and_says_what_it_lacks_for_the_next():
    own = method()
    own.logit_gradient(make_step())
    copy = FSR(CLASSES, TRAIN, per_class=3, warm_up=0).double()
    copy.load_state_dict(own.state_dict())
    step = make_step(seed=1)
    assert torch.equal(copy.logit_gradient(step), own.logit_gradient(step))
    with pytest.raises(ValueError, match=r"chooses its dictionary from the training set: call before\(model\)"):
        copy.logit_gradient(make_step(epoch=1))


def test_without_any_clean_image_it_is_far_better_than_cross_entropy_on_wrong_labels():
    small = {"rate": 0.6, "train_per_class": 40}
    ours = gdw.run(gdw.Experiment(method="fsr", settings={"total": 0.3}, **small))
    plain = gdw.run(gdw.Experiment(method="cross-entropy", **small))
    assert ours.accuracy > plain.accuracy + 5
