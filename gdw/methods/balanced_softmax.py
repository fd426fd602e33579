"""Balanced softmax, or logit adjustment: train with the class frequencies in the logits, predict without them."""

from typing import Any, ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from gdw.errors import Number
from gdw.gradients.flows import class_gradients
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, register
from gdw.methods.preparing import UsesClassCounts


@register
class BalancedSoftmax(UsesClassCounts):
    """``gradient = (softmax(z + tau log prior) - onehot(labels)) / B``.

    The prior already contains the advantage of frequent classes, so the model need not learn it. At ``tau = 1`` this
    is balanced softmax. The prior is the share of each observed label.

    Args:
        tau: strength, at least 0; 0 is cross-entropy.
        class_counts: images of each class; by default those of the task.

    Source: Ren et al., Balanced Meta-Softmax for Long-Tailed Visual Recognition, NeurIPS 2020; Menon et al.,
    Long-Tail Learning via Logit Adjustment, ICLR 2021.
    """

    all_steps_identical = True
    name, title = "balanced-softmax", "balanced softmax"
    source = (
        "Ren et al., Balanced Meta-Softmax, NeurIPS 2020; Menon et al., Long-Tail Learning via Logit Adjustment, "
        "ICLR 2021"
    )
    rules: ClassVar = {"tau": Number(0)}
    log_prior: Tensor

    def __init__(self, *args: Any, tau: float = 1.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tau = tau
        self.register_buffer("log_prior", torch.zeros(self.num_classes))
        self.use_given_counts()

    def use_counts(self, counts: Int[Tensor, "classes"]) -> None:
        counts = counts.double().clamp_min(1)  # a class that is never observed counts as observed once
        self.log_prior.copy_((counts / counts.sum()).log())

    def logit_gradient(self, step: Step) -> Matrix:
        self.require_ready(step)
        probs = (step.logits.detach() + self.tau * self.log_prior).softmax(dim=-1)
        return class_gradients(probs, step.targets) / len(step)
