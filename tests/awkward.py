"""Small models for tests of the meta gradient, many of them awkward; in float64 from a fixed start."""

import random
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize
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


class Scaled(nn.Module):
    """Batched products with factors of their own: ``beta * shift + alpha * x @ weight``."""

    def __init__(self):
        super().__init__()
        self.weight, self.shift = nn.Parameter(torch.rand(1, 8, CLASSES)), nn.Parameter(torch.ones(1, 1, CLASSES))

    def forward(self, x):
        return torch.baddbmm(self.shift, x[None], self.weight, beta=2, alpha=0.5)[0]


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


class UnderTwoNames(TwoLayers):
    """The layer between is registered twice; or not, which is the same network."""

    def __init__(self, layer, twice=True):
        super().__init__()
        self.middle = layer()
        if twice:
            self.again = self.middle

    def between(self, x):
        return self.middle(x).tanh()


class Heads(TwoLayers):
    """A list that holds one layer twice, both times used."""

    def __init__(self, twice=True):
        super().__init__()
        self.heads = nn.ModuleList([self.middle, self.middle] if twice else [])
        self.twice = twice

    def between(self, x):
        return sum(head(x) for head in (self.heads if self.twice else [self.middle] * 2)).tanh()


class Wrapper(nn.Module):
    """What training frameworks do: the network inside, a part of it under a name of its own, attributes passed on."""

    def __init__(self, module):
        super().__init__()
        self.backbone = module.inner
        self.module = module

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.module, name)

    def forward(self, x):
        return self.module(x)


class Adapted(TwoLayers):
    """A frozen layer and a small trained one beside it (LoRA); the frozen one keeps its old name too."""

    def __init__(self, twice=True):
        super().__init__()
        self.down, self.up = nn.Linear(8, 2, bias=False), nn.Linear(2, 8, bias=False)
        self.middle.requires_grad_(False)
        if twice:
            self.adapters = nn.ModuleDict({"base": self.middle, "down": self.down})

    def between(self, x):
        return (self.middle(x) + self.up(self.down(x))).tanh()


class OneParameterTwice(TwoLayers):
    """A parameter and a buffer, each registered in two modules."""

    def __init__(self, twice=True):
        super().__init__()
        self.register_buffer("scale", torch.linspace(0.5, 1.5, 8))
        self.twice = twice
        if twice:
            self.shared = self.middle.weight
            self.out.register_buffer("scale", self.scale)

    def between(self, x):
        weight, scale = (self.shared, self.out.scale) if self.twice else (self.middle.weight, self.scale)
        return functional.linear(self.middle(x).tanh(), weight) * scale


class Symmetric(nn.Module):
    def forward(self, weight):
        return weight + weight.mT


def symmetric():
    layer = nn.Linear(8, 8)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    return layer


class InAList(TwoLayers):
    """A parameter reached past its module, from a plain list."""

    def __init__(self):
        super().__init__()
        self.kept = [self.middle.weight]

    def between(self, x):
        return functional.linear(x, self.kept[0]).tanh()


class Tanh(torch.autograd.Function):
    """The hyperbolic tangent by hand. Subclasses get one thing wrong each."""

    @staticmethod
    def forward(x):
        return x.tanh()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)
        ctx.save_for_forward(output)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * (1 - ctx.saved_tensors[0] ** 2)

    @staticmethod
    def jvp(ctx, tangent):
        return tangent * (1 - ctx.saved_tensors[0] ** 2)


class HidesAll(Tanh):
    jvp = torch.autograd.Function.jvp

    @staticmethod
    def backward(ctx, gradient):
        return gradient.data * (1 - ctx.saved_tensors[0] ** 2)


class HidesHalf(Tanh):
    jvp = torch.autograd.Function.jvp

    @staticmethod
    def backward(ctx, gradient):
        return Tanh.backward(ctx, gradient / 2 + gradient.detach() / 2)


class ByNumpy(Tanh):
    jvp = torch.autograd.Function.jvp

    @staticmethod
    def backward(ctx, gradient):
        return torch.from_numpy(gradient.detach().numpy() * (1 - ctx.saved_tensors[0].detach().numpy() ** 2))


class Once(Tanh):
    jvp = torch.autograd.Function.jvp
    backward = staticmethod(torch.autograd.function.once_differentiable(Tanh.backward))


class WrongTangent(Tanh):
    @staticmethod
    def jvp(ctx, tangent):
        return tangent


class StraightThrough(Tanh):
    """On purpose: what goes back passes unchanged, as through a rounding."""

    @staticmethod
    def backward(ctx, gradient):
        return gradient.clone()


class ByHand(TwoLayers):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def between(self, x):
        return self.function.apply(self.middle(x))


class ClippedGradient(TwoLayers):
    """A hook clips what goes back: no longer linear in what was sent."""

    def between(self, x):
        x = super().between(x)
        if x.requires_grad:
            x.register_hook(lambda gradient: gradient.clamp(-1e-3, 1e-3))
        return x


class ScaledGradient(TwoLayers):
    """A hook on a tensor halves what goes back."""

    def between(self, x):
        x = super().between(x)
        if x.requires_grad:
            x.register_hook(lambda gradient: gradient / 2)
        return x
