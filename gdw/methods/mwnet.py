"""Meta-Weight-Net: one weight per instance, from its loss, by a network that learns from the clean set."""

import torch

from gdw.flows import zero_mean
from gdw.methods.base import Matrix, register
from gdw.methods.weight_net import LearnsWeightNet
from gdw.step import Step


@register
class MWNet(LearnsWeightNet):
    """``w_i = V(loss_i)``: V learns through a virtual step, and its new weights count at once.

    Args:
        max_prob: reproduces the reference implementation, which passes these weights through GDW's constraint
            with clamped probabilities (docs/quirks.md). Off by default: the weights are equal within an instance, and the
            exact constraint leaves them alone.

    Source: Shu et al., Meta-Weight-Net, NeurIPS 2019.
    """

    name, title = "mwnet", "MWNet"
    source = "Shu et al., Meta-Weight-Net: Learning an Explicit Mapping for Sample Weighting, NeurIPS 2019"

    def __init__(self, *args, max_prob: float | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.max_prob = max_prob

    def weights(self, step: Step) -> Matrix:
        weights = self.instance_weights(step).expand_as(step.flows)
        if self.max_prob is None:
            return weights
        return zero_mean(weights, step.logits.detach(), step.labels, self.max_prob)

    def logit_gradient(self, step: Step) -> Matrix:
        weights = self.weights(step)
        self.learn(weights, step.meta_gradient(weights))
        with torch.no_grad():
            return self.weights(step) * step.flows / len(step)
