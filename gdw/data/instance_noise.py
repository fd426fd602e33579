"""Instance-dependent noise: which images are mislabelled, and as what, depends on what they look like."""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from gdw.errors import require_between

SPREAD = 0.1  # standard deviation of the instances' rates, as published


def instance_rates(count: int, rate: float, generator: torch.Generator) -> Float[Tensor, "images"]:
    """One probability of being mislabelled for each image: normal around ``rate``, cut to [0, 1].

    Values outside are drawn again (a truncated normal), by the inverse of its distribution function.
    """
    require_between("rate", rate, 0, 1)
    normal = torch.distributions.Normal(torch.tensor(rate, dtype=torch.float64), SPREAD)
    low, high = normal.cdf(torch.tensor([0.0, 1.0], dtype=torch.float64))
    draws = torch.rand(count, generator=generator, dtype=torch.float64)
    return normal.icdf(low + (high - low) * draws).clamp(0, 1)


def instance_dependent_labels(
    images: Shaped[Tensor, "images *shape"],
    labels: Int[Tensor, "images"],
    rate: float,
    classes: int,
    generator: torch.Generator,
) -> Int[Tensor, "images"]:
    """Part-dependent noise: ``p(j | x, y) = q softmax_{j != y}(x W_y)_j`` for j other than y, and ``1 - q`` for y.

    ``q`` is the image's own rate, a normal of mean ``rate`` and standard deviation 0.1 cut to [0, 1]. ``W_y`` is a
    matrix [pixels, classes] of standard normal numbers, one for each class. x is the flattened image, here
    standardised pixel by pixel and divided by the square root of their number. Then the softmax does not
    saturate and does not depend on the size of the image (ours; the published code takes raw pixels).

    Args:
        images: as stored, before normalisation.
        labels: true labels.
        rate: mean share of wrong labels, in [0, 1].
        classes: C, at least 2.
        generator: draws the rates, the matrices and the labels.

    Returns:
        Observed labels.

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


def counted_matrix(
    labels: Int[Tensor, "images"], observed: Int[Tensor, "images"], classes: int
) -> Float[Tensor, "classes classes"]:
    """Share of each observed label among the images of each true class; the identity's row for an empty class.

    For noise that no single matrix describes: what the labels came to.
    """
    counts = torch.bincount(labels * classes + observed, minlength=classes**2).view(classes, classes).double()
    total = counts.sum(1, keepdim=True)
    return torch.where(total > 0, counts / total.clamp_min(1), torch.eye(classes, dtype=torch.float64))
