"""Linear classifiers on features, and what they say of pictures that they were not trained on, in two rounds.

Source: Northcutt et al., Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021 (the first round).
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from mmap import mmap
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gdw.comparison.audit.solver import Result, fitted
from gdw.errors import ROUNDING
from gdw.pictures.feature_store import BLOCK, Rows, statistics
from gdw.pictures.on_disk import Images, OnDisk, elsewhere, in_order

FOLDS = 5  # each picture is judged by a classifier that was trained on the other four fifths
FREEDOM = 1.0  # times 1 / D, as scikit-learn's C; standardised features have length sqrt(D), so logits have deviation 1
CONFIRMED_WEIGHT = 3.0  # of a confirmed picture among the others, which have 1 on average; chosen on other pictures
LEAST = -50.0  # log-probability of a class that a classifier was not trained on
TOGETHER = 4  # blocks that another machine computes at a time

Labels = Int[np.ndarray, "pictures"]
LogProbs = Float[np.ndarray, "pictures classes"]
PerPicture = Float[np.ndarray, "pictures"]


@dataclass(frozen=True, eq=False)
class Features:
    """Some rows of a matrix, in memory or mapped from a file; each column gets mean 0 and deviation 1 when it is read.

    Attributes:
        matrix: [rows, D].
        places: which rows, in which order.
        mean, deviation: float64 [D].
        executor: of machines that share the work on a matrix in a file, which all of them can read.
    """

    matrix: np.ndarray
    places: Labels
    mean: np.ndarray
    deviation: np.ndarray
    executor: Executor | None = None

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: np.ndarray | slice) -> "Features":
        return replace(self, places=self.places[index])

    def joined(self, others: "Features") -> "Features":
        """These rows and then others of the same matrix."""
        return replace(self, places=np.concatenate([self.places, others.places]))

    def read(self) -> Float[Tensor, "pictures D"]:
        """All of them in memory."""
        return torch.cat([block.clone() for _, block in self.blocks()])

    def blocks(self) -> Iterator[tuple[slice, Float[Tensor, "block D"]]]:
        """Rows in float32, block by block, in one piece of memory: a block is overwritten by the next."""
        held = np.empty((min(BLOCK, len(self)), self.matrix.shape[1]), np.float32)
        mean, deviation = (torch.from_numpy(each).float() for each in (self.mean, self.deviation))
        raw = held if self.matrix.dtype == np.float32 else np.empty(held.shape, self.matrix.dtype)
        for start in range(0, len(self), BLOCK):
            rows = slice(start, min(start + BLOCK, len(self)))
            count = rows.stop - start
            np.take(self.matrix, self.places[rows], axis=0, out=raw[:count], mode="clip")
            if raw is held:
                torch.from_numpy(held[:count]).sub_(mean)
            else:  # of more digits than float32 has, perhaps
                np.subtract(raw[:count], self.mean, out=held[:count], casting="unsafe")
            yield rows, torch.from_numpy(held[:count]).div_(deviation)

    def each(self, work: Callable[..., Result], *with_rows: Tensor) -> Iterator[Result]:
        """``work(values, ...)`` of each block, in order, with the same rows of the other tensors."""
        if self.executor is None or not (isinstance(self.matrix, np.memmap) and isinstance(self.matrix.base, mmap)):
            yield from (work(block, *(values[rows] for values in with_rows)) for rows, block in self.blocks())
            return
        order = "C" if self.matrix.flags.c_contiguous else "F"
        file = self.matrix.filename, self.matrix.dtype, "r", self.matrix.offset, self.matrix.shape, order
        bare = replace(self, matrix=np.empty(0), executor=None)
        parts = [slice(start, start + TOGETHER * BLOCK) for start in range(0, len(self), TOGETHER * BLOCK)]
        jobs = (  # clones: a view would be sent with all that it is a view of
            elsewhere(self.executor, _of_file, file, bare[rows], work, *(values[rows].clone() for values in with_rows))
            for rows in parts
        )
        for found in in_order(jobs):
            yield from found


def _of_file(file: tuple[Any, ...], rows: Features, work: Callable[..., Result], *with_rows: Tensor) -> list[Result]:
    """``Features.each`` by another process."""
    return list(replace(rows, matrix=np.memmap(*file)).each(work, *with_rows))


def standardised(
    images: "Images | np.ndarray", executor: Executor | None = None,
    known: tuple[np.ndarray, np.ndarray] | None = None,
) -> Features:  # fmt: skip
    """Features by which each column has mean 0 and deviation 1 over all rows; one that never changes becomes 0.

    Args:
        executor: of ``Features``.
        known: mean and deviation of each column; None: they are computed.
    """
    matrix, places = _matrix(images)
    return Features(matrix, places, *(known or statistics(matrix, places)), executor)


def _matrix(images: "Images | np.ndarray") -> tuple[np.ndarray, Labels]:
    """A matrix, and which of its rows are meant. What is mapped from a file stays there."""
    if isinstance(images, OnDisk) and isinstance(images.reader, Rows):
        return images.reader.matrix, images.reader.places[images.places]
    values = images if isinstance(images, np.ndarray) else images.to("cpu").numpy()
    return values.reshape(len(values), -1), np.arange(len(values))


Seen = Callable[[int, int], object]


def fold_of(labels: Labels, folds: int, copies: Sequence[Sequence[int]] = (), seed: int = 0) -> Labels:
    """The fold of each picture: the classes are spread evenly, and copies of a picture share a fold.

    Args:
        labels: observed.
        folds: how many.
        copies: groups of pictures that are the same picture. In two folds, one would tell the other's label; they are
            spread all the same where else one fold would hold a whole class, which its classifier would not know.
        seed: draws the order.
    """
    random = np.random.default_rng(seed)
    fold = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        own = random.permutation(np.flatnonzero(labels == label))
        fold[own] = np.arange(len(own)) % folds
    spread = fold.copy()
    for group in copies:
        fold[list(group)] = spread[group[0]]
    for label in unseen_classes(labels, fold):
        for group in copies:
            if (labels[list(group)] == label).any():
                fold[list(group)] = spread[list(group)]
    return fold


def unseen_classes(labels: Labels, fold: Labels) -> Labels:
    """The classes of which one fold holds all pictures."""
    pairs = np.unique(np.stack([labels, fold]), axis=1)[0]
    found, folds = np.unique(pairs, return_counts=True)
    return np.asarray(found[folds == 1])


def trained_log_probs(
    features: Features,
    labels: Labels,
    weights: PerPicture | None,
    asked: Features,
    classes: int,
    freedom: float = FREEDOM,
) -> Float[np.ndarray, "asked classes"]:
    """Log-probabilities by a multinomial logistic regression with an L2 penalty.

    Args:
        weights: of the training pictures; None: all count as 1.
        freedom: the penalty is ``D / (2 freedom) * |W|^2``, added to the sum of the losses.
    """
    counted = np.ones((len(labels), 1)) if weights is None else weights[:, None]
    return _said(fitted(features, labels, counted, classes, freedom), asked, np.zeros(len(asked), np.int64))


def out_of_fold(
    features: Features,
    labels: Labels,
    fold: Labels,
    classes: int,
    *,
    weights: PerPicture | None = None,
    known: tuple[Features, Labels] | None = None,
    seen: Seen | None = None,
) -> LogProbs:
    """What each picture's class is, by a classifier that was trained on the other folds.

    Args:
        features: of the pictures to be judged.
        labels: observed.
        fold: of each picture, by ``fold_of``: 0, 1, ...
        weights: how much each picture counts where it is trained on; None: all count as 1.
        known: features and labels of confirmed pictures, which join every training set with a weight of 3.
        seen: called with how far the classifiers are and the end, in no unit.
    """
    asked, counted = features, np.ones(len(labels)) if weights is None else weights
    others = counted[:, None] * (fold[:, None] != np.arange(fold.max() + 1))
    if known is not None:  # they are in no fold that is asked about
        features, labels = features.joined(known[0]), np.concatenate([labels, known[1]])
        others = np.concatenate([others, np.full((len(known[1]), others.shape[1]), CONFIRMED_WEIGHT)])
    return _said(fitted(features, labels, others, classes, seen=seen), asked, fold)


def _said(coefficients: Float[Tensor, "models inputs classes"], asked: Features, model: Labels) -> LogProbs:
    """Log-probabilities of each row by its own model; the last input is the constant 1."""
    models, inputs, classes = coefficients.shape
    matrix = coefficients.float().transpose(0, 1).reshape(inputs, models * classes)
    found = np.empty((len(asked), classes))
    for rows, block in asked.blocks():
        logits = (block @ matrix[:-1] + matrix[-1]).view(-1, models, classes)
        own = logits[torch.arange(len(block)), torch.from_numpy(model[rows])].double()
        found[rows] = normalised(own.log_softmax(1).clamp_(min=LEAST).numpy())
    return found


def combined(
    first: LogProbs,
    features: Features,
    labels: Labels,
    fold: Labels,
    known: tuple[Features, Labels] | None = None,
    seen: Seen | None = None,
) -> LogProbs:
    """The geometric mean of two rounds. In the second each label counts as much as the first round believes it.

    Wrong labels teach less then. The arguments are those of ``out_of_fold``.

    Args:
        first: the first round, by ``out_of_fold`` on other folds, without what is confirmed: cleanlab's input.
    """
    second = out_of_fold(features, labels, fold, first.shape[1], weights=trust(first, labels), known=known, seen=seen)
    second += first
    second /= 2
    return normalised(second)


def trust(log_probs: LogProbs, labels: Labels) -> PerPicture:
    """How much each observed label counts: its probability if all classes were equally frequent; 1 on average.

    A classifier gives a rare class a small probability because it is rare. Dividing by the shares of the classes takes
    this back, so that right labels of rare classes are not taken for wrong ones.

    Source: Menon et al., Long-tail learning via logit adjustment, ICLR 2021, equation 9.
    """
    shares = np.bincount(labels, minlength=log_probs.shape[1]) / len(labels)
    with np.errstate(divide="ignore"):
        adjusted = normalised(log_probs - np.where(shares > 0, np.log(shares), 0.0))
    believed: PerPicture = np.exp(observed_log_probs(adjusted, labels))
    return np.asarray(believed / believed.mean())


def observed_log_probs(log_probs: LogProbs, labels: Labels) -> PerPicture:
    """Of each picture's observed label; logarithms still differ for probabilities near 0 or 1."""
    return np.asarray(log_probs[np.arange(len(labels)), labels])


def normalised(log_probs: LogProbs) -> LogProbs:
    """Every row's probabilities sum to 1."""
    found = log_probs - log_probs.max(1, keepdims=True)
    found -= np.log(np.exp(found).sum(1, keepdims=True))
    return np.asarray(found)


def check_probs(values: Any, rows: int, every: Sequence[str], class_names: Sequence[str]) -> LogProbs:
    """Log-probabilities of the rows from probabilities that somebody else has computed.

    Args:
        every: the classes of the columns; or these are ``class_names``, those of them that are left.

    Returns:
        [rows, class_names].
    """
    probs, widths = np.asarray(values, np.float64), dict.fromkeys((len(every), len(class_names)))
    if probs.shape not in [(rows, width) for width in widths]:
        order = " or ".join(", ".join(names[:10]) for names in dict.fromkeys((tuple(every), tuple(class_names))))
        wanted = " or ".join(str((rows, width)) for width in widths)
        raise ValueError(f"pred_probs must be [rows, classes] {wanted}, in the order {order}, got {probs.shape}")
    kind = np.asarray(values).dtype
    of_kind = float(np.finfo(kind).eps) if kind.kind == "f" else 0.0
    rounding = max(ROUNDING, 2 * of_kind * probs.shape[1] ** 0.5)  # of a sum whose terms were rounded, up or down
    if not (probs >= 0).all() or np.abs(probs.sum(1) - 1).max() > rounding:
        raise ValueError("pred_probs must hold probabilities: rows of numbers from 0 that sum to 1")
    if probs.shape[1] > len(class_names):
        probs = probs[:, [every.index(name) for name in class_names]]
    return normalised(np.log(np.maximum(probs, np.exp(LEAST))))
