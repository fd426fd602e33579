"""The passes of the reference implementation's step, to measure against: not its code, only what it does in what order.

Each step builds two new networks and runs four forward and four backward
passes, one of each for nothing. The second stage's arithmetic is this package's.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from gdw.gradients.flows import class_gradients, zero_mean
from gdw.gradients.rates import trainable
from gdw.methods.gdw import GDW
from gdw.methods.two_stage import LARGEST_WEIGHT, SMALLEST_WEIGHT


def reference_step(
    build: Callable[[], nn.Module],
    network: nn.Module,
    method: GDW,
    optimizer: torch.optim.Optimizer,
    batch: tuple[Tensor, Tensor],
    meta_batch: tuple[Tensor, Tensor],
) -> None:
    """One training step: a copy takes the virtual step with its graph, a second copy is used for nothing.

    Args:
        build: makes a network like ``network``, freshly initialised.
    """
    images, labels = batch
    copy = _rebuilt(build, network)
    logits = copy(images)  # forward 1
    flows = class_gradients(logits.detach().softmax(-1), labels)
    losses = cross_entropy(logits.detach(), labels, reduction="none")
    given = method.weight_net(losses).expand_as(flows)  # V's graph
    weights = given.detach().requires_grad_()
    parameters = trainable(copy)
    sent_back = weights * flows / len(labels)
    gradients = torch.autograd.grad(logits, list(parameters.values()), sent_back, create_graph=True)  # backward 1
    lr = optimizer.param_groups[0]["lr"]
    ahead = {name: p - lr * g for (name, p), g in zip(parameters.items(), gradients, strict=True)}
    clean_logits = functional_call(copy, {**dict(copy.named_buffers()), **ahead}, (meta_batch[0],))  # forward 2
    (g,) = torch.autograd.grad(cross_entropy(clean_logits, meta_batch[1]), weights)  # backward 2, through backward 1
    method.learn(given, g)

    unused = _rebuilt(build, network)
    cross_entropy(unused(images), labels).backward()  # forward 3 and backward 3

    optimizer.zero_grad()
    scale = g.abs().mean().clamp_min(torch.finfo(g.dtype).tiny)
    change = (method.step_size * g / scale).clamp(-method.clip, method.clip)
    final = zero_mean((weights.detach() - change).clamp(SMALLEST_WEIGHT, LARGEST_WEIGHT), logits.detach(), labels)
    network(images).backward(final * flows / len(labels))  # forward 4 and backward 4
    optimizer.step()


def _rebuilt(build: Callable[[], nn.Module], network: nn.Module) -> nn.Module:
    copy = build().to(next(network.parameters()).device)
    copy.load_state_dict(network.state_dict())
    return copy
