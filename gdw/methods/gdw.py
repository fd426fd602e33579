"""GDW: every class-level gradient flow has its own weight."""

import torch

from gdw.errors import require_between
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, register
from gdw.methods.weight_net import LearnsWeightNet

SMALLEST_WEIGHT, LARGEST_WEIGHT = 1e-6, 1e6  # as published


@register
class GDW(LearnsWeightNet):
    """Two-stage generalised data weighting.

    Stage one: ``w = V(loss)``, one weight per instance, constrained; V learns through a virtual step.
    Stage two: ``w' = w - clip(step_size * g / mean|g|, clip)`` with the same ``g = d L_meta / d w``, clamped and
    constrained again; these weights scale the flows of the real step.

    Args:
        step_size: mean change per weight before the clip; the paper's outer rate over B * C.
        clip: largest change of a weight in one step.
        zero_mean: whether the weighted flows of an instance sum to 0.
        tied: one weight per instance in stage two as well (the control for "class-level").
        stage_one: off, V is held at 1.
        stage_two: off, the first stage's weights are used as they are.

    Source: Chen et al., Generalized Data Weighting via Class-level Gradient Manipulation, NeurIPS 2021.
    """

    name, title = "gdw", "GDW"
    many_seeds = capturable = True
    source = "Chen et al., Generalized Data Weighting via Class-level Gradient Manipulation, NeurIPS 2021"

    def __init__(
        self,
        *args,
        step_size: float = 0.1,
        clip: float = 0.2,
        zero_mean: bool = True,
        tied: bool = False,
        stage_one: bool = True,
        stage_two: bool = True,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        require_between("step_size", step_size, 0, float("inf"))
        require_between("clip", clip, 0, float("inf"))
        self.step_size, self.clip, self.tied = step_size, clip, tied
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
        """Each weight moves against its meta gradient; only ratios within the batch count."""
        if self.tied:
            meta_gradient = meta_gradient.sum(dim=-1, keepdim=True)
        scale = meta_gradient.abs().mean(dim=(-2, -1), keepdim=True)  # of this batch
        scale = scale.clamp_min(torch.finfo(weights.dtype).tiny)  # all zero: nothing moves
        change = (self.step_size * meta_gradient / scale).clamp(-self.clip, self.clip)
        return self.constrain((weights - change).clamp(SMALLEST_WEIGHT, LARGEST_WEIGHT), step)

    def constrain(self, weights: Matrix, step: Step) -> Matrix:
        return step.zero_mean(weights) if self.zero_mean else weights


@register
class TiedGDW(GDW):
    """GDW with one weight per instance throughout: both stages, nothing class-level. The control."""

    name, title, source = "gdw-tied", "tied GDW", "control: GDW with equal weights within each instance"
    many_seeds = capturable = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{**kwargs, "tied": True})
