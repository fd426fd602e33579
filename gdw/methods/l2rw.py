"""L2RW: an instance's weight is how much following it would lower the clean loss, for this batch alone."""

from typing import Any, ClassVar

import torch

from gdw.errors import Number
from gdw.gradients.step import Step
from gdw.methods.base import Column, Matrix, Method, register

TINY = 1e-12  # a smaller sum of weights counts as zero: the batch is skipped, and nothing is divided by zero


@register
class L2RW(Method):
    """``w_i = max(0, - d L_meta / d w_i at w = 0)``, divided by its sum over the batch.

    At ``w = 0`` the virtual step changes nothing, so the clean gradient is taken at the current parameters.

    Args:
        total: the sum of a batch's weights; 1 in the paper. If few weights are positive, 1 makes a full-length step
            along a few instances, which is unstable at a high learning rate.

    Source: Ren et al., Learning to Reweight Examples for Robust Deep Learning, ICML 2018.
    """

    name, title = "l2rw", "L2RW"
    supports_many_seeds = all_steps_identical = True
    source = "Ren et al., Learning to Reweight Examples for Robust Deep Learning, ICML 2018"
    rules: ClassVar = {"total": Number(0, above_low=True)}

    def __init__(self, *args: Any, total: float = 1.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.total = total

    def logit_gradient(self, step: Step) -> Matrix:
        return helpful_share(step.meta_gradient(torch.zeros_like(step.flows)), self.total) * step.flows


def helpful_share(meta_gradient: Matrix, total: float) -> Column:
    """``max(0, - d L_meta / d w_i)`` for one weight per instance, scaled to the sum ``total`` over the batch."""
    weights = (-meta_gradient.sum(dim=-1, keepdim=True)).clamp_min(0)
    return total * weights / weights.sum(dim=(-2, -1), keepdim=True).clamp_min(TINY)
