"""Class-balanced loss: a class weighs by the inverse of its effective number of images."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gdw.errors import require_between
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Method, register


def effective_number(counts: Int[Tensor, "classes"], beta: float) -> Float[Tensor, "classes"]:
    """``E_n = (1 - beta^n) / (1 - beta)``: n images overlap the more, the more there are; n itself at beta = 1.

    Args:
        counts: images of each class, n.
        beta: in [0, 1].

    Source: Cui et al., CVPR 2019, proposition 1.
    """
    counts = counts.double()
    return counts if beta == 1 else (1 - beta**counts) / (1 - beta)


def class_balanced_weights(counts: Int[Tensor, "classes"], beta: float) -> Float[Tensor, "classes"]:
    """``1 / E_n`` for each class, scaled so that their mean is 1; a class without an image gets 0."""
    inverse = torch.where(counts > 0, 1 / effective_number(counts, beta).clamp_min(1), 0.0)
    return inverse / inverse.mean()


def observed_counts(task) -> Int[Tensor, "classes"]:
    """Images of each observed class: the true one is not for a method to see."""
    return torch.bincount(task.train.labels, minlength=task.num_classes)


@register
class ClassBalanced(Method):
    """``gradient = w_label (probs - onehot(labels)) / B`` with ``w`` proportional to ``(1 - beta) / (1 - beta^n)``.

    beta near 0 is cross-entropy, beta near 1 weighs by inverse frequency. Counts are of the observed labels.

    Args:
        beta: in [0, 1]; the paper tries 0.9, 0.99, 0.999 and 0.9999.

    Source: Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019 (its softmax form).
    """

    capturable = True
    name, title = "class-balanced", "class-balanced loss"
    source = "Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019"

    def __init__(self, *args, beta: float = 0.999, **kwargs):
        super().__init__(*args, **kwargs)
        require_between("beta", beta, 0, 1)
        self.beta = beta
        self.register_buffer("class_weights", torch.ones(self.num_classes or 0))

    def prepare(self, task, model: nn.Module) -> None:
        self.class_weights.copy_(class_balanced_weights(observed_counts(task), self.beta))

    def logit_gradient(self, step: Step) -> Matrix:
        return self.class_weights[step.labels, None] * step.flows / len(step)
