"""CMW-Net: as Meta-Weight-Net, but each family of classes of similar size has its own weight curve."""

from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn

from gdw.data.task import Task
from gdw.errors import Flag, Number
from gdw.gradients.flows import one_hot
from gdw.gradients.step import Step
from gdw.methods.base import Column, Matrix, register
from gdw.methods.l2rw import TINY
from gdw.methods.learned_weights import CURVE_LOSSES
from gdw.methods.mwnet import WeighsInstances
from gdw.methods.preparing import UsesClassCounts
from gdw.networks.weight_net import FamilyWeightNet

FIT_SEED = 0  # of k-means: the families follow from the counts alone


@register
class CMWNet(UsesClassCounts, WeighsInstances):
    """``w_i = V(loss_i)[family of label_i]``: V has one output for each family of classes.

    Families are found by k-means on the class counts (of observed labels), the smallest classes first. V's hidden
    layer is shared by the families: the loss goes in, the family's one-hot vector chooses the output. V learns through
    a virtual step, and the same batch uses its new weights, as for MWNet. Virtual and real step send back

        (w_i (probs_i - onehot(label_i)) + (1 - w_i) (probs_i - z_i)) / B,

    where ``z_i`` are the probabilities that a running average of the model gives for the same images, as constants:
    the model's own labels (CMW-Net-SL). After each step of the optimiser the average's parameters become
    ``own_labels average + (1 - own_labels) model``. With ``own_labels = 0`` the average is the model, ``z = probs``,
    and the second part is 0: this is the paper's weighted mean, ``sum_i w_i loss_i / B``.

    Left out: mixup, epochs of cross-entropy first, and the published way of making a clean set from training instances
    with small losses; here there is a clean set (docs/quirks.md).

    Args:
        families: the largest number of them; fewer if there are fewer different counts. 3 in the paper.
        divide_by_weights: divide by ``sum_i w_i``, as a constant, instead of B: the published code for unbalanced
            classes. With own labels both are B, since the two weights of an instance sum to 1.
        own_labels: share in [0, 1] that the average of the model keeps in each step; 0.997 in the published code for
            wrong labels.
        class_counts: images of each observed class; by default those of the task.
        weight_net_lr, weight_net_decay, meta_every: as for ``LearnsWeightNet``.

    Source: Shu et al., CMW-Net: Learning a Class-Aware Sample Weighting Mapping for Robust Deep Learning, TPAMI 2023;
    ``divide_by_weights`` and the average behind ``own_labels`` from its published code.
    """

    name, title = "cmw-net", "CMW-Net"
    all_steps_identical = True
    source = "Shu et al., CMW-Net: Learning a Class-Aware Sample Weighting Mapping for Robust Deep Learning, TPAMI 2023"
    rules: ClassVar = {"families": Number(1, whole=True), "divide_by_weights": Flag(), "own_labels": Number(0, 1)}

    weight_net: FamilyWeightNet
    family: Tensor  # of each class

    def __init__(
        self, *args: Any, families: int = 3, divide_by_weights: bool = False, own_labels: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.families, self.divide_by_weights, self.own_labels = families, divide_by_weights, own_labels
        self.average: dict[str, Tensor] = {}  # the averaged model's parameters, from the first step on
        self.weight_net = self.new_network(partial(FamilyWeightNet, int(families)))
        self.optimizer = self._adam(self.weight_net.parameters())
        self.register_buffer("family", torch.zeros(self.num_classes, dtype=torch.long))
        self.use_given_counts()

    def begin(self, task: Task | None, epochs: int, model: nn.Module) -> None:
        super().begin(task, epochs, model)
        self.average = {}

    def use_counts(self, counts: Int[Tensor, "classes"]) -> None:
        self.family.copy_(class_families(counts, self.families))

    def instance_weights(self, step: Step) -> Column:
        """``V(loss)`` of the observed label's family, with its graph; in (0, 1), or scaled to the sum B."""
        weights: Tensor = self.weight_net(step.losses, self.family[step.labels])
        if self.divide_by_weights and not self.own_labels:
            return weights * (len(step) / weights.detach().sum().clamp_min(TINY))
        return weights

    def logit_gradient(self, step: Step) -> Matrix:
        self.require_ready(step)
        return self.with_own_labels(step) if self.own_labels else super().logit_gradient(step)

    def with_own_labels(self, step: Step) -> Matrix:
        """``(probs - q) / B`` as for MLC, with the targets ``q_i = w_i onehot(label_i) + (1 - w_i) z_i``."""
        own, observed = self.predictions(step), one_hot(step.labels, step.num_classes).to(step.probs.dtype)
        if self.is_meta_step():
            targets = own.lerp(observed, self.instance_weights(step))
            self.learn(targets, step.target_gradient(targets))
        with torch.no_grad():
            return (step.probs - own.lerp(observed, self.instance_weights(step))) / len(step)

    @torch.no_grad()
    def predictions(self, step: Step) -> Matrix:
        """The averaged model's probabilities, after the average was moved towards the model as it is now."""
        for name, parameter in step.model.named_parameters():
            kept = self.average[name] if name in self.average else parameter.clone()
            self.average[name] = kept.to(parameter.device).lerp_(parameter, 1 - self.own_labels)
        return step.rows(step.output_at(self.average)).to(step.probs.dtype).softmax(dim=-1)

    @torch.no_grad()
    def snapshot(self) -> dict[str, Tensor]:
        """``family_curves`` ``[families, 33]``: V at the losses 0, 0.25, ..., 8 nats."""
        losses = CURVE_LOSSES.to(next(self.weight_net.parameters()))
        return {"family_curves": self.weight_net.of_all_families(losses).T}


def class_families(counts: Int[Tensor, "classes"], families: int) -> Int[Tensor, "classes"]:
    """Which family each class belongs to, by k-means on the counts; family 0 has the smallest classes."""
    from sklearn.cluster import KMeans

    sizes = counts.cpu().numpy().astype(np.float64)[:, None]
    families = min(families, len(np.unique(sizes)))
    found = KMeans(families, n_init=10, random_state=FIT_SEED).fit(sizes)
    rank = found.cluster_centers_[:, 0].argsort().argsort()
    return torch.from_numpy(rank[found.labels_])
