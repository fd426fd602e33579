"""GDW whose first stage is class-level too: V sees each flow's own class and gives each flow its own weight."""

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from gdw.errors import Flag
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, register
from gdw.methods.two_stage import TwoStage
from gdw.networks.weight_net import FlowWeightNet

AT_ONCE = 2**14  # flows that V sees at once: its 100 hidden numbers for each are 7 MB then
SMALLEST_PROBABILITY = 1e-6  # below it a class counts as this improbable


@register
class ClassNetGDW(TwoStage):
    """``w_ic = V(loss_i, -log p_ic, [c = label_i])``, then GDW's second stage.

    GDW's V gives all flows of an instance one weight, so what is class-level comes from the second stage alone: from
    the meta gradient of one flow, seen once, on one clean batch. That is noisy. Here V is one function of what each
    flow looks like, learnt from all flows of all instances: it can shut the flow of a probable class that is not the
    label ("this dog may be a cat") and leave those of improbable classes open.

    V starts level, with the same weight for all flows: its last layer is zero except for the bias.

    Args:
        level: off, V starts at random, as GDW's does.
        step_size, clip, zero_mean, stage_one, stage_two: as for ``TwoStage``.

    Source: of this package; the method is GDW's (Chen et al., NeurIPS 2021) otherwise.
    """

    name, title = "gdw-class-net", "GDW, class-level V"
    supports_many_seeds = all_steps_identical = True
    source = "this package: GDW (Chen et al., NeurIPS 2021) with a weight network for each flow instead of each loss"
    rules: ClassVar = {"level": Flag()}

    def __init__(self, *args: Any, level: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.weight_net = net = self.new_network(FlowWeightNet)
        if level:
            net.start_level()
        self.optimizer = self._adam(self.weight_net.parameters())

    def first_stage(self, step: Step) -> Matrix:
        """A weight for each flow, with V's graph."""
        if not self.stage_one:
            return super().first_stage(step)
        return self.constrain(self._flow_weights(step), step)

    def _flow_weights(self, step: Step) -> Matrix:
        """V of all flows; of many flows in parts, each computed again on the way back: V has 100 numbers for each."""
        seen = step.losses, step.probs, step.targets
        if step.flows.numel() <= AT_ONCE:
            return self._weights(*seen)
        rows = max(1, AT_ONCE * len(step) // step.flows.numel())
        parts = zip(*(values.split(rows, dim=step.losses.ndim - 1) for values in seen), strict=True)
        found = [checkpoint(self._weights, *part, use_reentrant=False, preserve_rng_state=False) for part in parts]
        return torch.cat(found, dim=-2)

    def _weights(self, losses: Float[Tensor, "*seeds batch"], probs: Matrix, targets: Matrix) -> Matrix:
        weights: Tensor = self.weight_net(flow_inputs(losses, probs, targets))
        return weights

    def followed_gradient(self, weights: Matrix, meta_gradient: Matrix, step: Step) -> Matrix:
        return meta_gradient

    def snapshot(self) -> dict[str, Tensor]:
        """Nothing: V is no curve over the loss."""
        return {}


def flow_inputs(losses: Float[Tensor, "*seeds batch"], probs: Matrix, targets: Matrix) -> Tensor:
    """What V sees of each flow, ``[B, C, 3]``: the instance's loss and -log p_c in nats, and the target of c."""
    surprise = -probs.clamp_min(SMALLEST_PROBABILITY).log()
    return torch.stack([losses[..., None].expand_as(probs), surprise, targets], dim=-1).detach()
