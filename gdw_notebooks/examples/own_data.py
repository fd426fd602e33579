"""Runs on pictures whose true labels nobody knows: the confirmed ones are the clean set, all others are trained on."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from gdw.data.dataset import Dataset
from gdw.data.task import Split, Task
from gdw.training.experiment import Experiment
from gdw.training.loop import EpochDone
from gdw.training.run import Training


@dataclass(frozen=True)
class Suspicion:
    """What one run says of each training picture that nobody has confirmed.

    Attributes:
        pictures: their places in the data set.
        loss: mean over the epochs of the loss on the observed label, in nats; a large one is suspicious.
        weight: mean over the epochs of the weight that the method gave; a small one is suspicious.
    """

    pictures: Int[np.ndarray, "judged"]
    loss: Float[np.ndarray, "judged"]
    weight: Float[np.ndarray, "judged"]


def own_task(dataset: Dataset, confirmed: Int[Tensor, "confirmed"], labels: Int[Tensor, "confirmed"]) -> Task:
    """A task without a truth: the observed labels are in its place, and there is no test set.

    Args:
        confirmed: places of the pictures that a person has checked; they are the clean set.
        labels: what these pictures show.
    """
    judged = torch.ones(len(dataset.labels), dtype=torch.bool)
    judged[confirmed] = False
    train = Split(dataset.images[judged], dataset.labels[judged])
    clean = Split(dataset.images[confirmed], labels)
    nothing = Split(dataset.images[:0], dataset.labels[:0])
    return Task(
        train, train.labels, clean, nothing, nothing, dataset.class_names, dataset.pixels,
        torch.eye(len(dataset.class_names), dtype=torch.float64), {}, truth_known=False,
    )  # fmt: skip


def suspicion(
    dataset: Dataset, confirmed: Int[Tensor, "confirmed"], labels: Int[Tensor, "confirmed"], experiment: Experiment
) -> Suspicion:
    """Train on the pictures that nobody has confirmed, and ask after each epoch for losses and weights.

    Args:
        confirmed, labels: as for ``own_task``.
        experiment: names the method, the model, the number of epochs and the seed.
    """
    task = own_task(dataset, confirmed, labels)
    training = Training(experiment, task=task)
    losses, weights = [], []
    for event in training.events():
        if isinstance(event, EpochDone):
            losses.append(_losses(training, task))
            weights.append(event.instance_weights.cpu().double().numpy())
    places = np.setdiff1d(np.arange(len(dataset.labels)), confirmed.numpy())
    return Suspicion(places, np.mean(losses, axis=0), np.nanmean(weights, axis=0))


@torch.no_grad()
def _losses(training: Training, task: Task) -> Float[np.ndarray, "judged"]:
    was_training = training.model.training
    training.model.eval()
    inputs = task.pixels.normalise(task.train.images, next(training.model.parameters()).dtype)
    losses = cross_entropy(training.model(inputs), task.train.labels, reduction="none")
    training.model.train(was_training)
    return losses.double().numpy()
