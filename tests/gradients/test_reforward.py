"""A step that does not keep its graph ends where one that keeps it ends."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from gdw import Experiment, Step
from gdw.data.randomness import generator
from gdw.methods import GDW, CrossEntropy
from gdw.networks.classifiers import build_model
from gdw.training.stepping import take_step
from tests.runs import trained

CLASSES, BATCH, SHAPE = 4, 6, (3, 8, 8)


def batch(count=BATCH, seed=0, dtype=torch.float64):
    random = torch.Generator().manual_seed(seed)
    images = torch.randn(count, *SHAPE, generator=random, dtype=torch.float64)
    return images.to(dtype), torch.randint(CLASSES, (count,), generator=random)


def steps_taken(model, method, count=2, **how):
    """The model's state after two steps, with what a Step keeps set by ``how``."""
    model, method = copy.deepcopy(model), copy.deepcopy(method)
    dtype = next(model.parameters()).dtype
    optimizer = torch.optim.SGD((p for p in model.parameters() if p.requires_grad), lr=0.1, momentum=0.9)
    torch.manual_seed(3)  # of dropout
    for seed in range(count):
        meta_batch = batch(5, seed + 10, dtype)
        take_step(
            Step(model, *batch(seed=seed, dtype=dtype), meta_batch=meta_batch, lr=optimizer, **how), method, optimizer
        )
    return model.state_dict() | method.weight_net.state_dict() if isinstance(method, GDW) else model.state_dict()


def same(model, method, atol=1e-12):
    kept, made_again = steps_taken(model, method), steps_taken(model, method, save_memory=True)
    for name, value in kept.items():
        torch.testing.assert_close(made_again[name], value, rtol=0, atol=atol, msg=name)


def gdw():
    return GDW(num_classes=CLASSES, generator=torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize("name", ["mlp", "cnn", "resnet32"])
def test_the_course_models_and_their_running_statistics(name):
    same(build_model(name, SHAPE, CLASSES, generator(0, "model"), torch.float64), gdw())


def small(*layers):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 8), *layers, nn.Linear(8, CLASSES)).double()


def test_dropout_drops_the_same_units_in_all_three_passes():
    same(small(nn.Dropout(0.5), nn.ReLU()), gdw())


def test_frozen_parameters_and_those_that_no_virtual_step_moves():
    model = small(nn.ReLU())
    model[1].bias.requires_grad_(False)
    same(model, gdw())
    model = small(nn.ReLU())
    step = Step(
        model, *batch(), meta_batch=batch(5, 1), lr=torch.optim.SGD(model[3].parameters(), 0.1), save_memory=True
    )
    step.logits.backward(gdw().logit_gradient(step))
    assert model[1].weight.grad.abs().max() > 0  # in no group of the optimiser, and still reached


def test_a_method_without_a_meta_gradient_goes_forward_once():
    calls = []
    model = small(nn.ReLU())
    model.register_forward_hook(lambda *_: calls.append(1))
    step = Step(model, *batch(), save_memory=True)
    take_step(step, CrossEntropy(num_classes=CLASSES), torch.optim.SGD(model.parameters(), 0.1))
    assert len(calls) == 1


def test_a_gdw_step_goes_through_the_training_batch_twice_and_the_clean_batch_once():
    calls = []
    model = small(nn.ReLU())
    model.register_forward_hook(lambda _, images, __: calls.append(len(images[0])))
    steps_taken_by = Step(model, *batch(), meta_batch=batch(5, 1), lr=0.1, save_memory=True)
    steps_taken_by.logits.backward(gdw().logit_gradient(steps_taken_by))
    assert calls == [BATCH, 5, BATCH]


def test_gradients_as_often_as_one_likes():
    model = small(nn.ReLU())
    step = Step(model, *batch(), save_memory=True)
    for _ in range(3):
        (gradient,) = torch.autograd.grad(step.logits.sum(), model[1].weight, retain_graph=True)
        (expected,) = torch.autograd.grad(model(batch()[0]).sum(), model[1].weight)
        torch.testing.assert_close(gradient, expected)


def test_images_with_a_graph_are_refused_since_nothing_goes_back_past_them():
    encoder, model = nn.Linear(192, 192).double(), small(nn.ReLU())
    images, labels = batch()
    with pytest.raises(ValueError, match="save_memory computes the graph again from the images, and no gradient goes"):
        Step(model, encoder(images.flatten(1)), labels, save_memory=True)
    with pytest.raises(ValueError, match="save_memory computes the graph again"):
        Step(model, {"input": encoder(images.flatten(1))}, labels, save_memory=True)
    model[2].register_forward_hook(lambda module, given, output: output.detach().requires_grad_())  # a leaf of its own
    Step(model, images, labels, save_memory=True).logits.sum().backward()
    assert model[3].weight.grad is not None


def test_as_many_backward_passes_as_are_asked_for():
    model = small(nn.ReLU())
    step = Step(model, *batch(), save_memory=True)
    step.logits.sum().backward()
    step.logits.square().sum().backward()
    found = model[1].weight.grad.clone()
    model.zero_grad()
    logits = model(batch()[0])
    (logits.sum() + logits.square().sum()).backward()
    torch.testing.assert_close(found, model[1].weight.grad)


def test_a_parameter_that_was_changed_before_the_backward_pass_is_refused_by_torch():
    model = small(nn.ReLU())
    for spent in (False, True):
        step = Step(model, *batch(), save_memory=True)
        if spent:
            step.logits.sum().backward(retain_graph=True)
        with torch.no_grad():
            model[3].weight.mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            step.logits.sum().backward()


def test_under_autocast():
    model, images = small(nn.ReLU()).float(), batch(dtype=torch.float32)[0]
    labels = batch()[1]

    def gradients(save_memory):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            meta_batch = batch(5, 1, torch.float32)
            step = Step(model, images, labels, meta_batch=meta_batch, lr=0.1, save_memory=save_memory)
            gradient = gdw().float().logit_gradient(step)
        step.logits.backward(gradient.to(step.logits.dtype))
        return torch.nn.utils.parameters_to_vector([p.grad for p in model.parameters()])

    assert torch.equal(gradients(True), gradients(False))


def test_a_whole_run():
    ends = []
    for save_memory in (False, True):
        training = trained(Experiment(rate=0.6, epochs=2, precision="float64", save_memory=save_memory))
        ends.append(functional.normalize(torch.nn.utils.parameters_to_vector(training.model.parameters()), dim=0))
    torch.testing.assert_close(ends[1], ends[0], rtol=0, atol=1e-10)
