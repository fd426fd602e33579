"""L2RW, INSW and MWNet against slow float64 loops written from their papers, by double backward."""

from copy import deepcopy

import pytest
import torch
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from gdw.methods import INSW, L2RW, MWNet
from gdw.training.stepping import take_step
from tests.methods.helpers import BATCH, CLASSES, make_step, small_model

STEPS, LR = 3, 0.5


def clean_loss_after(model, losses, weights, meta_batch, lr):
    """L_meta at theta - lr * d/dtheta sum_i weights_i loss_i, with the graph to the weights."""
    names, values = zip(*model.named_parameters(), strict=True)
    gradients = torch.autograd.grad((weights * losses).sum(), values, create_graph=True)
    virtual = {name: v - lr * g for name, v, g in zip(names, values, gradients, strict=True)}
    return cross_entropy(functional_call(model, virtual, (meta_batch[0],)), meta_batch[1])


def losses_of(model, step):
    return torch.stack([
        cross_entropy(model(image[None]), label[None]) for image, label in zip(step.images, step.labels, strict=True)
    ])  # fmt: skip


def real_step(model, weights, step, lr):
    loss = (weights.detach() * losses_of(model, step)).sum()
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    with torch.no_grad():
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            parameter -= lr * gradient


def l2rw_loop(model, step, state):
    weights = torch.zeros(BATCH, dtype=torch.float64, requires_grad=True)  # epsilon, at 0
    loss = clean_loss_after(model, losses_of(model, step), weights, step.meta_batch, LR)
    (gradient,) = torch.autograd.grad(loss, weights)
    kept = torch.tensor([max(0.0, -g) for g in gradient.tolist()], dtype=torch.float64)
    return kept / kept.sum()


def mwnet_loop(model, step, state):
    """Algorithm 1: virtual step with V's weights, V's step, the real step with V's new weights."""
    net, optimizer = state
    weights = net(losses_of(model, step).detach())[:, 0]
    loss = clean_loss_after(model, losses_of(model, step), weights / BATCH, step.meta_batch, LR)
    optimizer.zero_grad()
    loss.backward(inputs=list(net.parameters()))
    optimizer.step()
    with torch.no_grad():
        return net(losses_of(model, step).detach())[:, 0] / BATCH


def insw_loop(model, step, phi):
    """Softmax over the batch; phi moves against its gradient over the batch's mean absolute gradient."""
    own = phi[step.indices].detach().requires_grad_()
    loss = clean_loss_after(model, losses_of(model, step), own.softmax(0), step.meta_batch, LR)
    (gradient,) = torch.autograd.grad(loss, own)
    phi[step.indices] = (own - 0.5 * gradient / gradient.abs().mean()).detach()
    return phi[step.indices].softmax(0)


def new_mwnet():
    method = MWNet(CLASSES, generator=torch.Generator().manual_seed(0), weight_net_lr=1e-2).double()
    net = deepcopy(method.weight_net)
    return method, (net, torch.optim.Adam(net.parameters(), lr=1e-2, weight_decay=1e-4))


CASES = {
    "l2rw": (lambda: (L2RW(CLASSES), None), l2rw_loop),
    "mwnet": (new_mwnet, mwnet_loop),
    "insw": (lambda: (INSW(CLASSES, 40, weight_lr=0.5).double(), torch.zeros(40, dtype=torch.float64)), insw_loop),
}


@pytest.mark.parametrize("name", CASES)
def test_three_steps_end_where_the_papers_loop_does(name):
    make, loop = CASES[name]
    method, state = make()
    model, twin = small_model(), small_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    for k in range(STEPS):
        indices = torch.randperm(40, generator=torch.Generator().manual_seed(k))[:BATCH]
        step = make_step(model, seed=k, lr=optimizer, indices=indices)
        real_step(twin, loop(twin, step, state), step, LR)
        take_step(step, method, optimizer)
        torch.testing.assert_close(
            dict(model.named_parameters()), dict(twin.named_parameters()), rtol=1e-10, atol=1e-12
        )
    if name == "insw":
        torch.testing.assert_close(method.phi.detach(), state)
        assert state.count_nonzero() > BATCH  # instances of other batches keep what they had


def test_l2rw_leaves_the_model_alone_where_no_instance_helps():
    """A clean batch that is the training batch with every other label: following any instance hurts."""
    model = small_model()
    step = make_step(model)
    first = step.images[:1].expand(12, -1)
    step = make_step(model, meta_batch=(first[:1], (step.labels[:1] + 1) % CLASSES))
    hurtful = type(step)(model, first, step.labels[:1].expand(12), meta_batch=step.meta_batch, lr=0.5)
    assert L2RW(CLASSES).logit_gradient(hurtful).abs().max() == 0


def test_insw_asks_for_the_size_of_the_data_and_for_indices():
    with pytest.raises(ValueError, match="num_instances"):
        INSW(CLASSES)
    with pytest.raises(ValueError, match="indices"):
        INSW(CLASSES, 40).double().logit_gradient(make_step(indices=None))


def test_l2rw_weights_sum_to_what_is_asked():
    step = make_step()
    papers, half = (L2RW(CLASSES, total=total).double() for total in (1.0, 0.5))
    weights = papers.logit_gradient(step) / step.flows
    torch.testing.assert_close(weights[:, 0].sum(), torch.tensor(1.0, dtype=torch.float64))
    torch.testing.assert_close(half.logit_gradient(step), 0.5 * papers.logit_gradient(step))
    with pytest.raises(ValueError, match="total"):
        L2RW(CLASSES, total=0.0)
