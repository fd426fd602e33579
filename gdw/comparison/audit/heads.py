"""Linear classifiers on features, and what they say of pictures that they were not trained on, in two rounds.

Source: Northcutt et al., Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021 (the first round).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

FOLDS = 5  # each picture is judged by a classifier that was trained on the other four fifths
FREEDOM = 1.0  # times 1 / D: scikit-learn's C; standardised features have length sqrt(D), so logits have deviation 1
CONFIRMED_FREEDOM = 10.0  # the same where all labels are right
ITERATIONS = 300  # of the solver at most; it needs about 30
CONFIRMED_WEIGHT = 3.0  # of a confirmed picture among the others, which have 1 on average; chosen on other pictures
LEAST = -50.0  # log-probability of a class that a classifier was not trained on

Features = Float[np.ndarray, "pictures D"]
Labels = Int[np.ndarray, "pictures"]
LogProbs = Float[np.ndarray, "pictures classes"]
PerPicture = Float[np.ndarray, "pictures"]


def standardised(features: np.ndarray) -> Features:
    """Each feature with mean 0 and deviation 1, float32; one that never changes becomes 0."""
    values = features.reshape(len(features), -1).astype(np.float64)
    deviation = values.std(0)
    return ((values - values.mean(0)) / np.where(deviation > 1e-6, deviation, 1.0)).astype(np.float32)


def fold_of(labels: Labels, folds: int, copies: Sequence[Sequence[int]] = (), seed: int = 0) -> Labels:
    """The fold of each picture: the classes are spread evenly, and copies of a picture share a fold.

    Args:
        labels: observed.
        folds: how many.
        copies: groups of pictures that are the same picture. In two folds, one would tell the other's label.
        seed: draws the order.
    """
    random = np.random.default_rng(seed)
    fold = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        own = random.permutation(np.flatnonzero(labels == label))
        fold[own] = np.arange(len(own)) % folds
    for group in copies:
        fold[list(group)] = fold[group[0]]
    return fold


def trained_log_probs(
    features: Features, labels: Labels, weights: PerPicture | None, asked: Features, classes: int,
    freedom: float = FREEDOM,
) -> Float[np.ndarray, "asked classes"]:
    """Log-probabilities by a multinomial logistic regression with an L2 penalty.

    Args:
        weights: of the training pictures; None: all count as 1.
        freedom: the penalty is ``D / (2 freedom) * |W|^2``, added to the sum of the losses.
    """
    from sklearn.linear_model import LogisticRegression

    found = np.full((len(asked), classes), LEAST)
    seen = np.unique(labels)
    if len(seen) == 1:
        found[:, seen] = 0.0
        return found
    model = LogisticRegression(C=freedom / features.shape[1], max_iter=ITERATIONS)
    model.fit(features, labels, sample_weight=weights)
    found[:, model.classes_] = np.maximum(model.predict_log_proba(asked), LEAST)
    return normalised(found)


def out_of_fold(
    features: Features, labels: Labels, fold: Labels, classes: int, *,
    weights: PerPicture | None = None, known: tuple[Features, Labels] | None = None,
) -> LogProbs:
    """What each picture's class is, by a classifier that was trained on the other folds.

    Args:
        features: standardised, of the pictures to be judged.
        labels: observed.
        fold: of each picture, by ``fold_of``.
        weights: how much each picture counts where it is trained on; None: all count as 1.
        known: features and labels of confirmed pictures, which join every training set with a weight of 3.
    """
    found = np.empty((len(labels), classes))
    weights = np.ones(len(labels)) if weights is None else weights
    if known is not None:  # they are in no fold that is asked about
        features, labels = np.concatenate([features, known[0]]), np.concatenate([labels, known[1]])
        weights = np.concatenate([weights, np.full(len(known[1]), CONFIRMED_WEIGHT)])
        fold = np.concatenate([fold, np.full(len(known[1]), -1)])
    for one in np.unique(fold[fold >= 0]):
        others, asked = fold != one, fold == one
        found[asked[: len(found)]] = trained_log_probs(
            features[others], labels[others], weights[others], features[asked], classes
        )
    return found


def combined(
    first: LogProbs, features: Features, labels: Labels, fold: Labels, known: tuple[Features, Labels] | None = None
) -> LogProbs:
    """The geometric mean of two rounds. In the second each label counts as much as the first round believes it.

    Wrong labels teach less then. The arguments are those of ``out_of_fold``.

    Args:
        first: the first round, by ``out_of_fold`` on other folds, without what is confirmed: cleanlab's input.
    """
    second = out_of_fold(features, labels, fold, first.shape[1], weights=trust(first, labels), known=known)
    return normalised((first + second) / 2)


def trust(log_probs: LogProbs, labels: Labels) -> PerPicture:
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


def observed_log_probs(log_probs: LogProbs, labels: Labels) -> PerPicture:
    """Of each picture's observed label; logarithms still differ for probabilities near 0 or 1."""
    return log_probs[np.arange(len(labels)), labels]


def normalised(log_probs: LogProbs) -> LogProbs:
    """Every row's probabilities sum to 1."""
    top = log_probs.max(1, keepdims=True)
    return log_probs - top - np.log(np.exp(log_probs - top).sum(1, keepdims=True))
