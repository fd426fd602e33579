"""CMW-Net: as Meta-Weight-Net, but each family of classes of similar size has its own weight curve."""

from functools import partial
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gdw.gradients.step import Step
from gdw.methods.base import Matrix, register
from gdw.methods.class_counts import UsesClassCounts
from gdw.methods.settings import Number
from gdw.methods.weight_net import CURVE_LOSSES, LearnsWeightNet
from gdw.networks.weight_net import FamilyWeightNet, new_weight_net

FIT_SEED = 0  # of k-means: the families follow from the counts alone


@register
class CMWNet(UsesClassCounts, LearnsWeightNet):
    """``w_i = V(loss_i)[family of label_i]``: V has one output for each family of classes.

    Families are found by k-means on the class counts (of observed labels), the smallest classes first. V's hidden
    layer is shared by the families: the loss goes in, the family's one-hot vector chooses the output. V learns through
    a virtual step, and the same batch uses its new weights, as for MWNet.

    Left out: the paper's soft-label variant CMW-Net-SL, and its way of making a clean set from training instances with
    small losses; here there is a clean set.

    Args:
        families: at most so many; fewer if there are fewer different counts. 3 in the paper.
        class_counts: images of each observed class; by default ``prepare`` counts them.
        weight_net_lr, weight_net_decay, meta_every: as for ``LearnsWeightNet``.

    Source: Shu et al., CMW-Net: Learning a Class-Aware Sample Weighting Mapping for Robust Deep Learning, TPAMI 2023.
    """

    name, title = "cmw-net", "CMW-Net"
    all_steps_identical = True
    source = (
        "Shu et al., CMW-Net: Learning a Class-Aware Sample Weighting Mapping for Robust Deep Learning, TPAMI 2023"
    )
    rules: ClassVar = {"families": Number(1, whole=True)}

    def __init__(self, *args, families: int = 3, **kwargs):
        super().__init__(*args, **kwargs)
        build = partial(FamilyWeightNet, int(families))
        self.families = families
        self.weight_net = build() if self.generator is None else new_weight_net(self.generator, build)
        self.optimizer = self._adam(self.weight_net.parameters())
        self.register_buffer("family", torch.zeros(self.num_classes, dtype=torch.long))
        self.use_given_counts()

    def use_counts(self, counts: Int[Tensor, "classes"]) -> None:
        self.family.copy_(class_families(counts, self.families))

    def instance_weights(self, step: Step) -> Float[Tensor, "batch 1"]:
        """``V(loss)`` of the observed label's family, in (0, 1), with its graph."""
        return self.weight_net(step.losses, self.family[step.labels])

    def logit_gradient(self, step: Step) -> Matrix:
        self.require_prepared(step)
        weights = self.instance_weights(step).expand_as(step.flows)
        if self.is_meta_step():
            self.learn(weights, step.meta_gradient(weights))
        with torch.no_grad():
            return self.instance_weights(step) * step.flows / len(step)

    @torch.no_grad()
    def snapshot(self) -> dict[str, Tensor]:
        """``family_curves`` ``[families, 33]``: V at the losses 0, 0.25, ..., 8 nats."""
        losses = CURVE_LOSSES.to(next(self.weight_net.parameters()))
        return {"family_curves": self.weight_net.of_all_families(losses).T}

    def get_extra_state(self) -> dict:
        return {**LearnsWeightNet.get_extra_state(self), **UsesClassCounts.get_extra_state(self)}

    def set_extra_state(self, state: dict) -> None:
        LearnsWeightNet.set_extra_state(self, state)
        UsesClassCounts.set_extra_state(self, state)


def class_families(counts: Int[Tensor, "classes"], families: int) -> Int[Tensor, "classes"]:
    """Which family each class belongs to, by k-means on the counts; family 0 has the smallest classes."""
    from sklearn.cluster import KMeans

    sizes = counts.cpu().numpy().astype(np.float64)[:, None]
    families = min(families, len(np.unique(sizes)))
    found = KMeans(families, n_init=10, random_state=FIT_SEED).fit(sizes)
    rank = found.cluster_centers_[:, 0].argsort().argsort()
    return torch.from_numpy(rank[found.labels_])
