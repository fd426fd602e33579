"""LDAM-DRW: rare classes get a wider margin, and late in training a larger weight."""

import torch
from torch import nn
from torch.nn.functional import one_hot

from gdw.errors import require_between
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Method, Stage, register
from gdw.methods.class_balanced import class_balanced_weights, observed_counts


@register
class LDAM(Method):
    """Cross-entropy of logits whose observed label is held back by a margin; re-weighted from a later epoch on.

    ``loss_i = w_label * CE(scale (z - margin_label onehot(label)))``, divided by the batch's sum of ``w_label``;
    ``margin_j = max_margin (n_min / n_j)^(1/4)``. ``w`` is 1 before the deferred epoch, and class-balanced with
    ``beta`` after it. Counts are of the observed labels.

    Left out: the paper's last layer with normalised features and weights, and with it the scale of 30. Here the
    model's own logits are used, in nats, so ``scale`` is 1.

    Args:
        max_margin: of the rarest class, in units of a logit.
        scale: factor on the logits; 30 with a normalised last layer.
        beta: of the deferred class-balanced weights.
        deferred: share of the epochs, in [0, 1], before they come; 160 of 200 in the paper.

    Source: Cao et al., Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, NeurIPS 2019.
    """

    name, title = "ldam-drw", "LDAM-DRW"
    source = "Cao et al., Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, NeurIPS 2019"

    def __init__(
        self,
        *args,
        max_margin: float = 0.5,
        scale: float = 1.0,
        beta: float = 0.9999,
        deferred: float = 0.8,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        require_between("beta", beta, 0, 1)
        require_between("deferred", deferred, 0, 1)
        require_between("max_margin", max_margin, 0, float("inf"))
        self.max_margin, self.scale, self.beta, self.deferred = max_margin, scale, beta, deferred
        self.deferred_epoch = 0
        self.register_buffer("margins", torch.zeros(self.num_classes or 0))
        self.register_buffer("late_weights", torch.ones(self.num_classes or 0))

    def stages(self, task, epochs: int) -> list[Stage]:
        self.deferred_epoch = round(self.deferred * epochs)
        return [Stage("train", epochs)]

    def prepare(self, task, model: nn.Module) -> None:
        counts = observed_counts(task)
        present = counts.clamp_min(1).double()  # a class nobody observes has no row in any batch
        self.margins.copy_(self.max_margin * (present.min() / present) ** 0.25)
        self.late_weights.copy_(class_balanced_weights(counts, self.beta))

    def logit_gradient(self, step: Step) -> Matrix:
        onehot = one_hot(step.labels, step.num_classes).to(step.flows.dtype)
        held_back = step.logits.detach() - self.margins * onehot
        weights = self.weights(step.epoch)[step.labels, None]
        flows = (self.scale * held_back).softmax(dim=-1) - onehot
        return self.scale * weights * flows / weights.sum()

    def weights(self, epoch: int):
        """One weight per class: 1 before the deferred epoch."""
        return self.late_weights if epoch >= self.deferred_epoch else torch.ones_like(self.late_weights)
