"""The baselines without weights: cross-entropy on the training set, the clean set, both, or one after the other."""

from collections.abc import Sequence
from typing import Any, ClassVar

from gdw.data.task import Task
from gdw.errors import Number
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Method, Phase, register
from gdw.methods.transition import share_of_epochs


@register
class CrossEntropy(Method):
    """Cross-entropy on the training set with its observed labels: the flows as they are.

    ``gradient = (probs - onehot(labels)) / B``.
    """

    name, title, source = "cross-entropy", "cross-entropy", "the standard loss"
    supports_many_seeds = all_steps_identical = True

    def logit_gradient(self, step: Step) -> Matrix:
        return step.flows / len(step)


class OtherBatches(Method):
    """Base of baselines that are cross-entropy on other batches, from the sources of their phases.

    In a loop of your own, draw the batches of each phase in ``method.phases(None, epochs)`` from its source and take
    the gradient of its own method. On the usual batches these methods would be cross-entropy under another name, so
    they give no gradient themselves.
    """

    def logit_gradient(self, step: Step) -> Matrix:
        raise ValueError(
            f"{self.name} is cross-entropy on batches that it chooses: for each phase of method.phases(None, epochs) "
            "draw the batches from phase.source and take phase.method.logit_gradient(step)"
        )


@register
class OnlyClean(OtherBatches):
    """Cross-entropy on the clean set alone: what the clean set is worth without the training data."""

    name, title, source = "only-clean", "only the clean set", "baseline"
    supports_many_seeds = all_steps_identical = True

    def phases(self, task: Task | None, epochs: int) -> Sequence[Phase]:
        return [Phase(CrossEntropy(), "meta", epochs)]


@register
class Pooled(OtherBatches):
    """Cross-entropy on training and clean set together: the clean images are a few more examples."""

    name, title, source = "pooled", "pooled (train + clean)", "baseline"
    supports_many_seeds = all_steps_identical = True

    def phases(self, task: Task | None, epochs: int) -> Sequence[Phase]:
        return [Phase(CrossEntropy(), "both", epochs)]


@register
class FineTune(OtherBatches):
    """Cross-entropy on the training set, then on the clean set; each with its own cosine schedule.

    Args:
        train_share: share of the epochs, in [0, 1], for the training set; each set gets at least one epoch.
        lr_scale: learning rate of the second part, as a factor.
    """

    name, title, source = "fine-tune", "fine-tune", "baseline; named in MWNet (Shu et al., NeurIPS 2019)"
    supports_many_seeds = all_steps_identical = True
    rules: ClassVar = {"train_share": Number(0, 1), "lr_scale": Number(0)}

    def __init__(self, *args: Any, train_share: float = 0.5, lr_scale: float = 0.1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.train_share, self.lr_scale = train_share, lr_scale

    def phases(self, task: Task | None, epochs: int) -> Sequence[Phase]:
        why = f"{self.name} trains on the training set, then on the clean set"
        first, second = share_of_epochs(epochs, self.train_share, why)
        return [Phase(CrossEntropy(), "train", first), Phase(CrossEntropy(), "meta", second, lr_scale=self.lr_scale)]
