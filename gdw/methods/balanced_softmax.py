"""Balanced softmax, or logit adjustment: train with the class frequencies in the logits, predict without them."""

import torch
from torch import nn

from gdw.errors import require_between
from gdw.gradients.flows import class_gradients
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Method, register
from gdw.methods.class_balanced import observed_counts


@register
class BalancedSoftmax(Method):
    """``gradient = (softmax(z + tau log prior) - onehot(labels)) / B``.

    The frequent class's advantage stands in the prior, so the model need not learn it. At ``tau = 1`` this is
    balanced softmax. The prior is the share of each observed label.

    Args:
        tau: strength, at least 0; 0 is cross-entropy.

    Source: Ren et al., Balanced Meta-Softmax for Long-Tailed Visual Recognition, NeurIPS 2020; Menon et al.,
    Long-Tail Learning via Logit Adjustment, ICLR 2021.
    """

    capturable = True
    name, title = "balanced-softmax", "balanced softmax"
    source = (
        "Ren et al., Balanced Meta-Softmax, NeurIPS 2020; Menon et al., Long-Tail Learning via Logit Adjustment, "
        "ICLR 2021"
    )

    def __init__(self, *args, tau: float = 1.0, **kwargs):
        super().__init__(*args, **kwargs)
        require_between("tau", tau, 0, float("inf"))
        self.tau = tau
        self.register_buffer("log_prior", torch.zeros(self.num_classes or 0))

    def prepare(self, task, model: nn.Module) -> None:
        counts = observed_counts(task).double().clamp_min(1)  # a class nobody observes: as if once
        self.log_prior.copy_((counts / counts.sum()).log())

    def logit_gradient(self, step: Step) -> Matrix:
        probs = (step.logits.detach() + self.tau * self.log_prior).softmax(dim=-1)
        return class_gradients(probs, step.labels) / len(step)
