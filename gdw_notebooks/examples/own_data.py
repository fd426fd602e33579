"""Mean losses and weights of pictures whose true labels nobody knows, in a run with the confirmed ones as clean set."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from gdw.comparison.audit.by_method import task_of_observed
from gdw.data.dataset import Dataset
from gdw.data.task import Task
from gdw.experiments.experiment import Experiment
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


def suspicion(
    dataset: Dataset, confirmed: Int[Tensor, "confirmed"], labels: Int[Tensor, "confirmed"], experiment: Experiment
) -> Suspicion:
    """Train on the pictures that nobody has confirmed, and ask after each epoch for losses and weights.

    Args:
        confirmed: places of the pictures that a person has checked; they are the clean set.
        labels: what these pictures show.
        experiment: names the method, the model, the number of epochs and the seed.
    """
    places = np.setdiff1d(np.arange(len(dataset.labels)), confirmed.numpy())
    task = task_of_observed(dataset, dataset.labels.numpy(), places, (confirmed.numpy(), labels.numpy()))
    training = Training(experiment, task=task)
    losses, weights = [], []
    for event in training.events():
        if isinstance(event, EpochDone):
            losses.append(_losses(training, task))
            weights.append(event.instance_weights.cpu().double().numpy())
    return Suspicion(places, np.mean(losses, axis=0), np.nanmean(weights, axis=0))


@torch.no_grad()
def _losses(training: Training, task: Task) -> Float[np.ndarray, "judged"]:
    was_training = training.model.training
    training.model.eval()
    inputs = task.pixels.normalise(task.train.images, next(training.model.parameters()).dtype)
    losses = cross_entropy(training.model(inputs), task.train.labels, reduction="none")
    training.model.train(was_training)
    return losses.double().numpy()
