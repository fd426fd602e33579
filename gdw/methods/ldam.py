"""LDAM-DRW: rare classes get a wider margin, and late in training a larger weight."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import one_hot

from gdw.data.task import Task
from gdw.errors import Number
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Phase, register
from gdw.methods.class_balanced import class_balanced_weights
from gdw.methods.preparing import UsesClassCounts
from gdw.methods.transition import share_of_epochs


@register
class LDAM(UsesClassCounts):
    """Cross-entropy after a margin is taken from the observed label's logit; class weights from a later epoch on.

    ``loss_i = w_label * CE(scale (z - margin_label onehot(label)))``, divided by the batch's sum of ``w_label``;
    ``margin_j = max_margin (n_min / n_j)^(1/4)``. ``w`` is 1 before the deferred epoch, and class-balanced with
    ``beta`` after it. Counts are of the observed labels.

    Left out: the paper's last layer with normalised features and weights, and with it the scale of 30. Here the
    model's own logits are used, in nats, so ``scale`` is 1 (docs/quirks.md). In a loop of your own, call
    ``before(model)`` of the phase in ``method.phases(task, epochs)``: it says when the class weights begin.

    Args:
        max_margin: of the rarest class, in units of a logit.
        scale: factor on the logits; 30 with a normalised last layer.
        beta: of the deferred class-balanced weights.
        deferred: share of the epochs, in [0, 1], before these weights are used; 160 of 200 in the paper. At 0 they are
            used in every epoch, at 1 in none; between, there is at least one epoch before and one with them.
        class_counts: images of each class; by default those of the task.

    Source: Cao et al., Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, NeurIPS 2019.
    """

    name, title = "ldam-drw", "LDAM-DRW"
    source = "Cao et al., Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, NeurIPS 2019"
    rules: ClassVar = {
        "max_margin": Number(0), "scale": Number(0, above_low=True), "beta": Number(0, 1), "deferred": Number(0, 1),
    }  # fmt: skip
    margins: Tensor
    late_weights: Tensor

    def __init__(
        self,
        *args: Any,
        max_margin: float = 0.5,
        scale: float = 1.0,
        beta: float = 0.9999,
        deferred: float = 0.8,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.max_margin, self.scale, self.beta, self.deferred = max_margin, scale, beta, deferred
        self.deferred_epoch: int | None = None  # known once the phase begins
        self.register_buffer("margins", torch.zeros(self.num_classes))
        self.register_buffer("late_weights", torch.ones(self.num_classes))
        self.use_given_counts()

    def phases(self, task: Task | None, epochs: int) -> Sequence[Phase]:
        self.epochs_before(epochs)
        return super().phases(task, epochs)

    def begin(self, task: Task | None, epochs: int, model: nn.Module) -> None:
        super().begin(task, epochs, model)
        self.deferred_epoch = self.epochs_before(epochs)

    def epochs_before(self, epochs: int) -> int:
        """How many epochs of a run come before the class weights."""
        if self.deferred in (0, 1):
            return round(self.deferred * epochs)
        why = f"{self.name} has epochs before its class weights and epochs with them"
        return share_of_epochs(epochs, self.deferred, why)[0]

    def use_counts(self, counts: Int[Tensor, "classes"]) -> None:
        rarest = counts[counts > 0].min()
        self.margins.copy_(self.max_margin * (rarest / counts.clamp_min(rarest).double()) ** 0.25)
        self.late_weights.copy_(class_balanced_weights(counts, self.beta))

    def logit_gradient(self, step: Step) -> Matrix:
        self.require_ready(step)
        onehot = one_hot(step.labels, step.num_classes).to(step.flows.dtype)
        held_back = step.logits.detach() - self.margins * onehot
        weights = self.weights(step.epoch)[step.labels, None]
        flows = (self.scale * held_back).softmax(dim=-1) - onehot
        return self.scale * weights * flows / weights.sum()

    def weights(self, epoch: int) -> Float[Tensor, "classes"]:
        """One weight per class: 1 before the deferred epoch."""
        if self.deferred_epoch is None:
            raise ValueError(
                f"{self.name} needs to know when its class weights begin: call before(model) of "
                "the phase in method.phases(task, epochs)"
            )
        return self.late_weights if epoch >= self.deferred_epoch else torch.ones_like(self.late_weights)
