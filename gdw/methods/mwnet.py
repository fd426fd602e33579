"""Meta-Weight-Net: one weight per instance, from its loss, by a network that learns from the clean set."""

import torch

from gdw.gradients.step import Step
from gdw.methods.base import Matrix, register
from gdw.methods.learned_weights import LearnsWeightNet


class WeighsInstances(LearnsWeightNet):
    """Base of methods with ``w_i = V(loss_i)``: V learns through a virtual step, and the batch uses its new weights."""

    def logit_gradient(self, step: Step) -> Matrix:
        if self.is_meta_step():
            weights = self.instance_weights(step).expand_as(step.flows)
            self.learn(weights, step.meta_gradient(weights))
        with torch.no_grad():
            return self.instance_weights(step) * step.flows / len(step)


@register
class MWNet(WeighsInstances):
    """``gradient = V(loss_i) (probs_i - onehot(label_i)) / B``, where V has learnt from this batch.

    Source: Shu et al., Meta-Weight-Net, NeurIPS 2019.
    """

    name, title = "mwnet", "MWNet"
    supports_many_seeds = all_steps_identical = True
    source = "Shu et al., Meta-Weight-Net: Learning an Explicit Mapping for Sample Weighting, NeurIPS 2019"
