"""Seesaw loss: class-level weights from class counts and probabilities, without a clean set."""

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from gdw.errors import Number
from gdw.gradients.flows import one_hot
from gdw.gradients.step import Step
from gdw.methods.base import Column, Matrix, register
from gdw.methods.keeping import KeepsTensors
from gdw.methods.preparing import NeedsClasses


@register
class SeesawLoss(NeedsClasses, KeepsTensors):
    """``loss = -log s_y`` with ``s_y = e^(z_y) / (e^(z_y) + sum_j S_yj e^(z_j))``, j over the other classes.

    ``S_yj = M_yj C_yj`` scales what an instance of class y pushes down the logit of class j. Mitigation,
    ``M_yj = min(1, N_j / N_y)^p``: a common class punishes a rare one less. Compensation,
    ``C_yj = max(1, p_j / p_y)^q``: a wrong answer that the model prefers is punished more. N counts the observed labels
    seen so far in training. S is taken as a constant, as in the published code:

        gradient = (softmax(z + [j != y] log S_yj) - onehot(labels)) / B.

    So each cell of the B x C matrix has its own weight, and nothing is learnt from a clean set. The rows still
    sum to 0.

    Left out: the paper's normalised last layer and its objectness branch, which belong to detection, and the published
    code's floor of 0.01 under p_y in C, which the paper's equations do not have.

    Args:
        p: exponent of the mitigation; 0.8 is the paper's choice, 0 switches it off.
        q: exponent of the compensation; 2 is the paper's choice, 0 switches it off.

    Raises:
        ValueError: ``num_classes`` was not given.

    Source: Wang et al., Seesaw Loss for Long-Tailed Instance Segmentation, CVPR 2021, equations 3 to 7.
    """

    name, title = "seesaw", "seesaw loss"
    supports_many_seeds = all_steps_identical = True
    source = "Wang et al., Seesaw Loss for Long-Tailed Instance Segmentation, CVPR 2021"
    rules: ClassVar = {"p": Number(0), "q": Number(0)}
    kept = ("seen",)
    seen: Tensor

    def __init__(self, *args: Any, p: float = 0.8, q: float = 2.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.p, self.q = p, q
        self.register_buffer("seen", torch.zeros(self.num_classes, dtype=torch.long))

    def logit_gradient(self, step: Step) -> Matrix:
        labels = one_hot(step.labels, step.num_classes)
        self.seen.add_(labels.sum(dim=-2))
        onehot, logits = labels.to(step.flows.dtype), step.logits.detach().to(step.flows.dtype)
        counts = self.seen.clamp_min(1).to(logits.dtype).log()[..., None, :]
        mitigation = self.p * (counts - _of_label(counts, onehot)).clamp_max(0)
        compensation = self.q * (logits - _of_label(logits, onehot)).clamp_min(0)  # log p_j / p_y
        shifted = logits + (1 - onehot) * (mitigation + compensation)
        return (shifted.softmax(dim=-1) - onehot) / len(step)


def _of_label(values: Float[Tensor, "*seeds #batch classes"], onehot: Matrix) -> Column:
    """Each row's entry at its observed label, ``[B, 1]``; of one row for the whole batch too."""
    return (values * onehot).sum(dim=-1, keepdim=True)
