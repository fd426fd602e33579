"""What a method of this package says of each picture: its weight in training, and its classifier's probabilities."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from gdw.comparison.audit.heads import Labels, LogProbs, PerPicture
from gdw.data.dataset import Dataset
from gdw.data.task import Split, Task
from gdw.experiments.experiment import Experiment
from gdw.training.epoch_statistics import predict
from gdw.training.loop import EpochDone
from gdw.training.run import Training

UPSIDE_DOWN = (
    "the weights of {method} are upside down: they are larger where the label is less likely (rank correlation "
    "{correlation:+.2f} with the held-out probability of the observed label); do not use this ranking, or train for "
    "more epochs, with another seed or with more confirmed pictures"
)


@dataclass(frozen=True)
class MethodRun:
    """What one run leaves for each picture.

    Attributes:
        weights: mean over epochs of the weight of its loss's gradient, as the History defines it.
        log_probs: of each class, by the classifier after the last epoch, which was trained on these pictures.
    """

    weights: PerPicture
    log_probs: LogProbs


def unseen(what: str, done: int, total: int) -> None:
    """Progress that nobody wants to see."""


def task_of_observed(dataset: Dataset, labels: Labels, judged: Labels, confirmed: tuple[Labels, Labels]) -> Task:
    """What a method trains on in an audit: observed labels, with the confirmed pictures as the clean set.

    Nobody knows the true labels. No picture is left for a test set.

    Args:
        dataset: of features.
        labels: observed, of the whole data set.
        judged: places of the pictures that are trained on.
        confirmed: places of the confirmed pictures, and their classes.
    """
    sure, right = confirmed
    images, observed = dataset.images[judged], torch.from_numpy(labels[judged])
    clean, nothing = Split(dataset.images[sure], torch.from_numpy(right)), Split(images[:0], observed[:0])
    matrix = torch.eye(len(dataset.class_names), dtype=torch.float64)
    return Task(Split(images, observed), None, clean, nothing, nothing, dataset.class_names, dataset.pixels, matrix, {})


def run_method(task: Task, experiment: Experiment, progress: Callable[[str, int, int], object] = unseen) -> MethodRun:
    """Train on all pictures of the task, once.

    Args:
        task: by ``task_of_observed``.
        experiment: names the method, its settings, the model and the seed.
        progress: called with ("epochs", how many are done, how many there are).
    """
    training = Training(experiment, task=task)
    weights = []
    for event in training.events():
        if isinstance(event, EpochDone):
            weights.append(event.instance_weights.cpu().double().numpy())
            progress("epochs", event.epoch + 1, event.epochs)
    return MethodRun(_mean_of_seen(np.stack(weights)), _log_probs(training, training.task.train))


def out_of_fold_by_method(
    task: Task, experiment: Experiment, fold: Labels, progress: Callable[[str, int, int], object] = unseen
) -> LogProbs:
    """What each picture's class is, by a classifier that a method trained on the other folds.

    Args:
        task, experiment: as for ``run_method``.
        fold: of each picture, by :func:`gdw.comparison.audit.heads.fold_of`.
        progress: called with ("folds", how many are done, how many there are).
    """
    images, labels = task.train.images, task.train.labels
    found, folds = np.empty((len(labels), task.num_classes)), np.unique(fold)
    for done, one in enumerate(folds, 1):
        asked = torch.from_numpy(fold == one)
        others = Split(images[~asked], labels[~asked])
        training = Training(experiment, task=replace(task, train=others))
        for _ in training.events():
            pass
        found[fold == one] = _log_probs(training, Split(images[asked], labels[asked]))
        progress("folds", done, len(folds))
    return found


def upside_down(weights: PerPicture, held_out: PerPicture, method: str) -> str | None:
    """A warning where the weights and the held-out predictions disagree in their order; None where they agree.

    A weight network starts at random: in about half of all seeds it gives a larger weight to a larger loss, until it
    has learnt better from the clean set.

    Args:
        weights: one for each picture.
        held_out: log-probability of each observed label, by a classifier that was not trained on the picture.
    """
    from scipy.stats import spearmanr

    if np.ptp(weights) == 0 or np.ptp(held_out) == 0:
        return None
    correlation = float(spearmanr(weights, held_out).statistic)
    return UPSIDE_DOWN.format(method=method, correlation=correlation) if correlation < 0 else None


def _mean_of_seen(weights: Float[np.ndarray, "epochs pictures"]) -> PerPicture:
    """An epoch leaves out the pictures that fill no whole batch; one that no epoch had gets the mean of all."""
    seen = np.isfinite(weights)
    total = np.where(seen, weights, 0.0).sum(0)
    found: PerPicture = np.where(seen.any(0), total / np.maximum(seen.sum(0), 1), total.sum() / max(seen.sum(), 1))
    return found


def _log_probs(training: Training, asked: Split) -> LogProbs:
    logits = predict(training.model, training.task, asked.to(training.task.train.labels.device, images=False))
    found: LogProbs = logits.double().log_softmax(1).cpu().numpy()
    return found
