"""Rankings: how sure each is that a picture's observed label is right. The lowest is the most suspicious.

* ``self-confidence``: cleanlab's. The probability of the observed label by a classifier trained on other pictures.
* ``combined``: the geometric mean of two rounds (heads.py). Confirmed pictures are trained on too.
* ``with-method``: the product of ``combined`` and of the same probability by classifiers that a method of this package
  trained on other pictures, with the confirmed ones as its clean set.
* ``weights``: the mean weight that a method of this package gives a picture while it trains.

Source: Northcutt et al., Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from gdw.comparison.audit.by_method import out_of_fold_by_method, run_method, task_of_observed, upside_down
from gdw.comparison.audit.heads import (
    Features,
    Labels,
    LogProbs,
    PerPicture,
    combined,
    normalised,
    observed_log_probs,
    out_of_fold,
)
from gdw.data.dataset import Dataset
from gdw.data.task import Task
from gdw.errors import one_of
from gdw.experiments.experiment import Experiment
from gdw.methods.base import method_class

BY_METHOD = ("with-method", "weights")  # rankings that train a method


@dataclass(frozen=True, eq=False)
class Judged:
    """What a ranking is made of; what several rankings need is computed once, when it is first asked for.

    Attributes:
        data: of features. ``features``: the same, standardised.
        observed: labels of the whole data set.
        places: of the pictures that are judged.
        confirmed: places of the confirmed pictures, and their classes.
        folds: of each judged picture in each round, by :func:`gdw.comparison.audit.heads.fold_of`.
        method, seed: of a ranking ``BY_METHOD``.
        network: that the features are from.
        progress: called with what is counted, how many are done, and how many there are.
        given: what another classifier says of the judged pictures, in place of the first round.
    """

    data: Dataset
    features: Features
    observed: Labels
    places: Labels
    confirmed: tuple[Labels, Labels]
    folds: tuple[Labels, Labels]
    method: str
    seed: int
    network: str
    progress: Callable[[str, int, int], object]
    given: LogProbs | None = None

    @cached_property
    def labels(self) -> Labels:
        """Observed, of the judged pictures."""
        return np.asarray(self.observed[self.places])

    @cached_property
    def first(self) -> LogProbs:
        """The first round: trained on the observed labels alone. cleanlab's input.

        Where hardly any picture of a class is left to judge, on the confirmed ones too.
        """
        if self.given is not None:
            return self.given
        classes = len(self.data.class_names)
        if not len(self.places):
            return np.empty((0, classes))
        rare = np.bincount(self.labels, minlength=classes).min() <= self.folds[0].max(initial=0)
        return out_of_fold(
            self.features[self.places], self.labels, self.folds[0], classes, known=self.known if rare else None,
            seen=partial(self.progress, "classifiers, first round"),
        )  # fmt: skip

    @cached_property
    def known(self) -> tuple[Features, Labels] | None:
        """Features and labels of the confirmed pictures; None where there are none."""
        sure, right = self.confirmed
        return (self.features[sure], right) if len(sure) else None

    @cached_property
    def combined(self) -> LogProbs:
        """Both rounds, with what is confirmed."""
        return combined(
            self.first, self.features[self.places], self.labels, self.folds[1], self.known,
            seen=partial(self.progress, "classifiers, second round"),
        )  # fmt: skip

    @cached_property
    def training(self) -> tuple[Task, Experiment]:
        """What the method trains on, and how: no batch is larger than what is left without a fold."""
        task = task_of_observed(self.data, self.observed, self.places, self.confirmed)
        experiment = Experiment(features=self.network, method=self.method, seed=self.seed)
        least = len(self.places) - int(np.bincount(self.folds[1]).max())
        return task, experiment.with_(batch_size=min(experiment.batch_size, max(1, least)))

    def by(self, log_probs: LogProbs) -> "Ranked":
        """Ranked by the probability of the observed label."""
        return Ranked(log_probs, np.exp(observed_log_probs(log_probs, self.labels)))


@dataclass(frozen=True, eq=False)
class Ranked:
    """What a ranking says of the judged pictures.

    Attributes:
        log_probs: of each class; the most likely one is proposed.
        trust: the lowest is the most suspicious.
        warning: what a reader must know of it.
    """

    log_probs: LogProbs
    trust: PerPicture
    warning: str | None = None


def with_method(judged: Judged) -> Ranked:
    """By the product of ``combined`` and of the probability by classifiers that the method trained on other folds."""
    held_out = out_of_fold_by_method(*judged.training, judged.folds[1], judged.progress)
    return judged.by(normalised(judged.combined + held_out))


def by_weights(judged: Judged) -> Ranked:
    """By the weights of one run of the method, with a warning if they are upside down."""
    run = run_method(*judged.training, judged.progress)
    likely = observed_log_probs(judged.first, judged.labels)
    return Ranked(judged.combined, run.weights, upside_down(run.weights, likely, judged.method))


RANKINGS: dict[str, Callable[[Judged], Ranked]] = {
    "combined": lambda judged: judged.by(judged.combined),
    "self-confidence": lambda judged: judged.by(judged.first),  # as cleanlab does
    "with-method": with_method,
    "weights": by_weights,
}


def check_ranking(ranking: str, method: str, any_confirmed: bool) -> None:
    """Refuse a ranking that cannot be made."""
    one_of("ranking", ranking, RANKINGS)
    name = method_class(method).name
    if ranking in BY_METHOD and not any_confirmed:
        raise ValueError(f"the ranking {ranking} of {name} needs confirmed pictures, as its clean set")
