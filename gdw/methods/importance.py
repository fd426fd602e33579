"""Importance reweighting: an instance counts as much as its observed label would on clean data."""

from collections.abc import Sequence

import torch
from torch import nn

from gdw.errors import require_between
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Method, Stage, register
from gdw.methods.transition import estimate_transition, share_of_epochs

LARGEST_RATIO = 10.0  # of the two posteriors; beyond it one instance would outweigh a tenth of a batch


@register
class ImportanceReweighting(Method):
    """``w_i = p(true = label_i | x_i) / p(observed = label_i | x_i)``, with ``p(observed | x) = p T``.

    Weighted so, the expected loss on noisy labels is the expected loss on clean ones. A first model, trained on
    the observed labels, gives T on the clean set; the second starts anew and weighs by its own posterior.

    Args:
        first_share: share of the epochs, in (0, 1), spent on the first model.
        transition: T as nested sequences, where it is known; there is then no first model.

    Source: Liu and Tao, Classification with Noisy Labels by Importance Reweighting, TPAMI 2016, for two classes;
    for C classes under T as in Xia et al., Are Anchor Points Really Indispensable, NeurIPS 2019. T comes from the
    clean set here (as in GLC), from anchor points there; ratios are cut at 10, which is ours.
    """

    capturable = True
    name, title = "importance", "importance reweighting"
    source = "Liu and Tao, Classification with Noisy Labels by Importance Reweighting, TPAMI 2016"

    def __init__(self, *args, first_share: float = 0.5, transition: Sequence | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        require_between("first_share", first_share, 0, 1)
        self.first_share, self.known, self.prepared = first_share, transition is not None, 0
        matrix = torch.eye(self.num_classes or 0) if transition is None else torch.tensor(transition)
        self.register_buffer("transition", matrix)

    def stages(self, task, epochs: int) -> list[Stage]:
        self.prepared = 0
        if self.known or epochs < 2:
            return [Stage("train", epochs)]
        first, second = share_of_epochs(epochs, self.first_share)
        return [Stage("train", first), Stage("train", second, restart=True)]

    def prepare(self, task, model: nn.Module) -> None:
        """Before the second stage the first one's model gives the matrix; until then it is the identity."""
        self.prepared += 1
        if self.prepared == 2 and not self.known:
            self.transition.copy_(estimate_transition(model, task))

    def logit_gradient(self, step: Step) -> Matrix:
        return self.instance_weights(step) * step.flows / len(step)

    def instance_weights(self, step: Step) -> Matrix:
        """The ratio of both posteriors of the observed label, [B, 1]."""
        clean, noisy = step.probs, step.probs @ self.transition.to(step.probs.dtype)
        label = step.labels[:, None]
        tiny = torch.finfo(clean.dtype).tiny
        return (clean.gather(1, label) / noisy.gather(1, label).clamp_min(tiny)).clamp(max=LARGEST_RATIO)
