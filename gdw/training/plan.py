"""How the model is stepped: SGD with momentum, weight decay and a cosine by epoch."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Plan:
    """What the loop needs to know of an experiment."""

    epochs: int
    batch_size: int = 100
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    seed: int = 0
    derivative: str = "auto"
    max_prob: float | None = None
    save_memory: bool = False
    capture: bool = False
    compile: bool = False


def cosine(lr: float, epoch: int, epochs: int) -> float:
    """Half a cosine from ``lr`` towards 0, constant within an epoch."""
    return lr * (1 + math.cos(math.pi * epoch / epochs)) / 2


def sgd(model: nn.Module, plan: Plan) -> torch.optim.SGD:
    """The optimiser of a stage, over what is not frozen."""
    return torch.optim.SGD(
        (p for p in model.parameters() if p.requires_grad),
        lr=plan.lr, momentum=plan.momentum, weight_decay=plan.weight_decay, fused=True,
    )  # fmt: skip


def with_rate(optimizer: torch.optim.Optimizer, lr: float | Tensor) -> torch.optim.Optimizer:
    """The same optimiser at this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = lr
    return optimizer
