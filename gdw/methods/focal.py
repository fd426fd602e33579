"""Focal loss: what the model already believes counts less."""

from typing import Any, ClassVar

import torch

from gdw.errors import Number
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Method, register


@register
class FocalLoss(Method):
    """``loss = -(1 - p_t)^gamma log p_t``: an instance weight on cross-entropy's flows.

    ``gradient = w (probs - onehot(labels)) / B`` with ``w = (1 - p_t)^gamma - gamma p_t (1 - p_t)^(gamma - 1)
    log p_t``: small where the observed label's probability p_t is near 1. A wrong label is hard, and keeps its weight.

    Args:
        gamma: at least 0; 0 is cross-entropy. 2 is the paper's choice.

    Source: Lin et al., Focal Loss for Dense Object Detection, ICCV 2017.
    """

    name, title = "focal", "focal loss"
    supports_many_seeds = all_steps_identical = True
    source = "Lin et al., Focal Loss for Dense Object Detection, ICCV 2017"
    rules: ClassVar = {"gamma": Number(0)}

    def __init__(self, *args: Any, gamma: float = 2.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.gamma = gamma

    def logit_gradient(self, step: Step) -> Matrix:
        log_prob = -step.label_losses
        doubt = (-torch.expm1(log_prob)).clamp_min(torch.finfo(log_prob.dtype).tiny)  # 1 - p_t, to all its digits
        weights = doubt**self.gamma - self.gamma * log_prob.exp() * doubt ** (self.gamma - 1) * log_prob
        return weights[..., None] * step.flows / len(step)
