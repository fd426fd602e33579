"""The baselines without weights: cross-entropy on the training set, the clean set, both, or one after the other."""

from typing import ClassVar

from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Method, Stage, register
from gdw.methods.settings import Number
from gdw.methods.transition import share_of_epochs


class EqualWeights(Method):
    """``gradient = (probs - onehot(labels)) / B``: the flows as they are."""

    supports_many_seeds = all_steps_identical = True

    def logit_gradient(self, step: Step) -> Matrix:
        return step.flows / len(step)


@register
class CrossEntropy(EqualWeights):
    """Cross-entropy on the training set with its observed labels."""

    name, title, source = "cross-entropy", "cross-entropy", "the standard loss"


class OtherBatches(EqualWeights):
    """Base of baselines that are cross-entropy on other batches, which ``stages`` names.

    In a loop of your own call ``method.stages(None, epochs)`` and draw the batches from the sources it names. Before
    that these methods refuse to step: on the usual batches they would be cross-entropy under another name.
    """

    supports_many_seeds = all_steps_identical = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.planned = False

    def logit_gradient(self, step: Step) -> Matrix:
        if not self.planned:
            raise ValueError(
                f"{self.name} is cross-entropy on batches that it chooses: call method.stages(None, epochs) before "
                "training and draw the batches from the source of each stage"
            )
        return super().logit_gradient(step)


@register
class OnlyClean(OtherBatches):
    """Cross-entropy on the clean set alone: what the clean set is worth without the training data."""

    name, title, source = "only-clean", "only the clean set", "baseline"

    def stages(self, task, epochs: int) -> list[Stage]:
        self.planned = True
        return [Stage("meta", epochs)]


@register
class Pooled(OtherBatches):
    """Cross-entropy on training and clean set together: the clean images are a few more examples."""

    name, title, source = "pooled", "pooled (train + clean)", "baseline"

    def stages(self, task, epochs: int) -> list[Stage]:
        self.planned = True
        return [Stage("both", epochs)]


@register
class FineTune(OtherBatches):
    """Cross-entropy on the training set, then on the clean set; each with its own cosine schedule.

    Args:
        train_share: share of the epochs, in (0, 1), for the training set; each set gets at least one epoch.
        lr_scale: learning rate of the second part, as a factor.
    """

    name, title, source = "fine-tune", "fine-tune", "baseline; named in MWNet (Shu et al., NeurIPS 2019)"
    rules: ClassVar = {"train_share": Number(0, 1), "lr_scale": Number(0)}

    def __init__(self, *args, train_share: float = 0.5, lr_scale: float = 0.1, **kwargs):
        super().__init__(*args, **kwargs)
        self.train_share, self.lr_scale = train_share, lr_scale

    def stages(self, task, epochs: int) -> list[Stage]:
        self.planned = True
        why = f"{self.name} trains on the training set, then on the clean set"
        first, second = share_of_epochs(epochs, self.train_share, why)
        return [Stage("train", first), Stage("meta", second, lr_scale=self.lr_scale)]
