"""Logits whose graph is made again for each further backward pass: half the memory of a step.

A graph that is kept until the real backward pass takes memory on top of the clean batch's. Here the virtual step's
backward pass uses it up. The tangent pass goes through the training batch once more anyway, and leaves a new graph for
the real backward pass: the same eleven passes. Where there is no such tangent pass (finite differences, autocast), one
more forward pass makes it.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode
from torch.utils.checkpoint import CheckpointError

from gdw.gradients.compiled import as_written
from gdw.gradients.meta import TangentPass, forward, logit_tangent
from gdw.gradients.outputs import Inputs, logits_of
from gdw.gradients.rates import Named, trainable
from gdw.gradients.reuse import RULES, Arguments, Keywords
from gdw.private import dual_numbers, tree_leaves, version_of


def reforward(
    model: nn.Module, images: Inputs, replay: Callable[[], AbstractContextManager[None]]
) -> tuple[Tensor, TangentPass]:
    """The logits, [batch, classes], and their pass along a tangent.

    A backward pass from them reaches the model's trainable parameters as usual, as often as needed; it uses a graph
    up, which is computed again for the next, under ``replay``. ``ValueError`` for images with a graph.
    """
    graph = logits_of(model, images)
    if any(isinstance(value, Tensor) and value.requires_grad for value in tree_leaves(images)):
        raise ValueError(
            "save_memory computes the graph again from the images, and no gradient goes back past them: put what comes "
            "before into the model, give the images without a graph (.detach()), or leave save_memory out"
        )
    passes = _Passes(model, images, replay, graph)
    logits: Tensor = _Spend.apply(passes, graph.detach(), *trainable(model).values()) if graph.requires_grad else graph
    return logits, passes.tangent


class _Passes:
    """What the logits hold: it does not hold them, so a step goes when its last name does."""

    def __init__(
        self, model: nn.Module, images: Inputs, replay: Callable[[], AbstractContextManager[None]], graph: Tensor
    ):
        self.model, self.images, self.replay = model, images, replay
        self._graph: Tensor | None = graph
        self.versions = [*map(version_of, trainable(model).values())] if graph.requires_grad else []
        self.device = graph.device.type
        self.autocast = torch.is_autocast_enabled(self.device), torch.get_autocast_dtype(self.device)

    def tangent(self, model: nn.Module, images: Inputs, direction: Named) -> tuple[Tensor, Tensor]:
        """As ``gdw.gradients.meta.logit_tangent``; it leaves the graph that the next backward pass uses up."""
        if self.autocast[0]:  # the tangent is in full precision, the logits are not
            return logit_tangent(model, images, direction)
        with dual_numbers(), torch.enable_grad(), as_written(model), _GraphOfOutputs():
            duals = {name: forward_ad.make_dual(model.get_parameter(name), d) for name, d in direction.items()}
            self._graph, tangent = forward_ad.unpack_dual(forward(model, duals, images))
        return self._graph.detach(), tangent.detach()

    def spend(self) -> Tensor:
        """Logits with their graph; the caller's backward pass frees it."""
        graph, self._graph = self._graph, None
        return self.fresh() if graph is None else graph

    def fresh(self) -> Tensor:
        """Logits with a graph of one more forward pass."""
        if [*map(version_of, trainable(self.model).values())] != self.versions:
            raise RuntimeError(
                "a parameter has been modified by an inplace operation since the Step was made, and this backward pass "
                "would compute the graph again with other numbers"
            )
        on, dtype = self.autocast
        with torch.enable_grad(), self.replay(), torch.autocast(self.device, dtype, enabled=on):
            return forward(self.model, trainable(self.model), self.images)


class _Spend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, passes: _Passes, graph: Tensor, *parameters: Tensor) -> Tensor:
        ctx.passes, ctx.parameters = passes, parameters
        return graph.detach()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        passes, given = ctx.passes, (ctx.parameters, gradient)
        try:
            return None, None, *torch.autograd.grad(passes.spend(), *given, allow_unused=True)
        except CheckpointError:  # a layer computed again outside the tangent pass runs other operations than within
            return None, None, *torch.autograd.grad(passes.fresh(), *given, allow_unused=True)


class _GraphOfOutputs(TorchFunctionMode):
    """Within: an operation on dual tensors that has a rule (reuse.py) leaves a graph of its output alone."""

    def __torch_function__(
        self, function: Any, types: Any, args: Arguments = (), kwargs: Keywords | None = None
    ) -> Any:
        kwargs, rule = kwargs or {}, RULES.get(function)
        with torch.no_grad():
            tangent = rule and rule(function, *args, **kwargs)
        if tangent is None:
            return function(*args, **kwargs)
        output = function(*map(_primal, args), **dict(zip(kwargs, map(_primal, kwargs.values()), strict=True)))
        return forward_ad.make_dual(output, tangent)


def _primal(value: object) -> object:
    return forward_ad.unpack_dual(value).primal if isinstance(value, Tensor) else value
