"""GLC: the clean set gives the noise matrix; the loss on noisy labels is corrected by it."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from gdw.gradients.step import Step
from gdw.methods.base import Matrix, register
from gdw.methods.first_model import UsesTransition, as_matrix
from gdw.methods.transition import Transition, true_class_posterior


@register
class GLC(UsesTransition):
    """Gold loss correction: ``-log (p T)_label`` on noisy rows, ``-log p_label`` on clean rows.

    ``gradient = (probs - posterior) / B`` on noisy rows, where ``posterior_k`` is proportional to ``p_k T_k,label``,
    and ``(probs - onehot(label)) / B`` on clean ones. T is the mean of a first model's probabilities over the clean
    images of each class, at least 0.0001; the second model starts afresh and trains on both sets.

    Args:
        first_share: share of the epochs, in (0, 1), for the first model.
        transition: T ``[C, C]``, if it is known; there is then no first model.

    Source: Hendrycks et al., Using Trusted Data to Train Deep Networks on Labels Corrupted by Severe Noise,
    NeurIPS 2018.
    """

    all_steps_identical = True
    name, title = "glc", "GLC"
    source = (
        "Hendrycks et al., Using Trusted Data to Train Deep Networks on Labels Corrupted by Severe Noise, NeurIPS 2018"
    )

    second_source: ClassVar[str] = "both"

    def __init__(self, *args: Any, transition: Sequence | None = None, **kwargs: Any) -> None:
        super().__init__(*args, transition=transition, **kwargs)
        self.register_buffer("transition", as_matrix(transition, self.num_classes))

    def use_transition(self, transition: Transition) -> None:
        self.transition.copy_(transition)

    def logit_gradient(self, step: Step) -> Matrix:
        self.require_ready(step)
        logits = step.logits.detach()
        log_transition = self.transition.clamp_min(torch.finfo(logits.dtype).tiny).log()
        corrected = step.probs - true_class_posterior(logits, step.labels, log_transition)
        if step.is_meta is not None:
            corrected = torch.where(step.is_meta[:, None], step.flows, corrected)
        return corrected / len(step)

    def snapshot(self) -> dict[str, Tensor]:
        """``transition``: the matrix in use after each epoch."""
        return {"transition": self.transition}
