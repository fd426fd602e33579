"""Generalised cross-entropy: between cross-entropy, which fits every label, and an error that no label dominates."""

from typing import Any, ClassVar

import torch

from gdw.errors import Number
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Method, register


@register
class GCE(Method):
    """``loss = (1 - p_t^q) / q``: an instance weight on cross-entropy's flows.

    ``gradient = p_t^q (probs - onehot(labels)) / B``, where p_t is the probability of the observed label. A label that
    the model does not believe counts less, the opposite of focal loss. At q = 0 the loss is cross-entropy (the limit),
    at q = 1 half of the mean absolute error between probabilities and label.

    The paper's truncated loss, which leaves out instances with p_t <= k from some epoch on, is left out
    (docs/quirks.md).

    Args:
        q: in [0, 1]; 0.7 is the paper's choice.

    Source: Zhang and Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels,
    NeurIPS 2018, equations 6 and 7.
    """

    name, title = "gce", "GCE"
    supports_many_seeds = all_steps_identical = True
    source = (
        "Zhang and Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels, "
        "NeurIPS 2018"
    )
    rules: ClassVar = {"q": Number(0, 1)}

    def __init__(self, *args: Any, q: float = 0.7, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.q = q

    def logit_gradient(self, step: Step) -> Matrix:
        return torch.exp(-self.q * step.label_losses)[..., None] * step.flows / len(step)
