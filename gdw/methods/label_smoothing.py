"""Label smoothing: the target gives a little to every class, so no label is fully believed."""

from gdw.errors import require_between
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Method, register


@register
class LabelSmoothing(Method):
    """``gradient = (probs - (1 - s) onehot(labels) - s / C) / B``.

    Against cross-entropy every flow loses ``s / C``, and the observed label's gets ``s`` back.

    Args:
        smoothing: s in [0, 1], shared by all C classes, the observed one included.

    Source: Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016.
    """

    name, title = "label-smoothing", "label smoothing"
    many_seeds = capturable = True
    source = "Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016"

    def __init__(self, *args, smoothing: float = 0.1, **kwargs):
        super().__init__(*args, **kwargs)
        require_between("smoothing", smoothing, 0, 1)
        self.smoothing = smoothing

    def logit_gradient(self, step: Step) -> Matrix:
        onehot = step.probs - step.flows
        target = (1 - self.smoothing) * onehot + self.smoothing / step.num_classes
        return (step.probs - target) / len(step)
