"""INSW: one free parameter per training instance, kept through training and moved by its meta gradient."""

from typing import Any, ClassVar

import torch
from torch import nn

from gdw.errors import Number
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, register
from gdw.methods.keeping import KeepsInstances


@register
class INSW(KeepsInstances):
    """``w = softmax(phi[batch])``; ``phi`` takes a gradient step on the clean loss, then the batch is used with it.

    Args:
        weight_lr: step on ``phi``, in units of the batch's mean absolute meta gradient, so it does not
            depend on batch size or learning rate; ``phi`` moves by this much per visit on average. Chosen on
            digits' validation images (docs/settings.md); from 0.2 on a few instances get all the weight of a batch.

    Raises:
        ValueError: ``num_instances`` was not given; the Step has no indices, or one that is out of range.

    Source: Hu et al., Learning Data Manipulation for Augmentation and Weighting, NeurIPS 2019. The paper takes
    a plain gradient step on ``phi``; dividing by the mean absolute gradient is ours (docs/quirks.md).
    """

    name, title = "insw", "INSW"
    supports_many_seeds = all_steps_identical = True
    source = "Hu et al., Learning Data Manipulation for Augmentation and Weighting, NeurIPS 2019"
    rules: ClassVar = {"weight_lr": Number(0)}
    kept = ("phi",)

    def __init__(self, *args: Any, weight_lr: float = 0.05, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.weight_lr = weight_lr
        self.phi = nn.Parameter(torch.zeros(self.num_instances))

    def logit_gradient(self, step: Step) -> Matrix:
        phi = self.of_batch("phi", step).requires_grad_()
        weights = phi.softmax(dim=-1)[..., None]
        meta_gradient = step.meta_gradient((len(step) * weights).expand_as(step.flows)) * len(step)
        (phi_gradient,) = torch.autograd.grad(weights, phi, meta_gradient.sum(dim=-1, keepdim=True))
        scale = phi_gradient.abs().mean(dim=-1, keepdim=True).clamp_min(torch.finfo(phi.dtype).tiny)
        self.move("phi", step, -self.weight_lr * phi_gradient / scale)
        return self.of_batch("phi", step).softmax(dim=-1)[..., None] * step.flows
