"""``method.loss(step)``: its backward pass is that of the method's gradient, for every method; and soft labels."""

import re

import pytest
import torch

from gdw import Step
from gdw.methods import METHODS
from tests.methods.helpers import CLASSES, batch, begun, labels_task, make_step, new, small_model
from tests.methods.test_own_loop import BY_PHASES, GIVEN

INSTANCES = 40  # as tests.methods.helpers.new has them
EPOCH = 30  # late enough for every schedule
NEED_CLASSES = {
    "focal", "gce", "class-balanced", "ldam-drw", "seesaw", "importance", "noise-layer", "glc", "sop", "cmw-net",
}  # fmt: skip
OWN = [name for name in METHODS if name not in BY_PHASES[:3]]  # the others give no gradient themselves


def ready(name):
    """A method that may take a step in a loop of one's own."""
    images, labels = batch(INSTANCES, seed=9)
    method = new(METHODS[name], **GIVEN.get(name, {}))
    if name in ("ldam-drw", "fsr"):
        begun(method, labels_task(labels, images=images), 40, small_model())
    return method


def steps(name, send, count=4, **given):
    """All parameters after some steps."""
    model, method = small_model(), ready(name)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for k in range(count):
        step = make_step(model, seed=k, lr=optimizer, epoch=EPOCH, **given)
        optimizer.zero_grad()
        send(method, step)
        optimizer.step()
    return torch.nn.utils.parameters_to_vector([*model.parameters(), *method.parameters()])


@pytest.mark.parametrize("given", [{}, {"save_memory": True}], ids=str)
@pytest.mark.parametrize("name", OWN)
def test_the_loss_sends_back_what_the_gradient_does(name, given):
    expected = steps(name, lambda method, step: step.logits.backward(method.logit_gradient(step)), **given)
    assert torch.equal(steps(name, lambda method, step: method.loss(step).backward(), **given), expected)


def test_its_value_is_the_mean_cross_entropy():
    step = make_step()
    torch.testing.assert_close(ready("gdw").loss(step), step.losses.mean())


def test_scaled_and_added():
    """As a GradScaler, gradient accumulation and a second loss have it."""

    def scaled(method, step):
        loss = method.loss(step) + 0.01 * sum(p.square().sum() for p in step.model.parameters())
        (1024 * loss).backward()
        for parameter in step.model.parameters():
            parameter.grad /= 1024

    def at_once(method, step):
        step.logits.backward(method.logit_gradient(step))
        for parameter in step.model.parameters():
            parameter.grad += 0.02 * parameter.detach()

    torch.testing.assert_close(steps("gdw", scaled), steps("gdw", at_once), rtol=0, atol=1e-12)


def test_under_autocast_a_scaled_loss_does_not_overflow():
    """float16 ends at 65504, and a GradScaler begins with a factor of 65536."""
    model = small_model().float()
    (images, labels), (meta_images, meta_labels) = batch(), batch(5)
    with torch.autocast("cpu", torch.float16):
        step = Step(model, images.float(), labels, meta_batch=(meta_images.float(), meta_labels), lr=0.1)
        loss = ready("gdw").float().loss(step)
    (65536.0 * loss).backward()
    assert step.logits.dtype == torch.float16
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def soft_step(model=None, **given):
    images, labels = batch()
    mixed = 0.7 * torch.eye(CLASSES).double()[labels] + 0.3 * torch.eye(CLASSES).double()[labels.flip(0)]
    given = {"indices": torch.arange(len(labels)), "meta_batch": batch(5, seed=100), "lr": 0.5} | given
    return Step(model or small_model(), images, mixed, epoch=EPOCH, **given), mixed


@pytest.mark.parametrize("name", OWN)
def test_soft_labels_give_flows_or_a_sentence(name):
    (step, mixed), method = soft_step(), ready(name)
    if name in NEED_CLASSES:
        with pytest.raises(ValueError, match="needs one observed class .* soft labels"):
            method.logit_gradient(step)
        return
    torch.testing.assert_close(step.flows, step.probs - mixed)
    gradient = method.logit_gradient(step)
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0
    torch.testing.assert_close(gradient.sum(-1), torch.zeros(len(step)).double(), rtol=0, atol=1e-12)


def test_the_sentence_names_methods_that_take_soft_labels():
    with pytest.raises(ValueError, match="needs one observed class") as refused:
        print(soft_step()[0].labels)
    named = re.search(r"\((.*)\)$", str(refused.value)).group(1).split(", ")
    assert len(named) > 3
    assert set(named) <= set(METHODS) - NEED_CLASSES


def test_gdws_flows_of_soft_labels_sum_to_zero():
    step, _ = soft_step()
    weights = step.zero_mean(torch.rand(step.flows.shape, generator=torch.Generator().manual_seed(0)).double())
    assert (weights.std(-1) > 0).all()
    torch.testing.assert_close((weights * step.flows).sum(-1), torch.zeros(len(step)).double(), rtol=0, atol=1e-12)
    equal = torch.full_like(step.flows, 0.4)
    torch.testing.assert_close(step.zero_mean(equal), equal)
