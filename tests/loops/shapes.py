"""Batches and models of every shape that people have, each as a flat problem that plain tensors can state too."""

from collections import namedtuple

import torch
from torch import nn
from torch.nn.functional import cross_entropy

CLASSES, FEATURES, ROWS, META = 3, 4, 6, 5
Pair = namedtuple("Pair", "x scale")


class Net(nn.Module):
    """Takes two arguments; ``scale`` may be left out."""

    def __init__(self, out=CLASSES):
        super().__init__()
        self.inner, self.out = nn.Linear(FEATURES, 7), nn.Linear(7, out)

    def forward(self, x, scale=None):
        x = self.inner(x).tanh()
        return self.out(x if scale is None else x * scale)


class Named(Net):
    """Returns an object with logits, as Hugging Face's models do."""

    Output = namedtuple("Output", "loss logits")

    def forward(self, x, scale=None):
        return self.Output(None, super().forward(x, scale))


class OneArgument(Net):
    """Takes a named tuple whole."""

    def forward(self, pair):
        return super().forward(pair.x, pair.scale)


class Pixels(nn.Module):
    """[B, 4, 3, 2] to classes for each of six pixels, [B, C, 3, 2]."""

    def __init__(self, out=CLASSES):
        super().__init__()
        self.inner, self.out = nn.Conv2d(FEATURES, 5, 3, padding=1), nn.Conv2d(5, out, 1)

    def forward(self, x):
        return self.out(self.inner(x).tanh())


class Tokens(nn.Module):
    """[B, 5, 4] to classes for each of five tokens, [B, 5, C]."""

    def __init__(self):
        super().__init__()
        self.net = Net()

    def forward(self, x):
        return self.net(x)


class Squeezed(Net):
    """One logit for each instance, [B]."""

    def forward(self, x, scale=None):
        return super().forward(x, scale)[:, 0]


def made(kind, *arguments):
    torch.manual_seed(0)
    return kind(*arguments).double()


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def classes(*shape, seed=0, of=CLASSES):
    return torch.randint(of, shape, generator=torch.Generator().manual_seed(seed))


def soft(*shape, seed=0):
    return numbers(*shape, CLASSES, seed=seed).softmax(-1)


def textbook(model, batch, meta_batch, weights, lr):
    """``d L_meta / d weights`` by a double backward with torch alone.

    Args:
        batch, meta_batch: a function of the model that gives ``[rows, classes]``, and what each row should be.
    """
    (logits_of, wanted), (meta_logits_of, meta_wanted) = batch, meta_batch
    parameters = dict(model.named_parameters())
    logits, weights = logits_of(model), weights.clone().requires_grad_()
    target = wanted if wanted.is_floating_point() else nn.functional.one_hot(wanted, logits.shape[-1])
    flows = logits.detach().softmax(-1) - target
    sent = (weights * flows * logits).sum() / len(logits)
    gradients = torch.autograd.grad(sent, list(parameters.values()), create_graph=True)
    ahead = {name: p - lr * g for (name, p), g in zip(parameters.items(), gradients, strict=True)}

    def moved(*args, **named):
        return torch.func.functional_call(model, ahead, args, named)

    return torch.autograd.grad(cross_entropy(meta_logits_of(moved), meta_wanted), weights)[0]
