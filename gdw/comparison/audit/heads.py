"""Linear classifiers on features, and what they say of pictures that they were not trained on."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

FOLDS = 5  # each picture is judged by a classifier that was trained on the other four fifths
FREEDOM = 1.0  # times 1 / D: scikit-learn's C; standardised features have length sqrt(D), so logits have deviation 1
CONFIRMED_FREEDOM = 10.0  # the same where all labels are right
ITERATIONS = 300  # of the solver at most; it needs about 30
LEAST = -50.0  # log-probability of a class that a classifier was not trained on

Features = Float[np.ndarray, "pictures D"]
Labels = Int[np.ndarray, "pictures"]
LogProbs = Float[np.ndarray, "pictures classes"]


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
    features: Features, labels: Labels, weights: Float[np.ndarray, "pictures"] | None, asked: Features, classes: int,
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
    weights: Float[np.ndarray, "pictures"] | None = None, known: tuple[Features, Labels, float] | None = None,
) -> LogProbs:
    """What each picture's class is, by a classifier that was trained on the other folds.

    Args:
        fold: of each picture, by ``fold_of``.
        weights: how much each picture counts where it is trained on; None: all count as 1.
        known: features and labels of confirmed pictures, which join every training set, and their weight.
    """
    found = np.empty((len(labels), classes))
    weights = np.ones(len(labels)) if weights is None else weights
    for one in np.unique(fold):
        inside = fold != one
        train, their, count = features[inside], labels[inside], weights[inside]
        if known is not None:
            train, their = np.concatenate([train, known[0]]), np.concatenate([their, known[1]])
            count = np.concatenate([count, np.full(len(known[1]), known[2])])
        found[fold == one] = trained_log_probs(train, their, count, features[fold == one], classes)
    return found


def normalised(log_probs: LogProbs) -> LogProbs:
    """Every row's probabilities sum to 1."""
    top = log_probs.max(1, keepdims=True)
    return log_probs - top - np.log(np.exp(log_probs - top).sum(1, keepdims=True))
