"""What is done to a clean training set: wrong labels by a transition matrix, and too few images of some classes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from gdw.data.dataset import check_labels
from gdw.errors import number, one_of, probabilities
from gdw.frozen import FrozenDict
from gdw.registry import Registry

COUNT_TOLERANCE = 1e-6  # 500 * 0.02 must count as 10 images even where it comes out as 9.999...

ROWS = 10_000  # labels drawn at once

SPREAD = 0.1  # standard deviation of the instances' rates, as published

Matrix = Float[Tensor, "classes classes"]
ImageNoise = Callable[[Tensor, Tensor, float, int, torch.Generator], Tensor]


def _uniform(rate: float, classes: int, generator: torch.Generator) -> Matrix:
    """``(1 - r) I + r / C``: with probability r a label drawn from all classes, the true one included."""
    return (1 - rate) * torch.eye(classes, dtype=torch.float64) + rate / classes


def _symmetric(rate: float, classes: int, generator: torch.Generator) -> Matrix:
    """``1 - r`` on the diagonal, ``r / (C - 1)`` elsewhere: with probability r one of the other classes."""
    matrix = torch.full((classes, classes), rate / (classes - 1), dtype=torch.float64)
    return matrix.fill_diagonal_(1 - rate)


def _to_others(others: int, rate: float, classes: int, generator: torch.Generator) -> Matrix:
    """Each class keeps ``1 - r``; one or two other classes (``others``), drawn for it, share r equally."""
    if classes <= others:
        raise ValueError(f"flip noise to {others} other classes needs {others + 1} classes, got {classes}")
    matrix = (1 - rate) * torch.eye(classes, dtype=torch.float64)
    for true in range(classes):
        drawn = torch.randperm(classes - 1, generator=generator)[:others]
        matrix[true, drawn + (drawn >= true)] = rate / others  # skip the true class itself
    return matrix


def _pair(rate: float, classes: int, generator: torch.Generator) -> Matrix:
    """With probability r the next class; the last class becomes the first."""
    identity = torch.eye(classes, dtype=torch.float64)
    return (1 - rate) * identity + rate * identity.roll(1, dims=1)


NOISES: dict[str, Callable[[float, int, torch.Generator], Matrix]] = {
    "uniform": _uniform,
    "symmetric": _symmetric,
    "flip": partial(_to_others, 1),
    "flip2": partial(_to_others, 2),
    "pair": _pair,
}


def transition_matrix(
    noise: str | Matrix | Sequence[Sequence[float]], rate: float, classes: int, generator: torch.Generator
) -> Matrix:
    """Probability of each observed label (column) given the true one (row).

    Args:
        noise: a name in ``NOISES``, or a row-stochastic matrix, which is taken as it is (``rate`` is then unused).
        rate: the mixing rate r in [0, 1]. For ``"uniform"`` only ``r (C - 1) / C`` of the labels come out
            wrong: at r = 0.4 and ten classes 36 %.
        classes: number of classes C, at least 2.
        generator: draws which classes ``"flip"`` and ``"flip2"`` lead to.

    Returns:
        float64; rows sum to 1.

    Raises:
        ValueError: an unknown name, a rate outside [0, 1], a matrix that is not row-stochastic of C rows.

    Source: GDW (Chen et al., NeurIPS 2021), section 4; Meta-Weight-Net (Shu et al., NeurIPS 2019) for the flips.
    """
    if not isinstance(noise, str):
        return checked_matrix(noise, classes)
    one_of("noise", noise, NOISES)
    number("rate", rate, 0, 1)
    if classes < 2:
        raise ValueError(f"label noise needs at least 2 classes, got {classes}")
    return NOISES[noise](rate, classes, generator)


def checked_matrix(noise: Matrix | Sequence[Sequence[float]], classes: int | None = None) -> Matrix:
    """A matrix given by hand, as float64 with rows that sum to exactly 1; by default of at least 2 classes."""
    matrix = torch.from_numpy(probabilities("the noise matrix", noise, classes))
    return matrix / matrix.sum(1, keepdim=True)


def named_matrix(noise: Any) -> FrozenDict | None:
    """A pandas table or a dictionary of rows, as rows and columns by name; None for anything without names."""
    if hasattr(noise, "columns") and hasattr(noise, "index"):
        noise = {row: dict(zip(noise.columns, values, strict=True))
                 for row, values in zip(noise.index, noise.to_numpy().tolist(), strict=True)}  # fmt: skip
    if not isinstance(noise, Mapping):
        return None
    if not all(isinstance(row, Mapping) for row in noise.values()):
        raise ValueError("noise by name must be a row for each true class, and in it a number for each observed class")
    rows = {str(true): {str(seen): value for seen, value in row.items()} for true, row in noise.items()}
    for row in rows.values():
        _check_names(row, rows)
    checked_matrix([[row[name] for name in rows] for row in rows.values()], len(noise))
    return FrozenDict({true: {seen: float(value) for seen, value in row.items()} for true, row in rows.items()})


def in_class_order(noise: Any, class_names: Sequence[str]) -> Any:
    """A matrix by name (:func:`named_matrix`) as nested lists in the order of the classes; anything else as it is."""
    named = None if isinstance(noise, str) else named_matrix(noise)
    if named is None:
        return noise
    _check_names(named, class_names)
    return [[named[true][seen] for seen in class_names] for true in class_names]


def _check_names(found: Iterable[str], wanted: Iterable[str]) -> None:
    found, wanted = list(found), list(wanted)
    if sorted(found) != sorted(wanted):
        raise ValueError(
            f"the rows and columns of the noise matrix must be called {', '.join(wanted)}, got {', '.join(found)}"
        )


def corrupt_labels(labels: Int[Tensor, "images"], matrix: Matrix, generator: torch.Generator) -> Int[Tensor, "images"]:
    """One observed label for each true one, drawn from its row of the matrix.

    Args:
        labels: true labels in ``0 ... classes - 1``.
        matrix: row-stochastic, as from :func:`transition_matrix`; nested lists and arrays too.
        generator: one uniform number is drawn for each label, whatever the matrix.

    Raises:
        ValueError: a label that has no row; a matrix whose rows are not probabilities that sum to 1.
    """
    labels = torch.as_tensor(labels)
    checked = checked_matrix(matrix)
    if not (isinstance(matrix, Tensor) and matrix.is_floating_point()):  # a tensor's own numbers stay as they are
        matrix = checked
    check_labels(labels, len(matrix), "labels")
    edges = matrix.cumsum(1)
    edges = edges / edges[:, -1:]  # ends at exactly 1, above every draw
    draws = torch.rand(len(labels), 1, generator=generator, dtype=matrix.dtype)
    parts = zip(labels.split(ROWS), draws.split(ROWS), strict=True)  # a row of the matrix for each label: large
    return torch.cat([torch.searchsorted(edges[part], own, right=True).squeeze(1) for part, own in parts])


def instance_rates(count: int, rate: float, generator: torch.Generator) -> Float[Tensor, "images"]:
    """One probability of being mislabelled for each image: normal around ``rate``, truncated to [0, 1]."""
    number("rate", rate, 0, 1)
    normal = torch.distributions.Normal(torch.tensor(rate, dtype=torch.float64), SPREAD)
    low, high = normal.cdf(torch.tensor([0.0, 1.0], dtype=torch.float64))
    draws = torch.rand(count, generator=generator, dtype=torch.float64)
    return cast(Tensor, normal.icdf(low + (high - low) * draws)).clamp(0, 1)


def instance_dependent_labels(
    images: Shaped[Tensor, "images *shape"],
    labels: Int[Tensor, "images"],
    rate: float,
    classes: int,
    generator: torch.Generator,
) -> Int[Tensor, "images"]:
    """Part-dependent noise: ``p(j | x, y) = q softmax_{j != y}(x W_y)_j`` for j other than y, and ``1 - q`` for y.

    ``q`` is the image's own rate, a normal around ``rate`` with standard deviation 0.1 cut to [0, 1], as published: at
    rate 0 about 8 % of the labels are wrong, at rate 1 about 92 %. ``W_y`` is a matrix [pixels, classes] of standard
    normal numbers, one for each class. x is the flattened image as it is stored, here standardised pixel by pixel and
    divided by the square root of their number. Then the softmax does not saturate and does not depend on the size of
    the image (ours; the published code takes raw pixels).

    Source: Xia et al., Part-dependent Label Noise: Towards Instance-dependent Label Noise, NeurIPS 2020, algorithm 2.
    """
    rates = instance_rates(len(labels), rate, generator)
    pixels = images.flatten(1).double().cpu()
    pixels = (pixels - pixels.mean(0)) / pixels.std(0).clamp_min(1e-6) / pixels.shape[1] ** 0.5
    probs = torch.zeros(len(labels), classes, dtype=torch.float64)
    for label in range(classes):
        matrix = torch.randn(pixels.shape[1], classes, generator=generator, dtype=torch.float64)
        rows = labels == label
        scores = pixels[rows] @ matrix
        scores[:, label] = -float("inf")
        probs[rows] = rates[rows, None] * scores.softmax(dim=-1)
        probs[rows, label] = 1 - rates[rows]
    return torch.multinomial(probs, 1, generator=generator)[:, 0]


IMAGE_NOISES: Registry[ImageNoise] = Registry(
    "noise", {"instance-dependent": instance_dependent_labels}, ("images", "labels", "rate", "classes", "generator"),
    besides=NOISES,
)  # fmt: skip
"""Kinds of noise that depend on the images: no one matrix describes them."""


def register_noise(function: ImageNoise) -> ImageNoise:
    """Function decorator: makes a kind of noise known by the function's name.

    ::

        @gdw.register_noise
        def darker(images, labels, rate, classes, generator):
            "The darker the picture, the more often its label is drawn at random."
            dark = 1 - images.flatten(1).double().mean(1) / 255
            wrong = torch.rand(len(labels), generator=generator) < 2 * rate * dark
            return torch.where(wrong, torch.randint(classes, labels.shape, generator=generator), labels)

    Args:
        function: of images as the data set stores them ``[images, ...]``, true labels int64 ``[images]``, the rate,
            the number of classes, and the generator of all its randomness; gives observed labels int64 ``[images]``.

    Raises:
        TypeError: not a function of these five.
        ValueError: another kind of noise has its name.
    """
    return IMAGE_NOISES.add_function(function)


def observed_by(
    name: str, images: Shaped[Tensor, "images *shape"], labels: Int[Tensor, "images"], rate: float, classes: int,
    generator: torch.Generator,
) -> Int[Tensor, "images"]:  # fmt: skip
    """Observed labels by one of ``IMAGE_NOISES``, which must give a class number for each image."""
    observed = torch.as_tensor(IMAGE_NOISES.find(name)(images, labels.clone(), rate, classes, generator)).cpu()
    if observed.shape != labels.shape or observed.is_floating_point() or observed.is_complex():
        wanted = f"whole numbers [{len(labels)}]"
        raise ValueError(f"noise {name} must give {wanted}, got {observed.dtype} of shape {tuple(observed.shape)}")
    check_labels(observed, classes, f"labels by noise {name}")
    return observed.long()


def counted_matrix(
    labels: Int[Tensor, "images"], observed: Int[Tensor, "images"], classes: int
) -> Float[Tensor, "classes classes"]:
    """Share of each observed label among the images of each true class; the identity's row for an empty class."""
    counts = torch.bincount(labels * classes + observed, minlength=classes**2).view(classes, classes).double()
    total = counts.sum(1, keepdim=True)
    return torch.where(total > 0, counts / total.clamp_min(1), torch.eye(classes, dtype=torch.float64))


def wrong_label_rate(true_labels: Int[Tensor, "images"], labels: Int[Tensor, "images"]) -> float:
    """Share of labels that differ from the true ones, in [0, 1]; 0 for an empty set."""
    return (true_labels != labels).double().mean().item() if len(labels) else 0.0


IMBALANCES: dict[str, Callable[[int, int, float], float]] = {  # a class's share, by its place among the classes
    "exponential": lambda place, classes, imbalance: float(imbalance ** (place / (classes - 1))),
    "step": lambda place, classes, imbalance: 1.0 if place < (classes + 1) // 2 else imbalance,
}


def class_shares(kind: str, classes: int, imbalance: float) -> list[float]:
    """Size of each class as a share of the largest; see :func:`class_counts`."""
    one_of("imbalance kind", kind, IMBALANCES)
    number("imbalance", imbalance, 0, 1, open_low=True)
    if classes < 2:
        raise ValueError(f"an imbalance needs at least 2 classes, got {classes}")
    return [IMBALANCES[kind](place, classes, imbalance) for place in range(classes)]


def class_counts(kind: str, largest: int, classes: int, imbalance: float) -> list[int]:
    """How many images each class keeps.

    ``"exponential"``: ``n_c = n_max f^(c / (C - 1))``, a long tail; ``"step"``: the first half of the classes
    (the larger half, for an odd number) keep ``n_max``, the others ``f n_max``. Fractions are dropped, as in
    the published long-tailed CIFAR.

    Args:
        kind: a name in ``IMBALANCES``.
        largest: images of the largest class, n_max.
        classes: number of classes C, at least 2.
        imbalance: smallest class / largest, f in (0, 1].

    Raises:
        ValueError: an unknown kind, an imbalance outside (0, 1], or one that leaves a class without an image.

    Source: Class-balanced loss (Cui et al., CVPR 2019); Buda et al. 2018 for the step.
    """
    counts = [int(largest * share + COUNT_TOLERANCE) for share in class_shares(kind, classes, imbalance)]
    if min(counts) < 1:
        empty = counts.index(min(counts))
        raise ValueError(
            f"imbalance {imbalance:g} leaves class {empty} without an image: the largest class has only {largest}"
        )
    return counts
