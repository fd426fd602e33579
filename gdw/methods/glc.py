"""GLC: the clean set gives the noise matrix; the loss on noisy labels is corrected by it."""

import torch
from torch import Tensor, nn

from gdw.errors import require_between
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Method, Stage, register
from gdw.methods.transition import estimate_transition, share_of_epochs, true_class_posterior


@register
class GLC(Method):
    """Gold loss correction: ``-log (p T)_label`` on noisy rows, ``-log p_label`` on clean rows.

    ``gradient = (probs - posterior) / B`` on noisy rows, where ``posterior_k`` is proportional to ``p_k T_k,label``,
    and ``(probs - onehot(label)) / B`` on clean ones. T is the mean of a first model's probabilities over the clean
    images of each class; the second model starts anew and trains on both sets.

    Args:
        first_share: share of the epochs, in (0, 1), spent on the first model.

    Source: Hendrycks et al., Using Trusted Data to Train Deep Networks on Labels Corrupted by Severe Noise,
    NeurIPS 2018.
    """

    capturable = True
    name, title = "glc", "GLC"
    source = (
        "Hendrycks et al., Using Trusted Data to Train Deep Networks on Labels Corrupted by Severe Noise, NeurIPS 2018"
    )

    def __init__(self, *args, first_share: float = 0.5, **kwargs):
        super().__init__(*args, **kwargs)
        require_between("first_share", first_share, 0, 1)
        self.first_share, self.prepared = first_share, 0
        self.register_buffer("transition", torch.eye(self.num_classes or 0))

    def stages(self, task, epochs: int) -> list[Stage]:
        self.prepared = 0
        first, second = share_of_epochs(epochs, self.first_share)
        parts = [Stage("train", first), Stage("both", second, restart=True)]
        return [part for part in parts if part.epochs]

    def prepare(self, task, model: nn.Module) -> None:
        """Before the second stage the first one's model gives the matrix; until then it is the identity."""
        self.prepared += 1
        if self.prepared == 2:
            self.transition.copy_(estimate_transition(model, task))

    def logit_gradient(self, step: Step) -> Matrix:
        logits = step.logits.detach()
        log_transition = self.transition.clamp_min(torch.finfo(logits.dtype).tiny).log()
        corrected = step.probs - true_class_posterior(logits, step.labels, log_transition)
        if step.is_meta is not None:
            corrected = torch.where(step.is_meta[:, None], step.flows, corrected)
        return corrected / len(step)

    def snapshot(self) -> dict[str, Tensor]:
        """``transition``: the matrix in use after each epoch."""
        return {"transition": self.transition}
