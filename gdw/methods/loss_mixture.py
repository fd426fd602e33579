"""Loss mixture: two groups of losses, and each instance's weight is its probability of being in the small one."""

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gdw.data.task import Task
from gdw.errors import Number
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Phase, register
from gdw.methods.keeping import KeepsInstances
from gdw.methods.transition import share_of_epochs

FIT = {"max_iter": 10, "tol": 1e-2, "reg_covar": 5e-4}  # as published
FIT_SEED = 0  # of k-means, which starts the fit: the weights follow from the losses alone
FEWEST = 2  # different losses that a mixture of two needs


@register
class LossMixture(KeepsInstances):
    """``gradient = w_i (probs - onehot(labels)) / B``; ``w_i`` is the probability that loss i is of the small group.

    After ``warm_up`` epochs of cross-entropy, each epoch begins with a fit: a mixture of two Gaussians on the losses
    of all instances, scaled to [0, 1]. ``w_i`` is the posterior probability of the Gaussian with the smaller mean.
    An instance that was not seen yet has weight 1, and so has every instance if all losses are equal.

    This is DivideMix's split of the training set alone. Left out is its semi-supervised half: guessed labels for the
    instances of the other group, MixMatch, and a second network whose mixture is used. The weight takes the place of
    the split at 0.5. Losses are those of the last epoch as they came up in training, not of a pass of their own.

    Args:
        warm_up: epochs of cross-entropy before the first fit; 10 of 300 on CIFAR-10 in the paper, 30 on CIFAR-100. A
            run that is no longer than this is cross-entropy, and a warning says so.

    Raises:
        ValueError: ``num_instances`` was not given; the Step's indices are missing or wrong; a run of one epoch.

    Source: Li, Socher and Hoi, DivideMix: Learning with Noisy Labels as Semi-supervised Learning, ICLR 2020, section
    3.1; after Arazo et al., Unsupervised Label Noise Modeling and Loss Correction, ICML 2019.
    """

    name, title = "loss-mixture", "loss mixture"
    source = "Li, Socher and Hoi, DivideMix: Learning with Noisy Labels as Semi-supervised Learning, ICLR 2020"
    rules: ClassVar = {"warm_up": Number(1, whole=True)}
    losses: Tensor
    weights: Tensor

    def __init__(self, *args: Any, warm_up: int = 10, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.warm_up = warm_up
        self.fitted_for = -1  # the epoch that the weights are for
        self.register_buffer("losses", torch.full((self.num_instances,), torch.nan))
        self.register_buffer("weights", torch.ones(self.num_instances))

    def phases(self, task: Task | None, epochs: int) -> Sequence[Phase]:
        share_of_epochs(epochs, 0.5, f"{self.name} collects losses in one epoch and fits its groups before the next")
        if epochs <= self.warm_up:
            warnings.warn(
                f"{self.name} is cross-entropy in this run: its first fit comes after {self.warm_up} epochs (warm_up), "
                f"and the run has {epochs}. Give a smaller warm_up, or more epochs",
                stacklevel=2,
            )
        return super().phases(task, epochs)

    def logit_gradient(self, step: Step) -> Matrix:
        if step.epoch >= self.warm_up and step.epoch != self.fitted_for:
            self.weights.copy_(small_loss_probability(self.losses))
            self.fitted_for = step.epoch
        weights = self.of_batch("weights", step)
        self.write("losses", step, step.losses)
        return weights[:, None] * step.flows / len(step)

    def snapshot(self) -> dict[str, Tensor]:
        """``small_loss_share``: the mean weight of all instances."""
        return {"small_loss_share": self.weights.mean()}


def small_loss_probability(losses: Float[Tensor, "instances"]) -> Float[Tensor, "instances"]:
    """Each loss's probability of the Gaussian with the smaller mean; 1 where the loss is not a finite number."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    found = losses.cpu().numpy()
    probabilities, known = np.ones_like(found), np.isfinite(found)
    values = found[known].astype(np.float64)
    if len(np.unique(values)) < FEWEST:
        return torch.from_numpy(probabilities)
    scaled = ((values - values.min()) / (values.max() - values.min()))[:, None]
    mixture = GaussianMixture(2, random_state=FIT_SEED, **FIT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # ten rounds are the published choice
        mixture.fit(scaled)
    probabilities[known] = mixture.predict_proba(scaled)[:, mixture.means_.argmin()]
    return torch.from_numpy(probabilities)
