"""FSR: a clean set made of the training set's own instances, those whose loss a virtual step lowers most."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gdw.data.task import Task
from gdw.errors import Flag, Number
from gdw.gradients.rates import VirtualStep
from gdw.gradients.step import Step
from gdw.methods.base import Matrix, Phase, register
from gdw.methods.keeping import KeepsInstances
from gdw.methods.l2rw import helpful_share
from gdw.methods.preparing import NeedsClasses, known


@register
class FSR(NeedsClasses, KeepsInstances):
    """L2RW's weights, but the clean batch is a dictionary: for each class the ``per_class`` best training instances.

    Each batch takes a virtual step with equal weights, ``theta' = theta - lr * mean gradient``. It gives two things:

    - the weights ``w_i = max(0, - d L_dictionary / d w_i)`` at ``theta'``, divided by their sum over the batch;
    - each instance's margin, ``loss_i(theta) - loss_i(theta')``: how much a step with all others lowers its own loss.
      A wrong label is contradicted by the rest of the batch, so its margin is small.

    A running mean of the margins is kept for each training instance. At the start of each epoch a new dictionary is
    chosen: in each observed class the instances with the largest margins. Its labels are the observed ones; the clean
    set is never used. The first dictionary is the first instances of each class. In the first ``warm_up`` epochs all
    weights are equal.

    Feature sharing, the paper's other half, lets the virtual step move the last layer alone (``feature_sharing``). On
    a linear head it changes nothing.

    Left out: momentum in the virtual step, mixup, the pseudo loss and weights averaged by class. The whole dictionary
    is one batch; the published code draws 200 of its instances for each step. Instances of a class that has fewer than
    ``per_class`` are used more than once.

    Args:
        per_class: size of the dictionary for each class.
        warm_up: epochs of equal weights.
        momentum: of the running mean of margins, in [0, 1]; 0, as in the published code, keeps the last one.
        total: the sum of a batch's weights, as in L2RW; 1 in the published code.
        feature_sharing: whether the virtual step moves the last layer alone.

    Raises:
        ValueError: ``num_classes`` or ``num_instances`` was not given; ``before`` of its phase was not called, also
            before a state is loaded; the Step's indices are missing or wrong.

    Source: Zhang and Pfister, Learning Fast Sample Re-weighting Without Reward Data, ICCV 2021, and its published code.
    """

    name, title = "fsr", "FSR"
    source = "Zhang and Pfister, Learning Fast Sample Re-weighting Without Reward Data, ICCV 2021"
    rules: ClassVar = {
        "per_class": Number(1, whole=True), "warm_up": Number(0, whole=True), "momentum": Number(0, 1),
        "total": Number(0, above_low=True), "feature_sharing": Flag(),
    }  # fmt: skip

    margins: Tensor

    def __init__(
        self,
        *args: Any,
        per_class: int = 20,
        warm_up: int = 1,
        momentum: float = 0.0,
        total: float = 1.0,
        feature_sharing: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.per_class, self.warm_up, self.momentum, self.total = per_class, warm_up, momentum, total
        self.feature_sharing = feature_sharing
        self.task: Task | None = None
        self.dictionary: tuple[Tensor, Tensor] | None = None  # images as the model takes them, and observed labels
        self.dictionary_epoch = -1  # that it is for
        self.register_buffer("margins", torch.zeros(self.num_instances))

    def phases(self, task: Task | None, epochs: int) -> Sequence[Phase]:
        if epochs <= self.warm_up:
            raise ValueError(
                f"{self.name} has equal weights in the first {self.warm_up} epochs (warm_up): "
                f"epochs must be above that, got {epochs}"
            )
        return [Phase(self, epochs=epochs, before=partial(self.begin, task))]

    def begin(self, task: Task | None, model: nn.Module) -> None:
        """The first dictionary, from the task that gives all later ones too."""
        self.task = known(task)
        self.choose(0, next(model.parameters()))

    def logit_gradient(self, step: Step) -> Matrix:
        before = self.of_batch("margins", step)
        equal, problem = torch.ones_like(step.flows), step.problem_with(self.dictionary_for(step))
        if self.feature_sharing:
            problem = replace(problem, virtual_step=last_layer_of(problem.virtual_step))
        gradient = step.meta_gradient(equal, problem)
        margins = step.losses - step.losses_of(step.output_at(problem.ahead(equal)))
        self.write("margins", step, torch.lerp(margins, before, self.momentum))
        if step.epoch < self.warm_up:
            return step.flows / len(step)
        return helpful_share(gradient, self.total) * step.flows

    def dictionary_for(self, step: Step) -> tuple[Tensor, Tensor]:
        """The epoch's dictionary; it is chosen at the epoch's first step."""
        if self.dictionary is None or self.dictionary_epoch != step.epoch:
            return self.choose(step.epoch, next(step.model.parameters()))
        images, labels = self.dictionary
        return images.to(step.flows.device), labels.to(step.flows.device)  # a loaded state is on the host

    def choose(self, epoch: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Make the dictionary of an epoch, in the precision and on the device of ``like``."""
        if self.task is None:
            raise ValueError(
                "fsr chooses its dictionary from the training set: call before(model) of the phase in "
                "method.phases(task, epochs) first"
            )
        train = self.task.train
        margins = self.margins.to(train.labels.device)
        rows = largest_by_class(margins, train.labels, self.num_classes, self.per_class)
        images = train.images[rows.to(train.images.device)].to(like.device)
        images, labels = self.task.pixels.normalise(images, like.dtype), train.labels[rows].to(like.device)
        self.dictionary, self.dictionary_epoch = (images, labels), epoch
        return images, labels


def last_layer_of(virtual_step: VirtualStep) -> VirtualStep:
    """The same step of the module alone that owns the last of the parameters that it moves."""
    owner = list(virtual_step.parameters)[-1].rpartition(".")[0]
    return virtual_step.only([name for name in virtual_step.parameters if name.rpartition(".")[0] == owner])


def largest_by_class(
    values: Float[Tensor, "instances"], labels: Int[Tensor, "instances"], num_classes: int, count: int
) -> Int[Tensor, "chosen"]:
    """For each class the ``count`` instances with the largest values, the earlier one of equals, class by class.

    A class with too few instances repeats them; one with none is left out.
    """
    order = values.argsort(descending=True, stable=True)
    by_class = [order[labels[order] == label] for label in range(num_classes)]
    return torch.cat([own[torch.arange(count, device=own.device) % len(own)] for own in by_class if len(own)])
