"""The baselines that weight nothing: cross-entropy on the training set, the clean set, both, or one after the other."""

from gdw.errors import require_between
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Method, Stage, register


@register
class CrossEntropy(Method):
    """``gradient = (probs - onehot(labels)) / B``: the flows as they are."""

    name, title, source = "cross-entropy", "cross-entropy", "the standard loss"
    many_seeds = capturable = True

    def logit_gradient(self, step: Step) -> Matrix:
        return step.flows / len(step)


@register
class OnlyClean(CrossEntropy):
    """Cross-entropy on the clean set alone: what the meta set is worth without the training data."""

    name, title, source = "only-clean", "only the clean set", "baseline"
    many_seeds = capturable = True

    def stages(self, task, epochs: int) -> list[Stage]:
        return [Stage("meta", epochs)]


@register
class Pooled(CrossEntropy):
    """Cross-entropy on training and clean set together: the clean images as fifty more examples."""

    name, title, source = "pooled", "pooled (train + clean)", "baseline"
    many_seeds = capturable = True

    def stages(self, task, epochs: int) -> list[Stage]:
        return [Stage("both", epochs)]


@register
class FineTune(CrossEntropy):
    """Cross-entropy on the training set, then on the clean set; each with its own cosine schedule.

    Args:
        train_share: share of the epochs, in (0, 1), spent on the training set.
        lr_scale: learning rate of the second part, as a factor.
    """

    name, title, source = "fine-tune", "fine-tune", "baseline; named in MWNet (Shu et al., NeurIPS 2019)"
    many_seeds = capturable = True

    def __init__(self, *args, train_share: float = 0.5, lr_scale: float = 0.1, **kwargs):
        super().__init__(*args, **kwargs)
        require_between("train_share", train_share, 0, 1)
        self.train_share, self.lr_scale = train_share, lr_scale

    def stages(self, task, epochs: int) -> list[Stage]:
        first = round(epochs * self.train_share)
        parts = [Stage("train", first), Stage("meta", epochs - first, lr_scale=self.lr_scale)]
        return [part for part in parts if part.epochs]
