"""L2RW: an instance's weight is how much following it would lower the clean loss, for this batch alone."""

import torch

from gdw.methods.base import Matrix, Method, register
from gdw.step import Step

TINY = 1e-12  # a sum of weights below this is none: the batch is skipped rather than divided by zero


@register
class L2RW(Method):
    """``w_i = max(0, - d L_meta / d w_i at w = 0)``, divided by its sum over the batch.

    At ``w = 0`` the virtual step goes nowhere, so the clean gradient is taken where the model stands.

    Source: Ren et al., Learning to Reweight Examples for Robust Deep Learning, ICML 2018.
    """

    name, title = "l2rw", "L2RW"
    source = "Ren et al., Learning to Reweight Examples for Robust Deep Learning, ICML 2018"

    def logit_gradient(self, step: Step) -> Matrix:
        meta_gradient = step.meta_gradient(torch.zeros_like(step.flows)).sum(dim=-1, keepdim=True)
        weights = (-meta_gradient).clamp_min(0)
        return weights / weights.sum().clamp_min(TINY) * step.flows
