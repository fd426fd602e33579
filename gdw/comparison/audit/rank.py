"""Rankings: how sure each is that a picture's observed label is right. The lowest is the most suspicious.

* ``self-confidence``: cleanlab's. The probability of the observed label by a classifier trained on other pictures.
* ``combined``: the geometric mean of two rounds. In the second round each label counts as much as the first round
  believes it, so wrong labels teach less. Confirmed pictures are trained on too.
* ``with-method`` (by_method.py): the product of ``combined`` and of the same probability by classifiers that a method
  of this package trained on other pictures, with the confirmed ones as its clean set.
* ``weights`` (by_method.py): the mean weight that a method of this package gives a picture while it trains.

Source: Northcutt et al., Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gdw.comparison.audit.heads import Features, Labels, LogProbs, normalised, out_of_fold

RANKINGS = ("combined", "self-confidence", "with-method", "weights")
CONFIRMED_WEIGHT = 3.0  # of a confirmed picture among the others, which have 1 on average; chosen on other pictures


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
    weighted = None if known is None else (*known, CONFIRMED_WEIGHT)
    second = out_of_fold(features, labels, folds[1], classes, weights=trust(first, labels), known=weighted)
    return Predictions(first, normalised((first + second) / 2))


def trust(log_probs: LogProbs, labels: Labels) -> Float[np.ndarray, "pictures"]:
    """How much each observed label counts: its probability if all classes were equally frequent; 1 on average.

    A classifier gives a rare class a small probability because it is rare. Dividing by the shares of the classes takes
    this back, so that right labels of rare classes are not taken for wrong ones.

    Source: Menon et al., Long-tail learning via logit adjustment, ICLR 2021, equation 9.
    """
    shares = np.bincount(labels, minlength=log_probs.shape[1]) / len(labels)
    with np.errstate(divide="ignore"):
        adjusted = normalised(log_probs - np.where(shares > 0, np.log(shares), 0.0))
    believed = np.exp(observed_log_probs(adjusted, labels))
    return believed / believed.mean()


def self_confidence(log_probs: LogProbs, labels: Labels) -> Float[np.ndarray, "pictures"]:
    """The score of cleanlab: the probability of the observed label."""
    from cleanlab.rank import get_label_quality_scores

    return get_label_quality_scores(labels, np.exp(log_probs), method="self_confidence")


def observed_log_probs(log_probs: LogProbs, labels: Labels) -> Float[np.ndarray, "pictures"]:
    """The same as logarithms, which still differ for probabilities near 0 or 1."""
    return log_probs[np.arange(len(labels)), labels]
