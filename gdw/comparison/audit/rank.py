"""Rankings: how sure each is that a picture's observed label is right. The lowest is the most suspicious.

* ``self-confidence``: cleanlab's. The probability of the observed label by a classifier trained on other pictures.
* ``combined``: the geometric mean of two rounds. The second round trains only on pictures whose label the first round
  finds the most likely one. Wrong labels then teach less. Confirmed pictures are trained on too, and a classifier of
  the confirmed pictures alone has a small say.
* ``with-method`` (by_method.py): the product of ``combined`` and of the same probability by classifiers that a method
  of this package trained on other pictures, with the confirmed ones as its clean set.
* ``weights`` (by_method.py): the mean weight that a method of this package gives a picture while it trains.

Source: Northcutt et al., Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gdw.comparison.audit.heads import (
    CONFIRMED_FREEDOM,
    Features,
    Labels,
    LogProbs,
    normalised,
    out_of_fold,
    trained_log_probs,
)

RANKINGS = ("combined", "self-confidence", "with-method", "weights")
CONFIRMED_WEIGHT = 3.0  # of a confirmed picture among the others in a training set
CONFIRMED_POWER = 0.1  # of the classifier of the confirmed pictures alone, in the product
# The constants were chosen on splits that benchmarks/audit.py does not report.
LEAST_KEPT = 2  # pictures of a class that each fold needs for the second round; below that all of the class are kept


@dataclass(frozen=True)
class Predictions:
    """What classifiers say of pictures that they were not trained on, as log-probabilities.

    Attributes:
        first: trained on the observed labels; no confirmed picture is used. cleanlab's input.
        combined: both rounds, with what is confirmed.
    """

    first: LogProbs
    combined: LogProbs


def predictions(
    features: Features,
    labels: Labels,
    folds: tuple[Labels, Labels],
    classes: int,
    known: tuple[Features, Labels] | None = None,
) -> Predictions:
    """Both rounds.

    Args:
        features: standardised, of the pictures to be judged.
        labels: observed.
        folds: of each picture in each round, by :func:`gdw.comparison.audit.heads.fold_of`.
        known: features and labels of the confirmed pictures, which are not among the others.
    """
    first = out_of_fold(features, labels, folds[0], classes)
    alone = 0.0
    if known is not None:
        alone = CONFIRMED_POWER * trained_log_probs(*known, None, features, classes, CONFIRMED_FREEDOM)
    keep = kept(first + alone, labels, int(folds[0].max()) + 1)
    weighted = None if known is None else (*known, CONFIRMED_WEIGHT)
    second = out_of_fold(features, labels, folds[1], classes, keep=keep, known=weighted)
    return Predictions(first, normalised((first + second) / 2 + alone))


def kept(log_probs: LogProbs, labels: Labels, folds: int) -> np.ndarray:
    """Pictures whose observed label is the most likely one; if too few of a class would be left, all of that class."""
    agrees = log_probs.argmax(1) == labels
    counts = np.bincount(labels[agrees], minlength=log_probs.shape[1])
    return agrees | (counts[labels] < LEAST_KEPT * folds)


def self_confidence(log_probs: LogProbs, labels: Labels) -> Float[np.ndarray, "pictures"]:
    """The score of cleanlab: the probability of the observed label."""
    from cleanlab.rank import get_label_quality_scores

    return get_label_quality_scores(labels, np.exp(log_probs), method="self_confidence")


def observed_log_probs(log_probs: LogProbs, labels: Labels) -> Float[np.ndarray, "pictures"]:
    """The same as logarithms, which still differ for probabilities near 0 or 1."""
    return log_probs[np.arange(len(labels)), labels]
