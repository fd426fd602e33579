"""Small models for tests of the meta gradient, many of them awkward; in float64 from a fixed start."""

import random
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

CLASSES = 4


def small(*layers):
    torch.manual_seed(0)
    return nn.Sequential(*layers).double()


class Recurrent(nn.Module):
    """An LSTM (or GRU) over tokens of four numbers: an LSTM in float32 is one operation without a forward-mode rule."""

    def __init__(self, kind=nn.LSTM):
        super().__init__()
        self.recurrent, self.out = kind(4, 5, batch_first=True), nn.Linear(5, CLASSES)

    def forward(self, x):
        return self.out(self.recurrent(x)[0][:, -1])


class Attention(nn.Module):
    """Eight tokens of four numbers, one attention head."""

    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(4, 12), nn.Linear(32, CLASSES)

    def forward(self, x):
        q, k, v = self.qkv(x)[:, None].chunk(3, dim=-1)  # fused kernels want an axis of heads
        return self.out(functional.scaled_dot_product_attention(q, k, v).flatten(1))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(8, 8)
        self.again = nn.Linear(8, 8)
        self.again.weight = self.inner.weight
        self.out = nn.Linear(8, CLASSES)

    def forward(self, x):
        return self.out(self.again(self.inner(x).tanh()).tanh())


class Functional(nn.Module):
    """Layers called as functions, with their arguments by name, and one layer used twice."""

    def __init__(self):
        super().__init__()
        self.inner, self.out = nn.Linear(8, 8), nn.Linear(8, CLASSES)

    def forward(self, x):
        x = functional.linear(input=x, weight=self.inner.weight, bias=self.inner.bias).relu()
        x = torch.relu(functional.linear(x, self.inner.weight))
        return self.out(functional.relu(self.inner(x)))


class FrozenScale(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.out = nn.BatchNorm1d(8), nn.Linear(8, CLASSES)
        self.norm.weight.requires_grad_(False)

    def forward(self, x):
        return self.out(self.norm(x))


class TwoLayers(nn.Module):
    """``out(between(tanh(inner(x))))``: what happens between is the subclass's."""

    def __init__(self):
        super().__init__()
        self.inner, self.middle, self.out = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, CLASSES)

    def between(self, x):
        return self.middle(x).tanh()

    def forward(self, x):
        return self.out(self.between(self.inner(x).tanh()))


# Before torch 2.12 activation checkpointing has no forward-mode rule: the meta gradient is taken by double backward.
CHECKPOINTS_HAVE_A_FORWARD_RULE = torch.__version__ >= (2, 12)


class Checkpointed(TwoLayers):
    def __init__(self, use_reentrant):
        super().__init__()
        self.use_reentrant = use_reentrant

    def between(self, x):
        return checkpoint(super().between, x, use_reentrant=self.use_reentrant)


class OwnGenerator(TwoLayers):
    """Drops units by a generator that no one else knows of."""

    def __init__(self):
        super().__init__()
        self.generator = torch.Generator().manual_seed(0)

    def between(self, x):
        return super().between(x) * (torch.rand(x.shape, generator=self.generator) > 0.5)


class PythonsRandom(TwoLayers):
    """Drops a whole layer, one time in two, by Python's own random numbers."""

    def between(self, x):
        return super().between(x) if random.random() > 0.5 else x


class Unused(TwoLayers):
    """One layer's parameters do not reach the logits."""

    def between(self, x):
        return x


class PartWithoutGradient(TwoLayers):
    """The usual way to freeze a part without ``requires_grad``."""

    def forward(self, x):
        with torch.no_grad():
            x = self.inner(x).tanh()
        return self.out(self.between(x))


class HookedGradient(TwoLayers):
    """A hook halves what goes back: the backward pass is no longer the derivative of the forward pass."""

    def __init__(self):
        super().__init__()
        self.middle.register_full_backward_hook(lambda module, inputs, outputs: (inputs[0] / 2,))


@dataclass
class Output:
    logits: Tensor
    loss: Tensor | None = None


class Returning(TwoLayers):
    """Returns its logits within something else."""

    def __init__(self, pack):
        super().__init__()
        self.pack = pack

    def forward(self, x):
        return self.pack(super().forward(x))
