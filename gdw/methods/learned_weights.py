"""What MWNet and GDW share: a small network V that turns an instance's loss into its weight, and its optimiser."""

from collections.abc import Sequence
from copy import deepcopy
from functools import partial
from typing import Any, ClassVar, Self, cast

import torch
from torch import Tensor, nn

from gdw.errors import Number
from gdw.gradients.step import Step
from gdw.methods.base import Column, Matrix, Method
from gdw.networks.stacked import Stacked
from gdw.networks.weight_net import WeightNet

CURVE_LOSSES = torch.linspace(0, 8, 33)  # nats; where V's curve is recorded: 8 is p = 0.0003


class LearnsWeightNet(Method):
    """Owns V and its Adam optimiser.

    Args:
        weight_net_lr: Adam's learning rate for V.
        weight_net_decay: Adam's weight decay for V.
        meta_every: the clean set is used once in this number of batches; the others take V's weights as they are.
            Above 1 this is an approximation: the published methods use the clean set in every batch.
    """

    rules: ClassVar = {
        "weight_net_lr": Number(0), "weight_net_decay": Number(0), "meta_every": Number(1, whole=True),
    }  # fmt: skip

    weight_net: nn.Module

    def __init__(
        self,
        *args: Any,
        weight_net_lr: float = 1e-3,
        weight_net_decay: float = 1e-4,
        meta_every: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.meta_every, self.batches = meta_every, 0
        if meta_every != 1:
            self.all_steps_identical = False
        self.weight_net = self.new_network(WeightNet)
        self._adam = partial(torch.optim.Adam, lr=weight_net_lr, weight_decay=weight_net_decay, fused=True)
        self.optimizer = self._adam(self.weight_net.parameters())

    def instance_weights(self, step: Step) -> Column:
        """``V(loss)`` in (0, 1), with its graph."""
        weights: Tensor = self.weight_net(step.losses)
        return weights

    def is_meta_step(self) -> bool:
        """Whether this batch uses the clean set; counts the batch."""
        self.batches += 1
        return (self.batches - 1) % self.meta_every == 0

    def learn(self, weights: Matrix, meta_gradient: Matrix) -> None:
        """V takes one optimiser step along the meta gradient of the weights it gave."""
        self.optimizer.zero_grad()
        weights.backward(meta_gradient)
        self.optimizer.step()

    @torch.no_grad()
    def snapshot(self) -> dict[str, Tensor]:
        """``weight_curve``: V at the losses 0, 0.25, ..., 8 nats."""
        losses = CURVE_LOSSES.to(next(self.weight_net.parameters()))
        return {"weight_curve": self.weight_net(losses)[:, 0]}

    @classmethod
    def stack(cls, methods: Sequence[Self]) -> Self:
        """V of S seeds as one ``Stacked``, with one Adam: it treats each number on its own."""
        stacked = deepcopy(methods[0])
        stacked.weight_net = Stacked([method.weight_net for method in methods])
        stacked.optimizer = stacked._adam(stacked.weight_net.parameters())
        return stacked

    def copy_to(self, methods: Sequence[Self]) -> None:
        cast(Stacked, self.weight_net).copy_to([method.weight_net for method in methods])  # as stack made it
        for seed, method in enumerate(methods):
            pairs = zip(self.weight_net.parameters(), method.weight_net.parameters(), strict=True)
            method.optimizer.state.update({own: self._moments(stacked, seed) for stacked, own in pairs})
            method.batches = self.batches

    def _moments(self, stacked: Tensor, seed: int) -> dict[str, Tensor]:
        """Adam's state of one seed; all seeds share the count of steps."""
        state = self.optimizer.state[stacked]
        return {name: (value[seed] if value.ndim else value).clone() for name, value in state.items()}
