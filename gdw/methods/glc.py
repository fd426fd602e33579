"""GLC: the clean set gives the noise matrix; the loss on noisy labels is corrected by it."""

from typing import ClassVar

import torch
from torch import Tensor

from gdw.gradients.step import Step
from gdw.methods.base import Matrix, register
from gdw.methods.preparing import KeepsTransition
from gdw.methods.transition import log_rates, true_class_posterior


@register
class GLC(KeepsTransition):
    """Gold loss correction: ``-log (p T)_label`` on noisy rows, ``-log p_label`` on clean rows.

    ``gradient = (probs - posterior) / B`` on noisy rows, where ``posterior_k`` is proportional to ``p_k T_k,label``,
    and ``(probs - onehot(label)) / B`` on clean ones. T is the mean of a first model's probabilities over the clean
    images of each class, at least 0.0001; the second model starts again and trains on both sets.

    Args:
        first_share, transition: as for ``UsesTransition``.

    Source: Hendrycks et al., Using Trusted Data to Train Deep Networks on Labels Corrupted by Severe Noise,
    NeurIPS 2018.
    """

    all_steps_identical = True
    name, title = "glc", "GLC"
    source = (
        "Hendrycks et al., Using Trusted Data to Train Deep Networks on Labels Corrupted by Severe Noise, NeurIPS 2018"
    )

    second_source: ClassVar[str] = "both"

    def logit_gradient(self, step: Step) -> Matrix:
        self.require_ready(step)
        logits = step.logits.detach().to(step.probs.dtype)
        corrected = step.probs - true_class_posterior(logits, step.labels, log_rates(self.transition))
        if step.is_meta is not None:
            corrected = torch.where(step.is_meta[:, None], step.flows, corrected)
        return corrected / len(step)

    def snapshot(self) -> dict[str, Tensor]:
        """``transition``: the matrix in use after each epoch."""
        return {"transition": self.transition}
