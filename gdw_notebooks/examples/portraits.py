"""What every method sends back for the same batch: the data of the flow portraits."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gdw.experiments.experiment import Experiment
from gdw.experiments.fields import PRECISIONS
from gdw.gradients.step import Step
from gdw.training.run import Training

SHARED = Experiment(noise="uniform", rate=0.6, method="cross-entropy", epochs=10, device="cpu")
OWN_EPOCHS = 20  # of each method's own run, in which its V, matrix or peer network learns


@dataclass(frozen=True)
class Portraits:
    """Logit gradients times B of one batch; cross-entropy's are then the flows themselves.

    Attributes:
        gradients: by method, ``[B, C]``.
        labels, true_labels: observed and true, ``[B]``.
    """

    gradients: dict[str, Float[Tensor, "batch classes"]]
    labels: Int[Tensor, "batch"]
    true_labels: Int[Tensor, "batch"]


def portraits(methods: Sequence[str], shared: Experiment = SHARED, own_epochs: int = OWN_EPOCHS) -> Portraits:
    """Let every method look at the first batch through the same network.

    The network is cross-entropy's after ``shared.epochs`` epochs. Each method first has its own run on the same data
    for ``own_epochs`` epochs, where it learns or estimates what it needs; then it sees the shared network's Step.
    """
    training = _trained(shared)
    task, model = training.task, training.model
    rows, dtype = torch.arange(shared.batch_size), PRECISIONS[shared.precision]
    gradients = {}
    for name in methods:
        method = _trained(shared.with_(method=name, epochs=own_epochs)).method_at(own_epochs - 1)
        step = Step(
            model, task.pixels.normalise(task.train.images[rows], dtype), task.train.labels[rows], indices=rows,
            meta_batch=(task.pixels.normalise(task.meta.images, dtype), task.meta.labels), lr=shared.lr,
            epoch=own_epochs - 1,
        )  # fmt: skip
        gradients[name] = method.logit_gradient(step).detach() * len(step)
    return Portraits(gradients, task.train.labels[rows], task.true_labels[rows])


def _trained(experiment: Experiment) -> Training:
    training = Training(experiment)
    for _ in training.events():
        pass
    return training
