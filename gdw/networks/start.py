"""How a network starts: every number from one generator, torch's global random state untouched."""

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from gdw.private import RANDOM_LOCK

Network = TypeVar("Network", bound=nn.Module)


def started(
    build: Callable[[], Network], generator: torch.Generator, dtype: torch.dtype, normal: bool = False
) -> Network:
    """A new module on the CPU, its numbers drawn from ``generator`` in float64 and from nowhere else."""
    with torch.device("meta"):  # shapes only: no memory, and no number drawn
        model = build()
    model = model.to(dtype).to_empty(device="cpu")
    initialise(model, generator, normal)
    return model


def drawn(build: Callable[[], Network], generator: torch.Generator, dtype: torch.dtype) -> Network:
    """A module whose own code draws its start: ``generator`` seeds torch for it, whose state is then as before."""
    with RANDOM_LOCK, torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        return build().to(dtype)


@torch.no_grad()
def initialise(model: nn.Module, generator: torch.Generator, normal: bool = False) -> None:
    """Give every layer of a model a new start, in place: the generator's numbers, and no others.

    Weights are Kaiming-uniform and biases uniform in ±1 / sqrt(inputs), torch's own choice; with ``normal``,
    weights are Kaiming-normal (He et al., ICCV 2015). BatchNorm starts at scale 1, shift 0, empty statistics. Of a
    layer of another kind with parameters no start is known: a ``TypeError``.
    """
    for layer in model.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            _start(layer, generator, normal)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()
        elif any(True for _ in layer.parameters(recurse=False)):
            raise TypeError(f"no start is defined for {type(layer).__name__}")


def _start(layer: nn.Linear | nn.Conv2d, generator: torch.Generator, normal: bool) -> None:
    weight = torch.empty(layer.weight.shape, dtype=torch.float64)  # the same numbers in either precision
    if normal:
        nn.init.kaiming_normal_(weight, generator=generator)
    else:
        nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
    layer.weight.copy_(weight)
    if layer.bias is not None:
        bound = 1 / math.sqrt(weight[0].numel())
        bias = torch.empty(layer.bias.shape, dtype=torch.float64)
        layer.bias.copy_(bias.uniform_(-bound, bound, generator=generator))
