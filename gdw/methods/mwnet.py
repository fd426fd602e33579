"""Meta-Weight-Net: one weight per instance, from its loss, by a network that learns from the clean set.

And two approximations of it, whose meta gradients are not exact: by finite differences, and by first order.
"""

from typing import Any, ClassVar

import torch

from gdw.errors import Number
from gdw.gradients.agreement import length
from gdw.gradients.step import Step
from gdw.methods.base import Column, Matrix, register
from gdw.methods.learned_weights import LearnsWeightNet


class WeighsInstances(LearnsWeightNet):
    """Base of methods with ``w_i = V(loss_i)``: V learns through a virtual step, and the batch uses its new weights."""

    def logit_gradient(self, step: Step) -> Matrix:
        if self.is_meta_step():
            weights = self.instance_weights(step)
            self.learn(weights, self.gradient_of(weights.detach(), step))
        with torch.no_grad():
            return self.instance_weights(step) * step.flows / len(step)

    def gradient_of(self, weights: Column, step: Step) -> Column:
        """``d L_meta / d w_i``, the sum over its classes; the approximations say otherwise."""
        return step.meta_gradient(weights.expand_as(step.flows)).sum(dim=-1, keepdim=True)


@register
class MWNet(WeighsInstances):
    """``gradient = V(loss_i) (probs_i - onehot(label_i)) / B``, where V has learnt from this batch.

    Source: Shu et al., Meta-Weight-Net, NeurIPS 2019.
    """

    name, title = "mwnet", "MWNet"
    supports_many_seeds = all_steps_identical = True
    source = "Shu et al., Meta-Weight-Net: Learning an Explicit Mapping for Sample Weighting, NeurIPS 2019"


@register
class FiniteDifferenceMWNet(WeighsInstances):
    """MWNet whose meta gradient is a difference of training losses at two points; an approximation.

    ``g_i ~ -(loss_i(theta + e v) - loss_i(theta - e v)) / (2 e B)`` with ``v = lr * d L_meta / d theta'``: the exact
    g_i is minus the slope of loss_i along v over B, so the error is of order e^2 until rounding takes over: of
    parameters in bfloat16 it is most of a difference at the usual distance. It needs two more forward passes of the
    training batch, which drop the units that the first one dropped, and no second derivative.

    Args:
        distance: length of ``e v`` in parameter space, relative to the length of theta.

    Source: after FMW-Net (Zhou et al., FMW-Net: a first-order meta-weight-net approach for sample weighting, IJMLC
    2025), which also replaces second derivatives by differences of training losses, there by a value
    function over several steps; the two-point form here is that of DARTS (Liu et al., ICLR 2019). Not FMW-Net itself.
    """

    name, title = "mwnet-difference", "MWNet, finite difference"
    source = "approximation of MWNet; after Zhou et al., FMW-Net, IJMLC 2025, and Liu et al., DARTS, ICLR 2019"
    rules: ClassVar = {"distance": Number(0, above_low=True)}

    def __init__(self, *args: Any, distance: float = 1e-3, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.distance = distance

    def gradient_of(self, weights: Column, step: Step) -> Column:
        problem = step.problem
        direction = problem.uphill(*problem.virtual_step(problem.step_back(weights)))
        own = length(direction).clamp_min(torch.finfo(weights.dtype).tiny)
        reach = self.distance * length(problem.here) / own
        ahead, behind = (
            step.losses_of(step.output_at({name: p + way * direction[name] for name, p in problem.here.items()}))
            for way in (reach, -reach)
        )
        return -(ahead - behind)[:, None] / (2 * reach * len(step))


@register
class FirstOrderMWNet(WeighsInstances):
    """MWNet with the clean gradient taken at the current parameters, not after the virtual step; an approximation.

    ``g_i ~ d L_meta / d w_i at w = 0``: as in L2RW, but V learns from it. The error is of order lr: it vanishes with
    the virtual step. It saves that step's backward pass, and keeps the rest.

    Source: the first-order form of MWNet (Shu et al., NeurIPS 2019), as first-order MAML is of MAML.
    """

    name, title = "mwnet-first-order", "MWNet, first order"
    source = "approximation of MWNet (Shu et al., NeurIPS 2019): no virtual step"

    def gradient_of(self, weights: Column, step: Step) -> Column:
        return step.meta_gradient(torch.zeros_like(step.flows)).sum(dim=-1, keepdim=True)
