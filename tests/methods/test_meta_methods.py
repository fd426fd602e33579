"""Methods that ask the clean set, against slow float64 loops written from their papers, by double backward."""

from copy import deepcopy

import pytest
import torch
from torch.func import functional_call
from torch.nn.functional import cross_entropy, one_hot

from gdw.methods import INSW, L2RW, MLC, CMWNet, MWNet
from gdw.training.stepping import take_step
from tests.methods.helpers import BATCH, CLASSES, make_step, new, small_model

LR = 0.5
COUNTS = [50, 20, 21, 1]


def losses_of(model, step):
    return torch.stack([
        cross_entropy(model(image[None]), label[None]) for image, label in zip(step.images, step.labels, strict=True)
    ])  # fmt: skip


def clean_loss_after(model, loss, step):
    """L_meta at theta - LR * d loss / d theta, with the graph to what the loss depends on."""
    names, values = zip(*model.named_parameters(), strict=True)
    gradients = torch.autograd.grad(loss, values, create_graph=True)
    virtual = {name: v - LR * g for name, v, g in zip(names, values, gradients, strict=True)}
    images, labels = step.meta_batch
    return cross_entropy(functional_call(model, virtual, (images,)), labels)


class Loop:
    """One paper's step on a model of its own: a step of what weighs the loss, then a step of the model.

    ``loss(step)`` has a graph to the weighing network; ``net`` learns by Adam, ``fresh`` if it does so before the
    model's own step.
    """

    net, fresh, steps = None, True, 3

    def __init__(self, model, method):
        self.model = model
        for name in ("weight_net", "label_net"):
            if hasattr(method, name):
                self.net = deepcopy(getattr(method, name))
                decay = 1e-4 if name == "weight_net" else 0.0
                self.adam = torch.optim.Adam(self.net.parameters(), lr=1e-2, weight_decay=decay)

    def learn(self, step):
        self.adam.zero_grad()
        clean_loss_after(self.model, self.loss(step), step).backward(inputs=list(self.net.parameters()))
        self.adam.step()

    def take_step(self, step):
        values = list(self.model.parameters())
        before = None if self.fresh else torch.autograd.grad(self.loss(step), values)
        self.learn(step)
        gradients = before or torch.autograd.grad(self.loss(step), values)
        with torch.no_grad():
            for value, gradient in zip(values, gradients, strict=True):
                value -= LR * gradient


class L2RWLoop(Loop):
    """Weights of 0, moved against their gradient and cut off below 0."""

    def loss(self, step):
        return (self.weights * losses_of(self.model, step)).sum()

    def learn(self, step):
        self.weights = torch.zeros(BATCH, dtype=torch.float64, requires_grad=True)  # epsilon
        (gradient,) = torch.autograd.grad(clean_loss_after(self.model, self.loss(step), step), self.weights)
        kept = torch.tensor([max(0.0, -g) for g in gradient.tolist()], dtype=torch.float64)
        self.weights = kept / kept.sum()


class INSWLoop(Loop):
    """Softmax over the batch; phi moves against its gradient over the batch's mean absolute gradient."""

    def __init__(self, model, method):
        super().__init__(model, method)
        self.phi = torch.zeros(40, dtype=torch.float64)

    def loss(self, step):
        return (self.own.softmax(0) * losses_of(self.model, step)).sum()

    def learn(self, step):
        self.own = self.phi[step.indices].requires_grad_()
        (gradient,) = torch.autograd.grad(clean_loss_after(self.model, self.loss(step), step), self.own)
        self.own = (self.own - 0.5 * gradient / gradient.abs().mean()).detach()
        self.phi[step.indices] = self.own


class MWNetLoop(Loop):
    """Algorithm 1: virtual step with V's weights, V's step, the real step with V's new weights."""

    def weights(self, losses, step):
        return self.net(losses.detach())[:, 0]

    def loss(self, step):
        losses = losses_of(self.model, step)
        return self.weighted(self.weights(losses, step), losses, step)

    def weighted(self, weights, losses, step):
        return (weights * losses).mean()


class CMWNetLoop(MWNetLoop):
    """Each weight by its own pass and its own output of V, that of the family of its class."""

    steps = 6

    def __init__(self, model, method):
        super().__init__(model, method)
        self.family = method.family

    def weights(self, losses, step):
        pairs = zip(losses.detach(), step.labels, strict=True)
        return torch.stack([self.net(loss[None], self.family[label][None])[0, 0] for loss, label in pairs])


class OneFamilyLoop(MWNetLoop):
    """CMW-Net with one family is Meta-Weight-Net."""

    def weights(self, losses, step):
        return self.net.of_all_families(losses.detach())[:, 0]


class DividedLoop(CMWNetLoop):
    """The published code for unbalanced classes: the weighted losses over the sum of the weights, a constant."""

    def weighted(self, weights, losses, step):
        return (weights * losses).sum() / weights.sum().detach()


class OwnLabelsLoop(CMWNetLoop):
    """The published code for wrong labels: the rest of each weight goes to the averaged model's own labels."""

    def __init__(self, model, method):
        super().__init__(model, method)
        self.average = deepcopy(model)

    def weighted(self, weights, losses, step):
        own = self.average(step.images).softmax(-1).detach()
        to_own = -(own * self.model(step.images).log_softmax(-1)).sum(-1)
        return (weights * losses + (1 - weights) * to_own).mean()

    def take_step(self, step):
        super().take_step(step)
        with torch.no_grad():
            for kept, parameter in zip(self.average.parameters(), self.model.parameters(), strict=True):
                kept.mul_(0.9).add_(0.1 * parameter)


class MLCLoop(Loop):
    """Virtual step on the targets, the network's step, the real step on the targets from before it."""

    fresh = False

    def loss(self, step):
        log_probs = self.model(step.images).log_softmax(-1)
        targets = self.net(log_probs.detach().exp(), one_hot(step.labels, CLASSES).double())
        return -(targets * log_probs).sum(-1).mean()


NET = {"weight_net_lr": 1e-2}
CMW = {**NET, "class_counts": COUNTS}
CASES = {
    "l2rw": (L2RW, {}, L2RWLoop),
    "insw": (INSW, {"weight_lr": 0.5}, INSWLoop),
    "mwnet": (MWNet, NET, MWNetLoop),
    "cmw-net": (CMWNet, CMW, CMWNetLoop),
    "cmw-net, one family": (CMWNet, {**CMW, "families": 1}, OneFamilyLoop),
    "cmw-net, divided": (CMWNet, {**CMW, "divide_by_weights": True}, DividedLoop),
    "cmw-net, own labels": (CMWNet, {**CMW, "own_labels": 0.9}, OwnLabelsLoop),
    "mlc": (MLC, {"label_net_lr": 1e-2}, MLCLoop),
}


@pytest.mark.parametrize("name", CASES)
def test_the_first_steps_end_where_the_papers_loop_does(name):
    kind, settings, paper = CASES[name]
    model, twin, method = small_model(), small_model(), new(kind, **settings)
    loop, optimizer = paper(twin, method), torch.optim.SGD(model.parameters(), lr=LR)
    for k in range(loop.steps):
        indices = torch.randperm(40, generator=torch.Generator().manual_seed(k))[:BATCH]
        step = make_step(model, seed=k, lr=optimizer, indices=indices)
        loop.take_step(step)
        take_step(step, method, optimizer)
        pairs = [(model, twin)]
        if loop.net is not None:
            pairs.append((method.label_net if name == "mlc" else method.weight_net, loop.net))
        for ours, theirs in pairs:
            found, expected = dict(ours.named_parameters()), dict(theirs.named_parameters())
            torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)
    if name == "insw":
        torch.testing.assert_close(method.phi.detach(), loop.phi)
        assert loop.phi.count_nonzero() > BATCH  # instances of other batches keep what they had


def test_l2rw_leaves_the_model_alone_where_no_instance_helps():
    """A clean batch that is the training batch with every other label: following any instance hurts."""
    model = small_model()
    step = make_step(model)
    first = step.images[:1].expand(12, -1)
    clean = first[:1], (step.labels[:1] + 1) % CLASSES
    hurtful = type(step)(model, first, step.labels[:1].expand(12), meta_batch=clean, lr=LR)
    assert L2RW(CLASSES).logit_gradient(hurtful).abs().max() == 0


def test_l2rw_weights_sum_to_what_is_asked():
    step = make_step()
    papers, half = (new(L2RW, total=total) for total in (1.0, 0.5))
    weights = papers.logit_gradient(step) / step.flows
    torch.testing.assert_close(weights[:, 0].sum(), torch.tensor(1.0, dtype=torch.float64))
    torch.testing.assert_close(half.logit_gradient(step), 0.5 * papers.logit_gradient(step))
    with pytest.raises(ValueError, match="total"):
        L2RW(CLASSES, total=0.0)
