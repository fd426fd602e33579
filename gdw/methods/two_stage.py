"""What GDW and its relatives share: the two stages, and the zero-mean constraint after each."""

from typing import Any, ClassVar

import torch

from gdw.errors import Flag, Number
from gdw.gradients.step import Step
from gdw.methods.base import Column, Matrix
from gdw.methods.learned_weights import LearnsWeightNet

SMALLEST_WEIGHT, LARGEST_WEIGHT = 1e-6, 1e6  # as published


class TwoStage(LearnsWeightNet):
    """Base of two-stage weighting; a subclass says which gradient its second stage follows.

    Stage one: ``w = V(loss)``, one weight per instance, constrained; V learns through a virtual step.
    Stage two: ``w' = w - clip(step_size * h / mean|h|, clip)`` where h is made from ``g = d L_meta / d w``, the meta
    gradient of stage one. These weights, clamped and constrained again, scale the flows of the real step.

    Args:
        step_size: mean change per weight before the clip; the paper's outer rate over B * C.
        clip: largest change of a weight in one step.
        zero_mean: whether the weighted flows of an instance sum to 0.
        stage_one: off, V is held at 1.
        stage_two: off, the first stage's weights are used as they are.
    """

    rules: ClassVar = {
        "step_size": Number(0), "clip": Number(0), "zero_mean": Flag(), "stage_one": Flag(), "stage_two": Flag(),
    }  # fmt: skip

    def __init__(
        self,
        *args: Any,
        step_size: float = 0.1,
        clip: float = 0.2,
        zero_mean: bool = True,
        stage_one: bool = True,
        stage_two: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.step_size, self.clip = step_size, clip
        self.zero_mean, self.stage_one, self.stage_two = zero_mean, stage_one, stage_two

    def logit_gradient(self, step: Step) -> Matrix:
        weights = self.first_stage(step)
        if (self.stage_one or self.stage_two) and self.is_meta_step():
            meta_gradient = step.meta_gradient(weights)
            if self.stage_one:
                self.learn(weights, meta_gradient)
            if self.stage_two:
                weights = self.second_stage(weights.detach(), meta_gradient, step)
        return weights.detach() * step.flows / len(step)

    def first_stage(self, step: Step) -> Matrix:
        """One weight per instance, from its loss, copied to all its classes; with V's graph."""
        weights = self.instance_weights(step) if self.stage_one else torch.ones_like(step.losses)[..., None]
        return self.constrain(weights.expand_as(step.flows), step)

    def second_stage(self, weights: Matrix, meta_gradient: Matrix, step: Step) -> Matrix:
        """Each weight moves against its gradient; only ratios within the batch count."""
        followed = self.followed_gradient(weights, meta_gradient, step)
        scale = followed.abs().mean(dim=(-2, -1), keepdim=True)  # of this batch
        scale = scale.clamp_min(torch.finfo(weights.dtype).tiny)  # all zero: nothing moves
        change = (self.step_size * followed / scale).clamp(-self.clip, self.clip)
        return self.constrain((weights - change).clamp(SMALLEST_WEIGHT, LARGEST_WEIGHT), step)

    def followed_gradient(self, weights: Matrix, meta_gradient: Matrix, step: Step) -> Matrix | Column:
        """What the second stage follows: ``[B, C]``, or ``[B, 1]`` for one change per instance."""
        raise NotImplementedError

    def constrain(self, weights: Matrix, step: Step) -> Matrix:
        return step.zero_mean(weights) if self.zero_mean else weights
