"""What MWNet and GDW share: a small network V that turns an instance's loss into its weight, and its optimiser."""

from collections.abc import Sequence
from copy import deepcopy
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Method
from gdw.networks.stacked import Stacked
from gdw.networks.weight_net import WeightNet, new_weight_net

CURVE_LOSSES = torch.linspace(0, 8, 33)  # nats; where V's curve is recorded: 8 is p = 0.0003


class LearnsWeightNet(Method):
    """Owns V and its Adam optimiser.

    Args:
        weight_net_lr: Adam's learning rate for V.
        weight_net_decay: Adam's weight decay for V.
        meta_every: the clean set is asked at every so many batches; at those between, V's weights are used as they
            stand. Above 1 an approximation, named as such; the published methods ask at every batch.
    """

    def __init__(
        self, *args, weight_net_lr: float = 1e-3, weight_net_decay: float = 1e-4, meta_every: int = 1, **kwargs
    ):
        super().__init__(*args, **kwargs)
        if meta_every < 1:
            raise ValueError(f"meta_every must be at least 1, got {meta_every}")
        self.meta_every, self._batches = meta_every, 0
        self.weight_net = WeightNet() if self.generator is None else new_weight_net(self.generator)
        self._adam = partial(torch.optim.Adam, lr=weight_net_lr, weight_decay=weight_net_decay, fused=True)
        self.optimizer = self._adam(self.weight_net.parameters())

    def instance_weights(self, step: Step) -> Float[Tensor, "batch 1"]:
        """``V(loss)`` in (0, 1), with its graph."""
        return self.weight_net(step.losses)

    def is_meta_step(self) -> bool:
        """Whether the clean set is asked at this batch; counts it."""
        self._batches += 1
        return (self._batches - 1) % self.meta_every == 0

    def steps_alike(self) -> bool:
        return super().steps_alike() and self.meta_every == 1

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
    def stack(cls, methods: Sequence["LearnsWeightNet"]) -> "LearnsWeightNet":
        """V of S seeds as one ``Stacked``, with one Adam: it works number by number."""
        stacked = deepcopy(methods[0])
        stacked.weight_net = Stacked([method.weight_net for method in methods])
        stacked.optimizer = stacked._adam(stacked.weight_net.parameters())
        return stacked

    def copy_to(self, methods: Sequence["LearnsWeightNet"]) -> None:
        self.weight_net.copy_to([method.weight_net for method in methods])
        for seed, method in enumerate(methods):
            pairs = zip(self.weight_net.parameters(), method.weight_net.parameters(), strict=True)
            method.optimizer.state.update({own: self._moments(stacked, seed) for stacked, own in pairs})
            method._batches = self._batches

    def _moments(self, stacked: Tensor, seed: int) -> dict[str, Tensor]:
        """Adam's state of one seed; its count of steps is all seeds'."""
        state = self.optimizer.state[stacked]
        return {name: (value[seed] if value.ndim else value).clone() for name, value in state.items()}

    def get_extra_state(self) -> dict:
        return {"optimizer": self.optimizer.state_dict(), "batches": self._batches}

    def set_extra_state(self, state: dict) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
        self._batches = state["batches"]
