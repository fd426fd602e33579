"""L2RW: an instance's weight is how much following it would lower the clean loss, for this batch alone."""

import torch

from gdw.errors import require_between
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Method, register

TINY = 1e-12  # a sum of weights below this is none: the batch is skipped rather than divided by zero


@register
class L2RW(Method):
    """``w_i = max(0, - d L_meta / d w_i at w = 0)``, divided by its sum over the batch.

    At ``w = 0`` the virtual step goes nowhere, so the clean gradient is taken where the model stands.

    Args:
        total: what a batch's weights sum to; the paper's is 1. Where few weights are positive, 1 makes the step that of
            a few instances at full length, which a high learning rate does not bear.

    Source: Ren et al., Learning to Reweight Examples for Robust Deep Learning, ICML 2018.
    """

    name, title = "l2rw", "L2RW"
    many_seeds = capturable = True
    source = "Ren et al., Learning to Reweight Examples for Robust Deep Learning, ICML 2018"

    def __init__(self, *args, total: float = 1.0, **kwargs):
        super().__init__(*args, **kwargs)
        require_between("total", total, 0, float("inf"), open_low=True)
        self.total = total

    def logit_gradient(self, step: Step) -> Matrix:
        meta_gradient = step.meta_gradient(torch.zeros_like(step.flows)).sum(dim=-1, keepdim=True)
        weights = (-meta_gradient).clamp_min(0)
        return self.total * weights / weights.sum(dim=(-2, -1), keepdim=True).clamp_min(TINY) * step.flows
