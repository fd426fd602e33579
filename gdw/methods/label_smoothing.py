"""Label smoothing: every class gets a small part of the target, so no label is fully believed."""

from typing import Any, ClassVar

from gdw.errors import Number
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Method, register


@register
class LabelSmoothing(Method):
    """``gradient = (probs - (1 - s) onehot(labels) - s / C) / B``.

    Compared with cross-entropy, every flow loses ``s / C``, and the flow of the observed label gains ``s``.

    Args:
        smoothing: s in [0, 1], shared by all C classes, the observed one included.

    Source: Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016.
    """

    name, title = "label-smoothing", "label smoothing"
    supports_many_seeds = all_steps_identical = True
    source = "Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016"
    rules: ClassVar = {"smoothing": Number(0, 1)}

    def __init__(self, *args: Any, smoothing: float = 0.1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.smoothing = smoothing

    def logit_gradient(self, step: Step) -> Matrix:
        onehot = step.probs - step.flows
        target = (1 - self.smoothing) * onehot + self.smoothing / step.num_classes
        return (step.probs - target) / len(step)
