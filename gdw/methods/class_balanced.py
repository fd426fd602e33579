"""Class-balanced loss: the weight of a class is the inverse of its effective number of images."""

from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gdw.errors import Number
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, register
from gdw.methods.preparing import UsesClassCounts


def effective_number(counts: Int[Tensor, "classes"], beta: float) -> Float[Tensor, "classes"]:
    """``E_n = (1 - beta^n) / (1 - beta)``: the more images, the more they overlap; n itself at beta = 1.

    Source: Cui et al., CVPR 2019, proposition 1.
    """
    counts = counts.double()
    return counts if beta == 1 else (1 - beta**counts) / (1 - beta)


def class_balanced_weights(counts: Int[Tensor, "classes"], beta: float) -> Float[Tensor, "classes"]:
    """``1 / E_n`` for each class, scaled to mean 1; a class without an image gets 0."""
    inverse = torch.where(counts > 0, 1 / effective_number(counts, beta).clamp_min(1), 0.0)
    return inverse / inverse.mean()


@register
class ClassBalanced(UsesClassCounts):
    """``gradient = w_label (probs - onehot(labels)) / B`` with ``w`` proportional to ``(1 - beta) / (1 - beta^n)``.

    beta near 0 is cross-entropy, beta near 1 weights by inverse frequency. Counts are of the observed labels.

    Args:
        beta: in [0, 1]; the paper tries 0.9, 0.99, 0.999 and 0.9999.
        class_counts: images of each class; by default those of the task.

    Source: Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019 (its softmax form).
    """

    all_steps_identical = True
    name, title = "class-balanced", "class-balanced loss"
    source = "Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019"
    rules: ClassVar = {"beta": Number(0, 1)}
    class_weights: Tensor

    def __init__(self, *args: Any, beta: float = 0.999, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.beta = beta
        self.register_buffer("class_weights", torch.ones(self.num_classes))
        self.use_given_counts()

    def use_counts(self, counts: Int[Tensor, "classes"]) -> None:
        self.class_weights.copy_(class_balanced_weights(counts, self.beta))

    def logit_gradient(self, step: Step) -> Matrix:
        self.require_ready(step)
        return self.class_weights[step.labels, None] * step.flows / len(step)
